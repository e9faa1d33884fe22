"""Health, readiness, metrics, schemas and security.txt: calls that need no access token."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from app.web.http.answering_handler import STANDARD
from app.web.http.authenticated_handler import AuthenticatedHandler
from app.web.http.guarded_handler import GuardedHandler

if TYPE_CHECKING:
    from collections.abc import Callable


class HealthHandler(GuardedHandler):
    """`/healthz`: 200 while the process answers."""

    is_for_probes = True

    def get(self) -> None:
        """Answer that the process is alive."""
        self.answer({"status": "alive"})

    head = get


class ReadinessHandler(GuardedHandler):
    """`/readyz`: 200 when the service may be given clients and changes, else 503 with the parts that are not ready."""

    is_for_probes = True

    def get(self) -> None:
        """Answer with the state of each part."""
        probes = self.context.probes
        checks: dict[str, bool] = probes.readiness()
        ready = all(checks.values())
        if not ready:
            self.set_header("Retry-After", "2")
        status = "ready" if ready else "not ready"
        self.answer({"status": status, "checks": checks, "durability": probes.durability}, 200 if ready else 503)

    head = get


class MetricsHandler(AuthenticatedHandler):
    """`/metrics`, for Prometheus: open, or for its own token and for administrators (`admin:*`)."""

    is_for_probes = True

    async def get(self) -> None:
        """Answer in the text format of Prometheus."""
        pages = self.site.public_pages
        if pages.metrics_open:
            good = self.admit_anonymous()
        elif pages.is_metrics_token(self.request.headers.get("Authorization", "")):
            good = True
        else:
            good = await self.authorize_administrator() is not None
        if not good:
            return
        metrics = self.context.probes.metrics
        self.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.finish(metrics.text())

    def on_finish(self) -> None:
        """Release the body, and neither count nor record the call: metrics are read every few seconds."""
        GuardedHandler.on_finish(self)


class SecurityTxtHandler(GuardedHandler):
    """`/.well-known/security.txt` (RFC 9116): the contact for security reports; 404 without one."""

    def get(self) -> None:
        """Answer with the file, as text."""
        pages = self.site.public_pages
        text = pages.security_txt(time.time())
        if not text:
            self.refuse(404, *STANDARD[404])
            return
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(text)

    head = get


class SchemaHandler(GuardedHandler):
    """A document that describes the protocol, generated from its types once."""

    def initialize(self, describe: Callable[[], dict[str, Any]]) -> None:  # type: ignore[override]  # Tornado's way
        """Take the function that makes the schema, and remembers it."""
        super().initialize()
        self._describe = describe

    def get(self) -> None:
        """Answer with the schema as JSON."""
        self.answer(self._describe())

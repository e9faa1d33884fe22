"""Health, readiness, metrics, schemas and security.txt: calls that need no access token."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from app.web.http.authenticated_handler import AuthenticatedHandler
from app.web.http.guarded_handler import STANDARD, GuardedHandler

if TYPE_CHECKING:
    from collections.abc import Callable


class HealthHandler(GuardedHandler):
    """`/healthz`: the process answers."""

    is_for_probes = True

    def get(self) -> None:
        self.answer({"status": "alive"})

    head = get


class ReadinessHandler(GuardedHandler):
    """`/readyz`: 200 when the service may be given clients and changes, else 503; the body says which part is not."""

    is_for_probes = True

    def get(self) -> None:
        checks: dict[str, bool] = self.context.probes.readiness()
        ready = all(checks.values())
        if not ready:
            self.set_header("Retry-After", "2")
        self.answer({"status": "ready" if ready else "not ready", "checks": checks}, 200 if ready else 503)

    head = get


class MetricsHandler(AuthenticatedHandler):
    """`/metrics`, for Prometheus: open, or for its own token and for administrators (`admin:*`)."""

    is_for_probes = True

    async def get(self) -> None:
        pages = self.site.public_pages
        if pages.metrics_open:
            good = self.admit_anonymous()
        elif pages.is_metrics_token(self.request.headers.get("Authorization", "")):
            good = True
        else:
            good = await self.administrator() is not None
        if not good:
            return
        metrics = self.context.probes.metrics
        self.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.finish(metrics.text())

    def on_finish(self) -> None:
        """Reading the metrics, every few seconds, is neither counted in them nor recorded."""
        GuardedHandler.on_finish(self)


class SecurityTxtHandler(GuardedHandler):
    """`/.well-known/security.txt` (RFC 9116): where to report a hole. 404 without a contact and after its end."""

    def get(self) -> None:
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
        super().initialize()
        self._describe = describe

    def get(self) -> None:
        self.answer(self._describe())

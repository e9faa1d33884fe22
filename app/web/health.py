"""Alive, ready, measured, described: what administrators and tools ask without a token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .guard import Guarded

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.telemetry.metrics import Metrics


class Alive(Guarded):
    """`/healthz`: the process answers."""

    is_for_probes = True

    def get(self) -> None:
        self.answer({"status": "alive"})


class Ready(Guarded):
    """`/readyz`: 200 when the service may be given clients and changes, else 503; the body says which part is not."""

    is_for_probes = True

    def get(self) -> None:
        checks: dict[str, bool] = self.settings["readiness"]()
        ready = all(checks.values())
        if not ready:
            self.set_header("Retry-After", "2")
        self.answer({"status": "ready" if ready else "not ready", "checks": checks}, 200 if ready else 503)


class Measured(Guarded):
    """`/metrics`, for Prometheus."""

    is_for_probes = True

    def get(self) -> None:
        metrics: Metrics = self.settings["metrics"]
        self.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.finish(metrics.text())


class Described(Guarded):
    """A document that describes the protocol, generated from its types once."""

    def initialize(self, describe: Callable[[], dict[str, Any]]) -> None:  # type: ignore[override]  # Tornado's way
        super().initialize()
        self._describe = describe

    def get(self) -> None:
        self.answer(self._describe())

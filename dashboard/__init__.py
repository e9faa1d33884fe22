"""The operators' dashboard: a client like any other, in a process of its own or in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dashboard.notebook import Dashboard

__all__ = ["Dashboard"]


def __getattr__(name: str) -> Any:
    """`Dashboard`, when it is asked for: the pure parts are imported without Panel."""
    if name != "Dashboard":
        raise AttributeError(f"module 'dashboard' has no attribute {name!r}")
    from dashboard.notebook import Dashboard  # noqa: PLC0415

    return Dashboard

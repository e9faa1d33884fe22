"""The operators' dashboard, a client like any other, in its own process or in a notebook; a player of recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dashboard.notebook import Dashboard
    from dashboard.playback.player import Player

__all__ = ["Dashboard", "Player"]


def __getattr__(name: str) -> Any:
    """`Dashboard` and `Player`, when they are asked for: the pure parts are imported without Panel, the player too."""
    if name == "Dashboard":
        from dashboard.notebook import Dashboard  # noqa: PLC0415

        return Dashboard
    if name == "Player":
        from dashboard.playback.player import Player  # noqa: PLC0415

        return Player
    raise AttributeError(f"module 'dashboard' has no attribute {name!r}")

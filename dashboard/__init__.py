"""The operators' dashboard, a client like any other, in its own process or in a notebook; a player of recordings.

Notebooks import `Dashboard`, `Player` and `svg_charts` from here, or from `dossier_realtime_server`, which has them
in an installed wheel too.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dashboard.notebook import Dashboard
    from dashboard.playback import svg_charts
    from dashboard.playback.player import Player

__all__ = ["Dashboard", "Player", "svg_charts"]

_HOMES = {"Dashboard": "notebook", "Player": "playback.player"}


def __getattr__(name: str) -> Any:
    """Import a public name at its first use: pure modules load without Panel, and `Player` does too."""
    if name in _HOMES:
        return getattr(import_module(f"dashboard.{_HOMES[name]}"), name)
    if name == "svg_charts":
        return import_module("dashboard.playback.svg_charts")
    raise AttributeError(f"module 'dashboard' has no attribute {name!r}")

"""The page of recordings: a form that opens a player (dashboard/playback/recordings.py)."""

from __future__ import annotations

from dashboard.screen.blocks import Block
from dashboard.screen.viewer import Viewer
from dashboard.state.store import DashboardState

SPAN_MINUTES = (5, 15, 60, 240)  # as playback.recordings.Minutes lists them


def recordings(state: DashboardState, viewer: Viewer, at: float) -> list[Block]:
    """Return the form."""
    say = viewer.say
    block = {"id": "opener", "kind": "opener", "minutes": list(SPAN_MINUTES)}
    block |= {name: say(f"recordings.{name}") for name in ("title", "help", "time", "go")}
    return [block | {"fields": [[name, say(f"recordings.{name}")] for name in ("user", "channel")]}]

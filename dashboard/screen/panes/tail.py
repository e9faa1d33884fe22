"""The live tail: every message as it passes."""

from __future__ import annotations

from typing import Any

from dashboard.screen.blocks import Block, moment, peek, row, table
from dashboard.screen.listing import Rows
from dashboard.screen.viewer import Viewer
from dashboard.state.facts import TailMessage
from dashboard.state.store import MAX_TAIL, DashboardState


def tail(state: DashboardState, viewer: Viewer, at: float) -> list[Block]:
    """Return the messages that the viewer may read, latest first."""
    seen = [told for told in reversed(state.tail) if viewer.sees(state, told.channel)]
    return [
        *viewer.note(),
        *viewer.unfollowed(state),
        table(
            "tail",
            viewer.say("table.tail"),
            viewer.columns("time", "channel", "type", "user", "payload"),
            Rows(seen, _row),
            viewer.nothing("empty.tail"),
            wide=True,
            kept=viewer.bounded(MAX_TAIL, state.messages > MAX_TAIL),
        ),
    ]


def _row(told: TailMessage) -> dict[str, Any]:
    return row(str(told.number), [moment(told.at), told.channel, told.kind, told.user, peek(told.text)])

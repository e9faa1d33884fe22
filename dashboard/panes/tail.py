"""Every message, as it passes."""

from __future__ import annotations

from dashboard.blocks import Block, moment, peek, table
from dashboard.store import DashboardState
from dashboard.viewer import Viewer

_SHOWN = 100


def tail(state: DashboardState, viewer: Viewer, at: float) -> list[Block]:
    rows = []
    for told in list(state.tail)[: -_SHOWN - 1 : -1]:
        seen = viewer.sees(state, told.channel)
        rows.append(
            (
                str(told.number),
                [
                    moment(told.at),
                    viewer.channel(state, told.channel),
                    told.kind,
                    told.user if seen else "",
                    peek(told.text) if seen else viewer.say("masked"),
                ],
            )
        )
    return [
        table(
            "tail",
            viewer.say("table.tail"),
            viewer.columns("time", "channel", "type", "user", "payload"),
            rows,
            viewer.say("empty.tail"),
            wide=True,
        )
    ]

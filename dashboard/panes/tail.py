"""Every message, as it passes."""

from __future__ import annotations

from dashboard.blocks import Block, Cell, moment, peek, table
from dashboard.store import DashboardState
from dashboard.viewer import Viewer

_SHOWN = 100


def tail(state: DashboardState, viewer: Viewer, at: float) -> list[Block]:
    rows: list[tuple[str, list[Cell]]] = []
    for told in reversed(state.tail):
        if len(rows) >= _SHOWN:
            break
        if not viewer.sees(state, told.channel):
            continue
        rows.append(
            (
                str(told.number),
                [
                    moment(told.at),
                    told.channel,
                    told.kind,
                    told.user,
                    peek(told.text),
                ],
            )
        )
    return [
        *viewer.note(),
        table(
            "tail",
            viewer.say("table.tail"),
            viewer.columns("time", "channel", "type", "user", "payload"),
            rows,
            viewer.nothing("empty.tail"),
            wide=True,
        ),
    ]

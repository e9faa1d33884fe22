"""Documents at work: version, editors, operations a second."""

from __future__ import annotations

from dashboard.blocks import Block, Cell, acts, names, table
from dashboard.store import DashboardState, Document
from dashboard.viewer import Viewer
from dossier_realtime.protocol import channels


def documents(state: DashboardState, viewer: Viewer, at: float) -> list[Block]:
    say = viewer.say
    known = set(state.documents) | {
        channels.identifier(channel) for channel in state.channels if channels.is_in(channel, "document")
    }
    rows: list[tuple[str, list[Cell]]] = []
    for name in sorted(known):
        channel = channels.document(name)
        if not viewer.sees(state, channel):
            continue
        document = state.documents.get(name) or Document()
        there = state.presence.get(channel)
        listed = state.channels.get(channel, {})
        version = max(document.version, int(listed.get("position", {}).get("offset", 0)))
        rows.append(
            (
                name,
                [
                    name,
                    version,
                    names(document.editors(at)[:8]),
                    document.rate(at),
                    there.count if there else int(listed.get("users", 0)),
                    viewer.level(state.level(channel)),
                    acts(viewer.act("raise", channel, ask="level")),
                ],
            )
        )
    rows.sort(key=lambda row: (-float(str(row[1][3])), -int(str(row[1][1]))))
    return [
        *viewer.note(),
        table(
            "documents",
            say("table.documents"),
            viewer.columns("document", "version", "editors", "ops", "people", "level", "actions"),
            rows[:200],
            viewer.nothing("empty.documents"),
            wide=True,
        ),
    ]

"""The page of documents: version, editors, edits per second."""

from __future__ import annotations

from dashboard.screen.blocks import Block, Cell, actions, names, row, table
from dashboard.screen.listing import Rows
from dashboard.screen.viewer import Viewer
from dashboard.state.facts import DocumentView
from dashboard.state.store import MAX_LISTED, DashboardState
from dossier_realtime.protocol import channels


def documents(state: DashboardState, viewer: Viewer, at: float) -> list[Block]:
    """Return the documents, the busiest first."""
    listed = (channels.identifier(channel) for channel in state.channels if channels.is_in(channel, "document"))
    seen = [name for name in {*state.documents, *listed} if viewer.sees(state, channels.document(name))]
    rates = {name: document.rate(at) for name, document in state.documents.items()}
    seen.sort(key=lambda name: (-rates.get(name, 0.0), -_version(state, name), name))
    return [
        *viewer.note(),
        *viewer.unfollowed(state),
        table(
            "documents",
            viewer.say("table.documents"),
            viewer.columns("document", "version", "editors", "ops", "people", "level", "actions"),
            Rows(seen, lambda name: row(name, _cells(name, state, viewer, at))),
            viewer.nothing("empty.documents"),
            wide=True,
            kept=viewer.bounded(MAX_LISTED, state.lists_longer),
        ),
    ]


def _version(state: DashboardState, name: str) -> int:
    document, listed = state.documents.get(name), state.channels.get(channels.document(name), {})
    return max(document.version if document else 0, int(listed.get("position", {}).get("offset", 0)))


def _cells(name: str, state: DashboardState, viewer: Viewer, at: float) -> list[Cell]:
    channel, document = channels.document(name), state.documents.get(name) or DocumentView()
    there = state.presence.get(channel)
    heard = state.follows(channel)  # the editors of other documents are unknown
    return [
        name,
        _version(state, name),
        names(document.editors(at)) if heard else None,
        document.rate(at) if heard else None,
        there.count if there else int(state.channels.get(channel, {}).get("users", 0)),
        viewer.level(state.level(channel)),
        actions(viewer.action("raise", channel, ask="level")),
    ]

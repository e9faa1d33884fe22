"""The page of documents: version, editors, edits per second; open comments and suggestions, and soft locks."""

from __future__ import annotations

from dashboard.screen.blocks import Block, Cell, actions, badge, moment, names, row, table, until
from dashboard.screen.listing import Rows
from dashboard.screen.viewer import Viewer
from dashboard.state.facts import MAX_THREADS, DocumentView
from dashboard.state.store import MAX_LISTED, DashboardState
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.documents.comments import DocumentCommentPayload
from dossier_realtime.protocol.fields import QUIET_FIELD


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
            viewer.columns("document", "version", "editors", "ops", "people", "read_only", "level", "actions"),
            Rows(seen, lambda name: row(name, _cells(name, state, viewer, at))),
            viewer.nothing("empty.documents"),
            wide=True,
            kept=viewer.bounded(MAX_LISTED, state.lists_longer),
        ),
        _threads(state, viewer),
        _locks(state, viewer, at),
    ]


def _threads(state: DashboardState, viewer: Viewer) -> Block:
    """Return the open comments and suggestions, the newest first."""
    found = [
        (name, thread)
        for name, document in state.documents.items()
        if viewer.sees(state, channels.document(name))
        for thread in document.threads.values()
    ]
    every = list(state.documents.values())
    clipped = bool(state.documents.dropped) or any(one.is_clipped or one.threads.dropped for one in every)
    found.sort(key=lambda one: (-one[1].timestamp, one[0], one[1].id))
    return table(
        "threads",
        viewer.say("table.threads"),
        viewer.columns("document", "words", "kind", "person", "said", "replies", "since"),
        Rows(found, lambda one: row(f"{one[0]} {one[1].id}", _thread(*one, viewer))),
        viewer.nothing("empty.threads"),
        wide=True,
        kept=viewer.bounded(state.documents.cap * MAX_THREADS, clipped),
    )


def _thread(name: str, thread: DocumentCommentPayload, viewer: Viewer) -> list[Cell]:
    is_suggestion = thread.replacement is not None
    said = [thread.text or ""] + ([viewer.say("thread.instead", text=thread.replacement)] if is_suggestion else [])
    kind = badge(viewer.word("thread", "suggestion" if is_suggestion else "comment"), "info")
    return [
        name,
        thread.quote if not thread.orphaned else badge(viewer.say("thread.orphaned", text=thread.quote), "muted"),
        kind,
        thread.user_name,
        "\n".join(text for text in said if text),
        len(thread.replies or ()),
        moment(thread.timestamp),
    ]


def _locks(state: DashboardState, viewer: Viewer, at: float) -> Block:
    """Return the fields and clauses that users hold, by channel, and the quiet edits that are under way."""
    seen = [channel for channel in state.presence if viewer.sees(state, channel)]
    held = [(channel, lock) for channel in seen for lock in (state.locks.get(channel) or {}).values()]
    quiet = [
        (channel, user)
        for channel, there in state.presence.items()
        if viewer.sees(state, channel)
        for user in there.users.values()
        if user.field == QUIET_FIELD
    ]
    rows = [
        (
            f"{channel} {lock.held.field}",
            [
                channel,
                lock.held.field,
                lock.held.name,
                until(lock.until) if lock.until > at else viewer.say("lock.kept"),
            ],
        )
        for channel, lock in held
    ]
    rows += [
        (f"{channel} {QUIET_FIELD} {user.user_id}", [channel, viewer.say("lock.quiet"), user.name, None])
        for channel, user in quiet
    ]
    return table(
        "locks",
        viewer.say("table.locks"),
        viewer.columns("channel", "held", "person", "until"),
        Rows(sorted(rows, key=lambda one: one[0]), lambda one: row(*one)),
        viewer.nothing("empty.locks"),
        kept=viewer.kept(state.presence),
    )


def _edits(name: str, state: DashboardState, viewer: Viewer, at: float) -> Cell:
    """Return whether a document takes edits: the last that was told, else what the list of channels says."""
    channel, document = channels.document(name), state.documents.get(name)
    told = document.state if document is not None else None
    settings = state.channels.get(channel, {}).get("settings", {})
    frozen = told.frozen if told is not None else settings.get("frozen")
    ends = told.read_only_until if told is not None else settings.get("read_only_until")
    if told is not None and told.deleted:
        return badge(viewer.say("edits.deleted"), "bad")
    if ends is not None and ends > at:
        return until(ends)
    return badge(viewer.say("edits.frozen"), "warn") if frozen else badge(viewer.say("edits.taken"), "good")


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
        _edits(name, state, viewer, at),
        viewer.level(state.level(channel)),
        actions(viewer.action("raise", channel, ask="level")),
    ]

"""The page of the viewer's own inbox: what waits unread, and the marks that the viewer can set."""

from __future__ import annotations

from typing import Any

import msgspec

from dashboard.screen.blocks import Block, Cell, Tone, actions, badge, moment, row, table
from dashboard.screen.listing import Rows
from dashboard.screen.panes.work.tasks import text_of
from dashboard.screen.viewer import Viewer
from dashboard.state.inboxes import MAX_ENTRIES
from dashboard.state.store import DashboardState
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.domain.day_words import days_left
from dossier_realtime.protocol.domain.inbox_ids import InboxEvent
from dossier_realtime.protocol.events import BriefComplete, BriefFailed, CommitmentAlert, Notification, TaskAssigned
from dossier_realtime.protocol.fields import Priority
from dossier_realtime.protocol.http.inbox_forms import InboxRow

_PRIORITIES: dict[str, Tone] = {"urgent": "bad", "high": "warn", "medium": "info", "low": "muted"}


def inbox(state: DashboardState, viewer: Viewer, at: float) -> list[Block]:
    """Return what waits for the viewer, newest first; nothing that was read with another login."""
    say = viewer.say
    known = state.inboxes.get(viewer.identity)
    if known is None:
        return [_sentence(viewer, "inbox.none", "info")]
    blocks: list[Block] = []
    if known.is_denied:
        return [_sentence(viewer, "inbox.refused", "warn", status=known.refused)]
    if known.refused is not None:
        key = {0: "inbox.unreached", 200: "inbox.unreadable"}.get(known.refused, "inbox.late")
        blocks.append(_sentence(viewer, key, "warn", status=known.refused))
    entries = list(reversed(known.entries))
    last = max((entry.offset for entry in entries), default=0)
    marks = [viewer.action("read_all", str(last))] if entries else []
    return [
        *blocks,
        {"id": "figures", "kind": "figures", "items": [{"label": say("figure.unread"), "value": known.unread}]},
        {"id": "actions", "kind": "actions", "acts": marks},
        table(
            "inbox",
            say("table.inbox"),
            viewer.columns("kind", "title", "message", "priority", "received", "actions"),
            Rows(entries, lambda entry: row(entry.id, _cells(entry, viewer))),
            say("empty.inbox"),
            wide=True,
            kept=say("kept", count=f"{MAX_ENTRIES:,}") if known.unread > len(entries) else "",
        ),
    ]


def _cells(entry: InboxRow, viewer: Viewer) -> list[Cell]:
    kind, title, message, priority = _told(entry, viewer)
    return [
        viewer.word("entry", kind),
        title,
        message,
        None if priority is None else badge(viewer.word("priority", priority), _PRIORITIES[priority]),
        moment(entry.received),
        actions(
            viewer.action("read_entry", entry.id),
            viewer.action("snooze_entry", entry.id, ask="snooze"),
        ),
    ]


def _told(entry: InboxRow, viewer: Viewer) -> tuple[str, str | None, str | None, Priority | None]:
    """Return the kind of an entry, its title, what else it says, and its priority."""
    match _event(entry.event):
        case Notification(payload=said, priority=priority):
            return "notification", text_of(said.title, viewer), text_of(said.message, viewer), priority
        case TaskAssigned(payload=said):
            by = viewer.say("entry.assigned", user=said.assigned_by.name, date=said.due_date)
            return "task", text_of(said.title, viewer), by, said.priority
        case CommitmentAlert(payload=said, priority=priority):
            left = days_left(said.days_until_deadline)
            words = f"{viewer.say(f'alert.{said.alert_level}')} · {viewer.text(left.en, left.ar)}"
            return "alert", text_of(said.title, viewer), words, priority
        case BriefComplete(request_id=request_id):
            return "brief", request_id, viewer.word("brief", "complete"), None
        case BriefFailed(request_id=request_id, payload=said):
            return "brief", request_id, text_of(said.error, viewer), None
        case _:
            return "unknown", entry.id, None, None


def _event(said: dict[str, Any] | None) -> InboxEvent | None:
    """Return the event of an entry; None for one of another version of the service."""
    try:
        event = None if said is None else codec.decode_event(msgspec.json.encode(said))
    except (msgspec.ValidationError, msgspec.DecodeError):
        return None
    return event if isinstance(event, InboxEvent) else None


def _sentence(viewer: Viewer, key: str, tone: Tone, **values: object) -> Block:
    return {"id": "inbox-note", "kind": "banner", "tone": tone, "text": viewer.say(key, **values)}

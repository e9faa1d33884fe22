"""The inbox and the tasks of a FakeServer's user, over its socket and over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from tornado.web import RequestHandler

from dossier_realtime.protocol.commands import AcknowledgeNotifications, SnoozeNotification
from dossier_realtime.protocol.domain.inbox import InboxState, InboxStatePayload
from dossier_realtime.protocol.domain.inbox_ids import entry_id
from dossier_realtime.protocol.events import Event
from dossier_realtime.protocol.http.inbox_forms import InboxPage, InboxRow, TaskRow, TaskRows

Publish = Callable[[InboxState], Any]
"""A function that publishes a state on the user's channel, and returns it with its offset."""


class FakeInbox:
    """The entries of the user, by id in the order of their events; `tasks` are the rows of `GET /v1/tasks`.

    `page_size` is the number of entries in one page. A snoozed entry comes back by `wake`, whatever its time.
    """

    def __init__(self, channel: Callable[[], str], publish: Publish, received: int) -> None:
        self.entries: dict[str, InboxRow] = {}
        self.tasks: list[TaskRow] = []
        self.page_size = 200
        self._channel, self._publish, self._received = channel, publish, received

    @property
    def unread(self) -> list[str]:
        """The ids of the entries that are neither read nor snoozed."""
        return [name for name, row in self.entries.items() if not row.read and row.snoozed_until is None]

    def add(self, event: Event, offset: int) -> None:
        """Add the entry of an event; the same id again is no second entry."""
        name = entry_id(event)
        if name is not None and name not in self.entries:
            shown = msgspec.to_builtins(event)
            self.entries[name] = InboxRow(id=name, offset=offset, received=self._received, read=False, event=shown)

    def wake(self, name: str) -> None:
        """Make a snoozed entry unread again, and say so to every client."""
        self.entries[name].snoozed_until = None
        self._say(returned=[name])

    def handle(self, command: AcknowledgeNotifications | SnoozeNotification) -> tuple[bool, int | None]:
        """Mark or snooze entries; return False where none is there, and the offset of the state that says so."""
        if isinstance(command, SnoozeNotification):
            row = self.entries.get(command.payload.id)
            if row is None:
                return False, None
            row.read, row.snoozed_until = False, command.payload.until
            return True, self._say()
        up_to, ids = command.payload.up_to, command.payload.ids
        if up_to is None:
            rows = [self.entries[name] for name in ids or () if name in self.entries]
            if not rows:
                return False, None
        else:
            rows = [self.entries[name] for name in self.unread if self.entries[name].offset <= up_to]
        changed = [row for row in rows if not row.read]
        for row in changed:
            row.read, row.snoozed_until = True, None
        return True, self._say(up_to=up_to) if changed else None

    def page(self, after: int, limit: int, *, unread: bool) -> InboxPage:
        """Return the entries after an offset."""
        rows = [row for row in self.entries.values() if row.offset > after and (not unread or row.id in self.unread)]
        size = min(limit, self.page_size)
        following = rows[size - 1].offset if len(rows) > size else None
        return InboxPage(rows[:size], len(self.unread), following)

    def listed(self, channel: str, assignee: str) -> TaskRows:
        """Return the tasks of a channel, an assignee or both."""
        fitting = (row for row in self.tasks if channel in ("", row.channel))
        return TaskRows([row for row in fitting if assignee in ("", row.assigned_to)])

    def _say(self, *, up_to: int | None = None, returned: Iterable[str] = ()) -> int:
        payload = InboxStatePayload(unread=len(self.unread), up_to=up_to, returned=list(returned) or None)
        offset: int = self._publish(InboxState(channel=self._channel(), payload=payload)).offset
        return offset


class FakePages(RequestHandler):
    """`GET /v1/inbox` and `GET /v1/tasks` of a FakeServer; `refusal` gives the status with which to refuse, if any."""

    def initialize(self, inbox: FakeInbox, refusal: Callable[[], tuple[int, int | None] | None]) -> None:
        """Set the attributes of the handler, as Tornado asks for."""
        self.inbox, self.refusal = inbox, refusal

    def get(self, name: str) -> None:
        """Answer with the page."""
        refused = self.refusal()
        if refused is not None:
            self.set_status(refused[0])
            self.finish(b"")
            return
        asked: Callable[[str, str], str] = self.get_query_argument
        if name == "tasks":
            page: object = self.inbox.listed(asked("channel", ""), asked("assignee", ""))
        else:
            after, limit = int(asked("after", "0")), int(asked("limit", "200"))
            page = self.inbox.page(after, limit, unread=asked("unread", "false") in ("true", "1"))
        self.set_header("Content-Type", "application/json")
        self.finish(msgspec.json.encode(page))

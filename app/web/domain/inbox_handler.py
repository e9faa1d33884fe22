"""`/v1/inbox`: the events that wait for the caller, and the marks of them (docs/protocol.md#inbox)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from app.journal.acts import Act
from app.services.domain.inboxes import MAX_SNOOZE_SECONDS, UnknownEntryError
from app.services.errors import Unavailable
from app.web.operators.operator_handler import OperatorHandler
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.authorization import Right, access
from dossier_realtime.protocol.commands import NotificationAckPayload, NotificationSnoozePayload
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.http.inbox_forms import InboxMarked, InboxPage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from app.journal.acts import Facts, Verb
    from app.services.domain.inboxes import Inboxes
    from app.services.publisher import PublishResult
    from dossier_realtime.protocol.authorization import Identity

_MAX_ROWS = 200
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


class InboxCallHandler(OperatorHandler):
    """The checks that calls about the caller's own inbox share."""

    @property
    def inboxes(self) -> Inboxes:
        """The service behind the calls."""
        return self.context.domain.inboxes

    async def own_inbox(self) -> Identity | None:
        """Return the caller, who may read their own channel; answer where not."""
        identity = await self.authenticate()
        if identity is None:
            return None
        own = channels.user(identity.user_id)
        if not self.require(lambda: access(identity, Right.READ, own, self.policy).allowed):
            self.forbid()
            return None
        return identity

    async def begin(self, identity: Identity, verb: Verb, after: Facts) -> bool:
        """Record what is about to be marked, before it is; answer 503 and return False where nothing can be read."""
        try:
            unread = await self.inboxes.unread(identity.user_id)
        except Unavailable:
            self.unavailable()
            return False
        own = channels.user(identity.user_id)
        await self.act(Act(verb, "inbox", identity.user_id, own, before={"unread": unread}, after=after))
        return True

    async def settle(self, identity: Identity, work: Awaitable[PublishResult | None], path: str) -> None:
        """Mark entries, and answer with what is unread then. `path`: the place of the ids in the body."""
        started = self.now()
        try:
            result = await work
            unread = await self.inboxes.unread(identity.user_id)
        except UnknownEntryError:
            text = "No such entry is in your inbox; read it with GET /v1/inbox"
            self.refuse(404, ErrorCode.NOT_FOUND, text, path=path)
            return
        except Unavailable:
            self.unavailable()
            return
        self.unchanged = result is None
        if result is not None:
            self.record_published([result], started)
        self.answer(InboxMarked(unread, None if result is None else result.offset))


class InboxHandler(InboxCallHandler):
    """A page of the caller's own inbox, oldest first: `after` (an offset), `limit`, `unread`, `digest`."""

    polled = True

    async def get(self) -> None:
        """Answer with the page."""
        identity = await self.own_inbox()
        if identity is None:
            return
        after = self.query_number("after", 0, 0, 2**53 - 1)
        limit = None if after is None else self.query_number("limit", _MAX_ROWS, 1, _MAX_ROWS)
        unread = None if limit is None else self._flag("unread")
        digest = None if unread is None else self._flag("digest")
        if after is None or limit is None or unread is None or digest is None:
            return
        try:
            page = await self.inboxes.page(identity.user_id, after, limit, unread=unread, digest=digest)
        except Unavailable:
            self.unavailable()
            return
        self.answer(InboxPage(page.rows, page.unread, page.more))

    def _flag(self, name: str) -> bool | None:
        text = self.get_query_argument(name, "false")
        if text not in _FLAGS:
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, f"{name} is true or false")
        return _FLAGS.get(text)


class InboxAckHandler(InboxCallHandler):
    """`POST /v1/inbox/ack`: the HTTP twin of `notification_ack`."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"post": ("mark_read",)}

    async def post(self) -> None:
        """Mark entries as read, on all devices of the caller."""
        identity = await self.own_inbox()
        body = None if identity is None else self.read_body(NotificationAckPayload)
        if identity is None or body is None:
            return
        if (body.ids is None) == (body.up_to is None):
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, "Name either ids or up_to", path="$")
            return
        user_id, up_to = identity.user_id, body.up_to
        if body.ids is not None:
            if await self.begin(identity, "mark_read", {"read": len(body.ids)}):
                await self.settle(identity, self.inboxes.read(user_id, body.ids), "$.ids")
        elif up_to is not None and await self.begin(identity, "mark_read", {"up_to": up_to}):
            await self.settle(identity, self.inboxes.read_up_to(user_id, up_to), "$.up_to")


class InboxSnoozeHandler(InboxCallHandler):
    """`POST /v1/inbox/snooze`: the HTTP twin of `notification_snooze`."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"post": ("snooze_entry",)}

    async def post(self) -> None:
        """Let an entry wait until a time."""
        identity = await self.own_inbox()
        body = None if identity is None else self.read_body(NotificationSnoozePayload)
        if identity is None or body is None:
            return
        now = self.context.access.clock().wall
        if not now < body.until <= now + MAX_SNOOZE_SECONDS:
            text = "An entry is snoozed until a time within the next 90 days, in Unix seconds"
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, text, path="$.until")
            return
        if await self.begin(identity, "snooze_entry", {"until": body.until}):
            await self.settle(identity, self.inboxes.snooze(identity.user_id, body.id, body.until), "$.id")

"""`GET /v1/inbox`: the events that wait for the caller (docs/protocol.md#inbox)."""

from __future__ import annotations

from app.services.errors import Unavailable
from app.web.operators.operator_handler import OperatorHandler
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.authorization import Right, access
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.http.inbox_forms import InboxPage

_MAX_ROWS = 200
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


class InboxHandler(OperatorHandler):
    """A page of the caller's own inbox, oldest first: `after` (an offset), `limit`, `unread`, `digest`."""

    async def get(self) -> None:
        """Answer with the page."""
        identity = await self.authenticate()
        if identity is None:
            return
        own = channels.user(identity.user_id)
        if not self.require(lambda: access(identity, Right.READ, own, self.policy).allowed):
            self.forbid()
            return
        after = self.query_number("after", 0, 0, 2**53 - 1)
        limit = None if after is None else self.query_number("limit", _MAX_ROWS, 1, _MAX_ROWS)
        unread = None if limit is None else self._flag("unread")
        digest = None if unread is None else self._flag("digest")
        if after is None or limit is None or unread is None or digest is None:
            return
        try:
            page = await self.context.domain.inboxes.page(identity.user_id, after, limit, unread=unread, digest=digest)
        except Unavailable:
            self.unavailable()
            return
        self.answer(InboxPage(page.rows, page.unread, page.more))

    def _flag(self, name: str) -> bool | None:
        text = self.get_query_argument(name, "false")
        if text not in _FLAGS:
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, f"{name} is true or false")
        return _FLAGS.get(text)

"""`GET /v1/tasks`: the tasks of a channel, of an assignee, or all (docs/protocol.md#tasks)."""

from __future__ import annotations

from app.services.errors import Unavailable
from app.web.operators.operator_handler import OperatorHandler
from app.web.operators.pages import MAX_ROWS
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.http.inbox_forms import TaskRows


class TaskListHandler(OperatorHandler):
    """A page of tasks that the caller may see: `channel`, `assignee`, `after` (`next` of the page before), `limit`."""

    polled = True

    async def get(self) -> None:
        """Answer with the page; tasks of channels that the caller may not read are left out."""
        identity = await self.authenticate()
        if identity is None:
            return
        channel, assignee = self.get_query_argument("channel", ""), self.get_query_argument("assignee", "")
        if (channel and not self.check_channel(channel)) or (assignee and not self.check_id(assignee)):
            return
        limit = self.query_number("limit", MAX_ROWS, 1, MAX_ROWS)
        if limit is None:
            return
        asked = self.get_query_argument("after", "")
        after = self.context.domain.tasks.place(asked)
        if asked and after is None:
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, "after is what `next` of the page before says")
            return
        try:
            page = await self.context.domain.tasks.page(
                identity, channel=channel, assignee=assignee, after=after, limit=limit
            )
        except Unavailable:
            self.unavailable()
            return
        self.answer(TaskRows(page.tasks, page.more))

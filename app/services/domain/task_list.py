"""Lists of tasks, by the rights of their reader (docs/protocol.md#tasks)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.core.domain.projections import tasks as core

from .places import read_place
from .visible_pages import VisiblePages

if TYPE_CHECKING:
    from app.engine.ports.records import ListPlace, Record, RecordStore
    from app.services.publisher import EventPublisher
    from dossier_realtime.protocol.authorization import Identity
    from dossier_realtime.protocol.http.inbox_forms import TaskRow


class TaskPage(NamedTuple):
    """Tasks, open ones first, then by their date; `more`: the place after which the next page begins, as text."""

    tasks: list[TaskRow]
    more: str | None


class TaskList:
    """The tasks that events spoke of."""

    def __init__(self, records: RecordStore, publisher: EventPublisher) -> None:
        self._pages = VisiblePages(records, lambda place: place.text)
        self._publisher = publisher

    async def page(
        self, reader: Identity, *, channel: str = "", assignee: str = "", after: ListPlace | None = None, limit: int
    ) -> TaskPage:
        """Return the tasks of a channel or of an assignee (or of both) that the reader may see.

        A page may be short, or empty, and yet have a `next`: enough was looked at. Raises Unavailable.
        """
        label = f"channel:{channel}" if channel else f"assignee:{assignee}"

        def sees(record: Record) -> bool:
            return self._fits(record, reader, channel, assignee)

        page = await self._pages.page(core.KIND, label, after, limit, sees)
        return TaskPage([core.decode(record.body) for record in page.records], page.more)

    def place(self, text: str) -> ListPlace | None:
        """Return the place that the `next` of a page says; None for any other text."""
        return read_place(text) or self._pages.opened(text)

    def _fits(self, record: Record, reader: Identity, channel: str, assignee: str) -> bool:
        task = core.decode(record.body)
        if (channel and task.channel != channel) or (assignee and task.assigned_to != assignee):
            return False
        return self._publisher.shown_to(reader, (task.channel,))

"""Lists of tasks, by the rights of their reader (docs/protocol.md#tasks)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.core.domain.projections import tasks as core

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
        self._records = records
        self._publisher = publisher

    async def page(
        self, reader: Identity, *, channel: str = "", assignee: str = "", after: ListPlace | None = None, limit: int
    ) -> TaskPage:
        """Return the tasks of a channel or of an assignee (or of both) that the reader may see. Raises Unavailable."""
        label = f"channel:{channel}" if channel else f"assignee:{assignee}"
        place = after
        shown: list[Record] = []
        while len(shown) <= limit:
            found = await self._records.listed(core.KIND, label, place, limit + 1)
            if not found:
                break
            place = found[-1].place
            shown += [record for record in found if self._fits(record, reader, channel, assignee)]
            if len(found) <= limit:
                break
        more = shown[limit - 1].place.text if len(shown) > limit else None
        return TaskPage([core.decode(record.body) for record in shown[:limit]], more)

    def _fits(self, record: Record, reader: Identity, channel: str, assignee: str) -> bool:
        task = core.decode(record.body)
        if (channel and task.channel != channel) or (assignee and task.assigned_to != assignee):
            return False
        return self._publisher.shown_to(reader, (task.channel,))

"""Lists of tasks, by the rights of their reader (docs/protocol.md#tasks)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.core.domain.projections import tasks as core
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.domain.task_rows import is_assignment, joined, place_key

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
        self._records = records
        self._pages = VisiblePages(records, lambda place: place.text)
        self._publisher = publisher

    async def page(
        self, reader: Identity, *, channel: str = "", assignee: str = "", after: ListPlace | None = None, limit: int
    ) -> TaskPage:
        """Return the tasks of a channel, of an assignee, of both, or all, that the reader may see.

        A page may be short, or empty, and yet have a `next`: enough was looked at. Raises Unavailable.
        """
        label = f"channel:{channel}" if channel else f"assignee:{assignee}" if assignee else core.ALL

        def sees(record: Record) -> bool:
            return self._fits(record, reader, channel, assignee)

        if channel and not self._publisher.shown_to(reader, (channel,)):
            # One look, as for a workspace without tasks: neither `next` nor the time shows how much is hidden.
            await self._pages.page(core.KIND, label, after, 1, lambda _: True)
            return TaskPage([], None)
        page = await self._pages.page(core.KIND, label, after, limit, sees)
        rows = [core.decode(record.body) for record in page.records]
        return TaskPage(await self._joined(reader, rows), page.more)

    async def _joined(self, reader: Identity, rows: list[TaskRow]) -> list[TaskRow]:
        """Return the rows, assignments with the state that a workspace tells which the reader may read."""
        keys = {
            place: place_key(channels.identifier(row.channel), row.task_id)
            for place, row in enumerate(rows)
            if is_assignment(row)
        }
        if not keys:
            return rows
        kept = await self._records.find(core.PLACES, list(dict.fromkeys(keys.values())))
        workspaces = {
            place: [name for name in core.places(kept[key].body) if self._publisher.shown_to(reader, (name,))]
            for place, key in keys.items()
            if key in kept
        }
        wanted = {core.task_key(name, rows[place].task_id) for place, names in workspaces.items() for name in names}
        told = await self._records.find(core.KIND, list(wanted)) if wanted else {}
        for place, names in workspaces.items():
            found = (told.get(core.task_key(name, rows[place].task_id)) for name in names)
            rows[place] = joined(rows[place], [core.decode(one.body) for one in found if one is not None])
        return rows

    def place(self, text: str) -> ListPlace | None:
        """Return the place that the `next` of a page says; None for any other text."""
        return read_place(text) or self._pages.opened(text)

    def _fits(self, record: Record, reader: Identity, channel: str, assignee: str) -> bool:
        task = core.decode(record.body)
        if (channel and task.channel != channel) or (assignee and task.assigned_to != assignee):
            return False
        return self._publisher.shown_to(reader, (task.channel,))

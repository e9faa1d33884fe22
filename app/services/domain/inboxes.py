"""Inboxes of users: reading, marking as read, and snoozing entries (docs/protocol.md#inbox)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.core.domain.projections import inbox as core
from app.engine.ports.errors import Moved
from app.engine.ports.records import ListPlace, RecordChange, order_of
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.domain.inbox import InboxState, InboxStatePayload
from dossier_realtime.protocol.http.inbox_forms import InboxRow

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from app.core.domain.projections.inbox import InboxEntry
    from app.engine.ports.events import PublishResult
    from app.engine.ports.records import Record, RecordStore
    from app.services.publisher import EventPublisher

_MAX_CHANGED: Final = 200  # entries in one commit: bounds the time that it takes from others
MAX_SNOOZE_SECONDS: Final = 90 * 86_400


class UnknownEntryError(Exception):
    """Raised when none of the named entries is in the inbox."""


@dataclass(frozen=True, slots=True)
class InboxPageOf:
    """A page of an inbox. `more`: the offset after which the next page begins; None on the last one."""

    rows: list[InboxRow]
    unread: int
    more: int | None


class Inboxes:
    """The inboxes of all users; entries are made with the events that `EventPublisher` commits."""

    def __init__(self, records: RecordStore, publisher: EventPublisher) -> None:
        self._records = records
        self._publisher = publisher

    async def page(
        self, user_id: str, after: int, limit: int, *, unread: bool = False, digest: bool = False
    ) -> InboxPageOf:
        """Return entries after an offset, oldest first. `digest`: those of low priority as one row an hour.

        Raises Unavailable.
        """
        label = core.unread_of(user_id) if unread else core.all_of(user_id)
        place = ListPlace(order_of(after), "\U0010ffff")
        found = await self._records.listed(core.KIND, label, place, limit + 1)
        more = int(found[limit - 1].order) if len(found) > limit else None
        rows = _rows(found[:limit], digest=digest)
        return InboxPageOf(rows, await self.unread(user_id), more)

    async def unread(self, user_id: str) -> int:
        """Return the number of entries that wait unread, without those that are snoozed. Raises Unavailable."""
        return await self._records.count(core.KIND, core.unread_of(user_id))

    async def read(self, user_id: str, ids: Sequence[str]) -> PublishResult | None:
        """Mark entries as read; return the place of the `inbox_state` that says so, None where all were read.

        Ids of entries that are not there (any more) are passed over. Raises UnknownEntryError where none is there, and
        Unavailable.
        """
        keys = [core.entry_key(user_id, name) for name in ids]

        async def some() -> Iterable[Record]:
            found = await self._records.find(core.KIND, keys)
            if not found:
                raise UnknownEntryError
            return found.values()

        return await self._change(user_id, some, core.as_read)

    async def read_up_to(self, user_id: str, offset: int) -> PublishResult | None:
        """Mark all unread entries up to an offset as read; else as `read`."""
        last: PublishResult | None = None
        while True:

            async def some() -> Iterable[Record]:
                found = await self._records.listed(core.KIND, core.unread_of(user_id), None, _MAX_CHANGED)
                return [record for record in found if record.order <= order_of(offset)]

            result = await self._change(user_id, some, core.as_read, up_to=offset)
            if result is None:
                return last
            last = result

    async def snooze(self, user_id: str, name: str, until: int) -> PublishResult | None:
        """Let an entry wait as unread from `until` (Unix seconds) on; else as `read`."""
        key = core.entry_key(user_id, name)

        async def some() -> Iterable[Record]:
            found = await self._records.find(core.KIND, [key])
            if not found:
                raise UnknownEntryError
            return found.values()

        return await self._change(user_id, some, lambda entry: core.as_snoozed(entry, until))

    async def wake(self, record: Record, now: float) -> None:
        """Make an entry unread again whose snoozing is over at `now`, in Unix seconds. Raises Unavailable."""
        user_id = record.key.partition("/")[0]

        async def some() -> Iterable[Record]:
            return (await self._records.find(core.KIND, [record.key])).values()

        await self._change(user_id, some, lambda entry: core.as_due(entry, now), returning=True)

    async def _change(
        self,
        user_id: str,
        some: Callable[[], Awaitable[Iterable[Record]]],
        step: Callable[[InboxEntry], InboxEntry | None],
        up_to: int | None = None,
        *,
        returning: bool = False,
    ) -> PublishResult | None:
        """Change entries and publish the state after it, in one commit; None where nothing changes."""
        channel = channels.user(user_id)
        while True:
            head = (await self._records.find(core.HEAD, [user_id])).get(user_id)
            unread = await self.unread(user_id)
            changes: list[RecordChange] = []
            ids: list[str] = []
            for record in await some():
                entry = step(core.decode(record.body))
                if entry is None:
                    continue
                ids.append(entry.id)
                folded = core.folded(entry, user_id)
                unread += _counted(folded.labels, user_id) - _counted(record.labels, user_id)
                changes.append(
                    RecordChange(
                        *(core.KIND, record.key, record.revision, folded.body, folded.labels, record.order),
                        due=folded.due,
                        expires=folded.expires,
                    )
                )
            if not changes:
                return None
            changes.append(RecordChange(core.HEAD, user_id, 0 if head is None else head.revision, b"{}"))
            payload = InboxStatePayload(unread=unread, up_to=up_to, returned=ids if returning else None)
            state = InboxState(channel=channel, payload=payload)
            try:
                (result,) = await self._publisher.commit([(channel, state)], changes)
            except Moved:
                continue  # another device changed it, or an entry came: count again
            return result


def _counted(labels: Sequence[str], user_id: str) -> int:
    return int(core.unread_of(user_id) in labels)


def _rows(records: Sequence[Record], *, digest: bool) -> list[InboxRow]:
    rows: list[InboxRow] = []
    digests: dict[int, InboxRow] = {}
    for record in records:
        entry, offset = core.decode(record.body), int(record.order)
        hour = core.hour_of(entry) if digest else None
        if hour is None:
            event = core.shown(entry.event, offset)
            row = InboxRow(id=entry.id, offset=offset, received=entry.received, read=entry.read, event=event)
            row.snoozed_until = entry.snoozed_until
            rows.append(row)
            continue
        whole = digests.get(hour)
        if whole is None:
            start = hour * 3600
            whole = digests[hour] = InboxRow(id=f"digest.{start}", offset=offset, received=start, read=True, ids=[])
            rows.append(whole)
        whole.ids = [*(whole.ids or ()), entry.id]
        whole.offset, whole.read = offset, whole.read and entry.read
    return rows

"""The deletion of a document with what belongs to it: its comments, and its pair with a counterpart.

The document goes first, so that a deletion that fails loses nothing. A record notes it before that; what a crash or a
failing store left behind is removed once the note is due.

Source: docs/protocol.md#deleted-documents.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from app.core.position import StreamPosition
from app.engine.ports.errors import Moved, TipMoved
from app.engine.ports.records import RecordChange
from dossier_realtime.protocol import channels

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.engine.ports.events import Broker
    from app.engine.ports.records import Record, RecordStore
    from app.services.commenting.comments import Comments
    from app.services.editing.documents import Documents
    from app.services.publisher import EventPublisher

    from .pairs import Pairs

KIND: Final = "document_deletion"
_DUE_SECONDS: Final = 10.0  # after the call, which has ended it by then


class _Note(Struct, frozen=True):
    """The history that is deleted, and the number of comments that were made in it."""

    epoch: str
    made: int


class DocumentDeletion:
    """The one way in which documents are deleted."""

    def __init__(
        self,
        records: RecordStore,
        broker: Broker,
        publisher: EventPublisher,
        documents: Documents,
        comments: Comments,
        pairs: Pairs,
        now: Callable[[], float],
    ) -> None:
        self._records, self._broker, self._publisher, self._now = records, broker, publisher, now
        self._documents, self._comments, self._pairs = documents, comments, pairs

    async def delete(self, channel: str, version: int) -> bool:
        """Delete a document of this version; return False where it has another one by now. Raises Unavailable."""
        async with self._comments.lock(channel):
            note, revision = await self._noted(channel)
            try:
                await self._documents.delete(channel, StreamPosition(note.epoch, version, 1))
            except TipMoved:
                # This note may have taken the place of another call's, which has deleted the document since.
                await self._follow_deleted(channel, note)
                is_deleted = False
            else:
                await self._follow(channel, note)
                is_deleted = True
            with suppress(Moved):  # a later call has noted its own deletion, and ends that
                await self._end(channel, revision)
        return is_deleted

    async def _noted(self, channel: str) -> tuple[_Note, int]:
        """Note that the present history of a document is to be deleted; return the note and its revision."""
        while True:
            note = _Note((await self._broker.position(channel)).epoch, await self._comments.made(channel))
            known = (await self._records.find(KIND, [channel])).get(channel)
            if known is not None:
                await self._follow_deleted(channel, msgspec.json.decode(known.body, type=_Note))  # it was cut off
            revision = 0 if known is None else known.revision
            due = self._now() + _DUE_SECONDS
            try:
                await self._publisher.commit(
                    [], [RecordChange(KIND, channel, revision, msgspec.json.encode(note), due=due)]
                )
            except Moved:
                continue  # another node deletes it too
            return note, revision + 1

    async def complete(self, record: Record, _: float) -> None:
        """Complete a deletion that was cut off. Raises Moved and Unavailable."""
        channel = record.key
        async with self._comments.lock(channel):
            if (await self._records.find(KIND, [channel])).get(channel) != record:
                return  # its call has ended it
            note = msgspec.json.decode(record.body, type=_Note)
            await self._follow_deleted(channel, note)
            await self._end(channel, record.revision)

    async def _follow_deleted(self, channel: str, note: _Note) -> None:
        if (await self._broker.position(channel)).epoch != note.epoch:  # else it was not deleted
            await self._follow(channel, note)

    async def _follow(self, channel: str, note: _Note) -> None:
        await self._comments.clear(channel, note.made)
        await self._pairs.part(channels.identifier(channel))

    async def _end(self, channel: str, revision: int) -> None:
        await self._publisher.commit([], [RecordChange(KIND, channel, revision, None)])

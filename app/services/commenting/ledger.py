"""The threads of comments in the store, and the commit of a change with the event that tells it."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4
from weakref import WeakValueDictionary

from app.core.domain.comments import threads as core
from app.core.domain.comments.threads import CommentError, CommentThread
from app.engine.ports.documents import CommitExtras
from app.engine.ports.records import RecordChange, order_of
from app.journal.acts import Act
from app.services.commenting.places import key_of
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.documents.comments import DocumentComment, DocumentCommentPayload
from dossier_realtime.protocol.errors import ErrorCode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from app.core.domain.comments.places import Places
    from app.core.instant import Instant
    from app.engine.ports.records import Record, RecordStore
    from app.journal.acts import Facts, RecordAct, Verb
    from app.services.commenting.places import PresentPlaces
    from app.services.publisher import EventPublisher
    from dossier_realtime.protocol.authorization import Identity


class KeptThread(NamedTuple):
    """A thread and its record."""

    record: Record
    thread: CommentThread


class ChangedComment(NamedTuple):
    """A comment after an act. `unchanged`: there was nothing to do."""

    comment: DocumentCommentPayload
    unchanged: bool = False


class CommentAct:
    """One act of a caller on the comments of a document. `key` makes a resend harmless."""

    def __init__(self, channel: str, identity: Identity, act: RecordAct, key: str = "") -> None:
        self.channel, self.identity, self.key = channel, identity, key
        self._act: RecordAct | None = act

    async def record(self, verb: Verb, before: Facts, after: Facts) -> None:
        """Record the act before it is done, once however often it is tried."""
        act, self._act = self._act, None
        if act is not None:
            document_id = channels.identifier(self.channel)
            await act(Act(verb, "document", document_id, self.channel, before=before, after=after))

    def named(self, content: bytes, within: str = "") -> tuple[str, str]:
        """Return the id of what the act makes, and a digest of its content; the same for a resend under its key."""
        digest = hashlib.blake2b(content, digest_size=8).hexdigest()
        if not self.key:
            return uuid4().hex[:16], digest
        name = "\0".join((self.identity.user_id, self.channel, within, self.key)).encode()
        return hashlib.blake2b(name, digest_size=8).hexdigest(), digest


class CommentLedger:
    """The threads of all documents' comments."""

    def __init__(self, records: RecordStore, publisher: EventPublisher, clock: Callable[[], Instant]) -> None:
        self.records, self._publisher, self._clock = records, publisher, clock
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @property
    def now(self) -> int:
        """The present time, in Unix seconds."""
        return int(self._clock().wall)

    def lock(self, channel: str) -> asyncio.Lock:
        """Return the lock under which the comments of a document are changed."""
        lock = self._locks.get(channel)
        if lock is None:
            lock = self._locks[channel] = asyncio.Lock()
        return lock

    async def find(self, channel: str, name: str) -> KeptThread | None:
        """Return a thread; None where there is none. Raises Unavailable."""
        key = key_of(channel, name)
        record = (await self.records.find(core.KIND, [key])).get(key)
        return None if record is None else KeptThread(record, core.decode(record.body))

    async def found(self, channel: str, name: str) -> KeptThread:
        """Return a thread. Raises CommentError where there is none, and Unavailable."""
        kept = await self.find(channel, name)
        if kept is None:
            raise CommentError(404, ErrorCode.NOT_FOUND, "There is no such comment; it may have been removed")
        return kept

    @asynccontextmanager
    async def charged(self, by: Identity, size: int) -> AsyncIterator[None]:
        """Charge bytes that are stored for a user, and give them back where the block raises.

        Raises QuotaExceeded and Unavailable.
        """
        quotas = self._publisher.quotas
        await quotas.charge(by.user_id, by.role, channels=0, stored=size)
        try:
            yield
        except BaseException:
            quotas.give_back(by.user_id, channels=0, stored=size)
            raise

    async def store(self, *changes: RecordChange) -> None:
        """Commit changes without an event. Raises Moved and Unavailable."""
        await self._publisher.commit([], changes)

    def with_edit(self, channel: str, told: DocumentCommentPayload, change: RecordChange) -> CommitExtras:
        """Return a changed thread, with the event that tells it, for the commit of an edit. Raises Unavailable."""
        event = DocumentComment(channel=channel, payload=told)
        return CommitExtras([change], self._publisher.entries([(channel, event)]))

    async def commit(
        self,
        channel: str,
        comment: DocumentCommentPayload,
        present: PresentPlaces,
        places: Places,
        change: RecordChange,
    ) -> ChangedComment:
        """Commit a changed thread with the places of all, and tell those who have the document open.

        Raises Moved and Unavailable.
        """
        anchor = places.anchors.get(comment.id)
        told = comment if anchor is None else core.placed(comment, anchor, places.version)
        event = DocumentComment(channel=channel, payload=told)
        await self._publisher.commit([(channel, event)], [change, present.change(channel, places)])
        return ChangedComment(told)


def shown(comment: DocumentCommentPayload, present: PresentPlaces) -> DocumentCommentPayload:
    """Return a comment at its place in the text of now."""
    return core.placed(comment, present.anchor(comment.id), present.places.version)


def thread_change(channel: str, kept: Record | None, thread: CommentThread, number: int = 0) -> RecordChange:
    """Return the change of a thread's record; a new one is the `number`-th of its document. Raises CommentError."""
    key = key_of(channel, thread.comment.id)
    revision, order = (0, order_of(number)) if kept is None else (kept.revision, kept.order)
    return RecordChange(core.KIND, key, revision, core.encode(thread), core.labels(channel, thread), order)

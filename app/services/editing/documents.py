"""Documents that many people edit: one queue each (`document_queue`), and what readers receive of them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from app.core.domain import documents as core
from app.core.domain import whole_texts
from app.core.domain.documents import EditError, VersionedDocument
from app.engine.ports.control import ControlCommand
from dossier_realtime.protocol.responses import DocumentState

from .cursors import Cursors, placed_cursors
from .differences import Differences
from .document_log import reaching_back, replay
from .document_queue import DocumentQueue
from .edit_submission import WholeText
from .pending_versions import PendingVersion
from .shared_texts import SharedText, SharedTexts

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.core.position import StreamPosition
    from app.engine.ports.control import ControlBus
    from app.engine.ports.documents import DocumentStore
    from app.engine.ports.events import Broker
    from app.engine.ports.presence import CursorStore
    from app.services.quotas import Quotas
    from dossier_realtime.ot.document import Document
    from dossier_realtime.ot.operations import Operation
    from dossier_realtime.protocol.responses import RestingCursor

    from .edit_submission import EditSubmission

_MAX_BEHIND = 1_000  # versions, of a cursor of another node: each places its own anew long before
IDLE_SECONDS = 60.0  # without an edit, after which a document that nobody has open is dropped from memory


class Documents:
    """The open documents of this node."""

    def __init__(
        self,
        store: DocumentStore,
        broker: Broker,
        ready: Callable[[], bool],
        in_use: Callable[[str], bool],
        quotas: Quotas,
        control: ControlBus,
        cursors: CursorStore,
    ) -> None:
        self._store, self._broker, self._ready, self._in_use = store, broker, ready, in_use
        self._quotas, self._control = quotas, control
        self.differences = Differences()
        self._texts = SharedTexts()
        self.cursors = Cursors(self.upcoming, broker, cursors)
        self._queues: dict[str, DocumentQueue] = {}

    async def exists(self, channel: str) -> bool:
        """Return whether the document has a version. The lookup takes the same time for any name."""
        return await self._broker.has_events(channel)

    async def state(self, channel: str) -> DocumentState:
        """Return the document as it is committed; an unknown one is empty, at version 0."""
        return (await self.committed(channel)).state()

    async def opened(self, channel: str, reader: str = "") -> tuple[DocumentState, SharedText]:
        """Return the document as it is without its text, and the text encoded once for all who open it.

        `reader`: the user who is shown the cursors of the others on this text; empty for none.
        """
        queue = self._queue(channel)
        elsewhere = await self._cursors_elsewhere(channel) if reader else []
        await queue.loaded()
        versioned = queue.committed
        state = DocumentState(versioned.version, "", [], queue.epoch)
        if reader:
            state.cursors = self.cursors.resting(channel, versioned, reader, elsewhere)
        return state, self._texts.of(channel, versioned.document)

    async def committed(self, channel: str) -> VersionedDocument:
        """Return the document as it is committed; callers must not change it."""
        queue = self._queue(channel)
        await queue.loaded()
        return queue.committed

    async def upcoming(self, channel: str) -> VersionedDocument:
        """Return the document with the versions that are being committed; callers must not change it.

        Events published now are delivered after those versions.
        """
        queue = self._queue(channel)
        await queue.loaded()
        return queue.upcoming

    async def replace(self, channel: str, submission: EditSubmission) -> None:
        """Find the change that a whole new text is, then put it into its document's queue. Raises Unavailable."""
        change = submission.change
        try:
            if isinstance(change, WholeText):
                await self._queue(channel).loaded()
                # A difference from this history goes into no other one, which a deletion may begin meanwhile.
                epoch = change.epoch or self._queue(channel).epoch
                submission.change = replace(change, operation=await self._change_of(channel, change), epoch=epoch)
        except EditError as refusal:
            submission.reply(refusal)
            return
        self.submit(channel, submission)

    async def delete(self, channel: str, head: StreamPosition) -> None:
        """Delete the document: its versions are void, and its next one is the first of a new history.

        `head` is the last version that is deleted: an edit that is committed behind it is not lost. Those who have the
        document open are told. Raises TipMoved where it has another last version by now, and Unavailable.
        """
        await self._broker.renew_epoch(channel, head)
        await self._control.send(ControlCommand("end_document", channel))

    def deleted(self, channel: str) -> None:
        """Forget what is in memory of a document that was deleted."""
        self.cursors.forget(channel)
        queue = self._queues.get(channel)
        if queue is not None:
            queue.reload()

    async def was_deleted(self, channel: str) -> bool:
        """Return whether the document was deleted, and not begun anew since."""
        return self._broker.is_begun(channel) and not await self.exists(channel)

    async def _cursors_elsewhere(self, channel: str) -> list[RestingCursor]:
        """Return the cursors of other nodes' connections, on a version since which all operations are in memory."""
        found = await self.cursors.elsewhere(channel)
        versioned = await self.committed(channel)
        recent = [one for one in found if (one.version or 0) >= versioned.version - _MAX_BEHIND]
        oldest = min((one.version or 0 for one in recent), default=versioned.version)
        return placed_cursors(await reaching_back(self._broker, channel, versioned, oldest), recent)

    async def _change_of(self, channel: str, change: WholeText) -> Operation | None:
        """Return the operation from the text at the base to the new one; None where it cannot be merged.

        Raises EditError and Unavailable.
        """
        wanted = whole_texts.document_of(change.text, change.format)
        versioned = await self.upcoming(channel)
        possible = (None, versioned.version, self._queue(channel).committed.version)  # the last, if a commit fails
        if change.base > versioned.version or change.expected not in possible:
            return None
        before = versioned.document
        if change.base < versioned.version:
            oldest = (await self._broker.position(channel)).oldest
            if change.base < oldest - 1:  # without all operations since then there is no merge
                return None
            before = await self._text_at(channel, change.base)
        hunks = await self.differences.between(before.text, wanted.text)
        return whole_texts.change(before, wanted, hunks, formats=change.format is not None)

    async def _text_at(self, channel: str, version: int) -> Document:
        """Return the text at a version of which all operations since are in the log. Raises Unavailable."""
        found = await self._store.snapshot(channel, version)
        versioned = VersionedDocument() if found is None else core.unpack(found[1])
        await replay(self._broker, channel, versioned, version)
        return versioned.document

    def submit(self, channel: str, submission: EditSubmission) -> None:
        """Put an edit into its document's queue; the order of the calls is the order of the queue."""
        self._queue(channel).submit(submission)

    def claim(self, channel: str, version: int, frame: bytes) -> PendingVersion | None:
        """Return the pending version that is delivered as `frame`; None for one of another node, or not of an edit.

        The caller answers its author in the version's place.
        """
        self.cursors.follow(channel, version)
        queue = self._queues.get(channel)
        return None if queue is None else queue.claim(version, frame)

    def sweep(self) -> None:
        """Drop documents from memory that were not edited for a while and that no connection has open."""
        now = asyncio.get_running_loop().time()
        for channel, queue in list(self._queues.items()):
            if queue.idle_since(now) > IDLE_SECONDS and not self._in_use(channel):
                del self._queues[channel]

    @property
    def channels(self) -> list[str]:
        """The channels of the documents in memory."""
        return list(self._queues)

    @property
    def open(self) -> int:
        """The number of documents in memory."""
        return len(self._queues)

    def _queue(self, channel: str) -> DocumentQueue:
        queue = self._queues.get(channel)
        if queue is None:
            queue = self._queues[channel] = DocumentQueue(channel, self._store, self._broker, self._ready, self._quotas)
        return queue

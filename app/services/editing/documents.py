"""Documents that many people edit: one queue each (`document_queue`), and what readers receive of them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from app.core.domain import documents as core
from app.core.domain.documents import EditError, VersionedDocument
from dossier_realtime.protocol.responses import DocumentState

from .differences import Differences
from .document_queue import DocumentQueue, PendingVersion
from .edit_submission import WholeText
from .shared_texts import SharedText, SharedTexts

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.engine.ports.documents import DocumentStore
    from app.engine.ports.events import Broker
    from app.services.quotas import Quotas

    from .edit_submission import EditSubmission

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
    ) -> None:
        self._store, self._broker, self._ready, self._in_use = store, broker, ready, in_use
        self._quotas = quotas
        self.differences = Differences()
        self._texts = SharedTexts()
        self._queues: dict[str, DocumentQueue] = {}

    async def exists(self, channel: str) -> bool:
        """Return whether the document has a version. The lookup takes the same time for any name."""
        return (await self._broker.position(channel)).offset > 0

    async def state(self, channel: str) -> DocumentState:
        """Return the document as it is committed; an unknown one is empty, at version 0."""
        return (await self.committed(channel)).state()

    async def opened(self, channel: str) -> tuple[DocumentState, SharedText]:
        """Return the document as it is without its text, and the text encoded once for all who open it."""
        queue = self._queue(channel)
        await queue.loaded()
        versioned = queue.committed
        return DocumentState(versioned.version, "", [], queue.epoch), self._texts.of(channel, versioned.document)

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
        return queue.appending or queue.committed

    async def replace(self, channel: str, submission: EditSubmission) -> None:
        """Find the difference to a whole new text, then put it into its document's queue. Raises Unavailable.

        Others may edit meanwhile: then the author is answered with a conflict.
        """
        versioned, change = await self.committed(channel), submission.change
        if isinstance(change, WholeText) and change.expected == versioned.version:
            try:
                new = core.whole_text(change.text)
            except EditError as refusal:
                submission.reply(refusal)
                return
            hunks = await self.differences.between(versioned.document.text, new)
            submission.change = replace(change, hunks=hunks)
        self.submit(channel, submission)

    def submit(self, channel: str, submission: EditSubmission) -> None:
        """Put an edit into its document's queue; the order of the calls is the order of the queue."""
        self._queue(channel).submit(submission)

    def claim(self, channel: str, version: int, frame: bytes) -> PendingVersion | None:
        """Return the pending version that is delivered as `frame`; None for one of another node, or not of an edit.

        The caller answers its author in the version's place.
        """
        queue = self._queues.get(channel)
        return None if queue is None else queue.claim(version, frame)

    def sweep(self) -> None:
        """Drop documents from memory that were not edited for a while and that no connection has open."""
        now = asyncio.get_running_loop().time()
        for channel, queue in list(self._queues.items()):
            if queue.idle_since(now) > IDLE_SECONDS and not self._in_use(channel):
                del self._queues[channel]

    @property
    def open(self) -> int:
        """The number of documents in memory."""
        return len(self._queues)

    def _queue(self, channel: str) -> DocumentQueue:
        queue = self._queues.get(channel)
        if queue is None:
            queue = self._queues[channel] = DocumentQueue(
                channel, self._store, self._broker, self._ready, self._quotas, self.differences
            )
        return queue

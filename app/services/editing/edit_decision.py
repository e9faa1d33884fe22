"""Decide an edit: transform it against the versions committed after its own, or find how a whole new text came about.

Source: docs/protocol.md#edits.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from app.core.domain import documents as core
from app.core.domain.documents import EditError, VersionedDocument
from app.engine.ports.documents import Version
from dossier_realtime.ot.flat import write_remote
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.events import RemoteOperation, RemoteOperationPayload

from .document_log import payload_of
from .edit_submission import WholeText

if TYPE_CHECKING:
    from app.engine.ports.events import Broker
    from dossier_realtime.ot.collab import Log
    from dossier_realtime.ot.operations import Operation

    from .differences import Differences
    from .edit_submission import EditSubmission


class EditDecision:
    """The decisions about edits of one document."""

    def __init__(self, channel: str, broker: Broker, differences: Differences) -> None:
        self._channel, self._broker, self._differences = channel, broker, differences

    async def decide(self, submission: EditSubmission, tentative: VersionedDocument, epoch: str) -> list[Operation]:
        """Return the operations, one a version, that advance `tentative`; none where the edit has no effect.

        `epoch` names the document's history: the versions of another one have other texts. Gives the loop to others now
        and then. Raises EditError and Unavailable.
        """
        change = submission.change
        if change.epoch not in (None, epoch):
            text = "The document has another history than this version; subscribe to it anew, or read it again"
            raise EditError(ErrorCode.VERSION_CONFLICT, text, tentative.version)
        if isinstance(change, WholeText):
            if change.expected != tentative.version:
                text = f"The document is at version {tentative.version}; read it and try again"
                raise EditError(ErrorCode.VERSION_CONFLICT, text, tentative.version)
            new = core.whole_text(change.text)
            found = change.hunks
            if found is None:  # the version that it expects was committed only after it was submitted
                found = await self._differences.between(tentative.document.text, new)
            return core.replacement(new, found)
        log = tentative.log
        if change.version < log.start:
            log = await self._reaching(change.version, tentative)
        deciding = core.decide(tentative, change, log)
        while True:
            try:
                next(deciding)
            except StopIteration as decided:
                steps: list[Operation] = decided.value
                return steps
            await asyncio.sleep(0)

    async def _reaching(self, version: int, tentative: VersionedDocument) -> Log:
        """Return the log of `tentative`, extended back to `version` as far as the store keeps operations."""
        start, older = tentative.log.start, list[RemoteOperationPayload]()
        while version + len(older) < start:
            page = await self._broker.read(self._channel, version + len(older), start - version - len(older))
            if not page:
                return tentative.log
            older += [payload_of(publication.frame) for publication in page]
        return core.extended(tentative.log, core.length_at_start(tentative), older)

    def version(self, submission: EditSubmission, step: Operation, version: int) -> Version:
        """Return the entry of the log for one operation of a submission, as subscribers will receive it."""
        author, op_id = submission.author, None if submission.key is None else submission.key.op_id
        payload = write_remote(step, version, author.user_id, author.name, op_id, int(time.time()))
        body = codec.encode(RemoteOperation(channel=self._channel, payload=payload))
        return Version(body, author.user_id, op_id, author.connection_id, submission.digest)

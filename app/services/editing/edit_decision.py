"""Decide an edit: transform it against the versions committed after its own, or find how a whole new text came about.

Source: docs/protocol.md#edits.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, TypeVar

from app.core.domain import documents as core
from app.core.domain import whole_texts
from app.core.domain.documents import EditError, VersionedDocument
from app.engine.ports.documents import Version
from dossier_realtime.ot.attributes import exclusive
from dossier_realtime.ot.collab import VersionConflict
from dossier_realtime.ot.flat import read, write_remote
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.commands import EditPayload
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.events import RemoteOperation, RemoteOperationPayload

from .document_log import payload_of
from .edit_submission import WholeText
from .far_behind import NEAR, FarBehind

if TYPE_CHECKING:
    from collections.abc import Generator

    from app.engine.ports.events import Broker
    from dossier_realtime.ot.collab import Log
    from dossier_realtime.ot.operations import Operation

    from .edit_submission import EditSubmission

_Result = TypeVar("_Result")


class EditDecision:
    """The decisions about edits of one document."""

    def __init__(self, channel: str, broker: Broker) -> None:
        self._channel, self._broker = channel, broker
        self._far_behind = FarBehind(channel, broker)

    async def decide(
        self, submission: EditSubmission, tentative: VersionedDocument, epoch: str, settled: int
    ) -> list[Operation]:
        """Return the operations, one a version, that advance `tentative`; none where the edit has no effect.

        `epoch` names the document's history: the versions of another one have other texts. `settled`: the last of its
        versions that is committed. Gives the loop to others now and then. Raises EditError and Unavailable.
        """
        change = submission.change
        if change.epoch not in (None, epoch) or submission.epoch not in ("", epoch):
            text = "The document has another history than this version; subscribe to it anew, or read it again"
            raise EditError(ErrorCode.VERSION_CONFLICT, text, tentative.version)
        if isinstance(change, WholeText):
            return await self._replaced(change, tentative)
        log, moved = tentative.log, None
        if settled - change.version > NEAR:
            moved = await self._far_behind.moved(change, tentative, settled, epoch)
        if moved is None and change.version < log.start:
            log = await self._reaching(change.version, tentative)
        submission.within = core.deleted_place(change, log) if moved is None else None
        return await _finished(core.decide(tentative, change, log, moved))

    def at_once(self, submission: EditSubmission, tentative: VersionedDocument, epoch: str) -> list[Operation]:
        """Return the operations as `decide` does, where that asks no store and takes little time; else none.

        It is none for a refusal too. `decide` is then to be asked, which finds the same anew.
        """
        change, log = submission.change, tentative.log
        if not isinstance(change, EditPayload) or change.epoch not in (None, epoch):
            return []
        if submission.epoch not in ("", epoch) or not max(log.start, log.tip - NEAR) <= change.version <= log.tip:
            return []
        try:
            next(core.decide(tentative, change, log))
        except StopIteration as decided:
            submission.within = core.deleted_place(change, log)
            steps: list[Operation] = decided.value
            return steps
        except EditError:
            return []
        return []  # a long way

    async def _replaced(self, change: WholeText, tentative: VersionedDocument) -> list[Operation]:
        """Return the operations of a whole new text, merged with all that was committed since its base."""
        version = tentative.version
        if change.operation is None or change.base > version or change.expected not in (None, version):
            text = f"The document is at version {version}; read it, and send your text with that version"
            raise EditError(ErrorCode.VERSION_CONFLICT, text, version)
        log = tentative.log if change.base >= tentative.log.start else await self._reaching(change.base, tentative)
        try:
            later = log.since(change.base)
        except VersionConflict as conflict:
            text = f"{str(conflict).partition(';')[0]}; read the document, and send your text with its version"
            raise EditError(ErrorCode.VERSION_CONFLICT, text, version) from None
        merged = await _finished(whole_texts.merged(change.operation, later))
        return whole_texts.versions(merged, tentative.document)

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
        change = submission.change
        shown = op_id if isinstance(change, EditPayload) else None
        sent = change.operations if isinstance(change, EditPayload) else None
        now = int(time.time())
        payload = write_remote(step, version, author.user_id, author.name, shown, now, batch=sent is not None)
        if payload.operation_type == "insert":
            payload.within = submission.within
        if sent is not None and _is_as_sent(change, step, version):
            payload.operations = sent
        body = codec.encode(RemoteOperation(channel=self._channel, payload=payload))
        return Version(body, author.user_id, op_id, author.connection_id, submission.digest)


async def _finished(deciding: Generator[None, None, _Result]) -> _Result:
    """Return the result of a decision, with a turn for others wherever it yields."""
    while True:
        try:
            next(deciding)
        except StopIteration as decided:
            result: _Result = decided.value
            return result
        await asyncio.sleep(0)


def _is_as_sent(change: EditPayload | WholeText, step: Operation, version: int) -> bool:
    """Return True for a batch that is committed as it was sent: others then receive the operations of its author."""
    if not isinstance(change, EditPayload) or change.version != version - 1:
        return False
    operations = change.operations or ()
    said = [one.attributes for one in operations if one.attributes is not None]
    if any(exclusive(attributes) != attributes for attributes in said):
        return False  # others are to receive all that it does
    formats = any(one.operation_type == "format" for one in operations)
    return not formats or read(change, step.before) == step  # a format that was there already is left out

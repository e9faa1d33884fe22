"""Accepting a suggestion: an edit by the user who accepts, and then the change of its status.

Source: docs/protocol.md#suggestions. The edit and the status are two commits. What is being done is noted before the
first, with the id of the edit, so that after a crash the store tells whether it was done.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import msgspec

from app.core.domain.comments import suggestions as rules
from app.core.domain.comments import threads as core
from app.core.domain.comments.threads import Accepting, CommentError, CommentThread
from app.core.domain.documents import EditError
from app.engine.ports.errors import Moved
from app.services.commenting.ledger import ChangedComment, KeptThread, shown, thread_change
from app.services.editing.edit_submission import EditAuthor, EditSubmission
from dossier_realtime.ot.flat import write
from dossier_realtime.ot.units import to_units
from dossier_realtime.protocol.errors import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.journal.acts import Facts
    from app.services.commenting.ledger import CommentAct, CommentLedger
    from app.services.commenting.places import CommentPlaces, PresentPlaces
    from app.services.editing.documents import Documents
    from dossier_realtime.ot.document import Document
    from dossier_realtime.ot.operations import Operation

_SHORT_UNITS: Final = 1_000  # up to here the search for a difference takes less time than a thread
_CHANGED = "The text of the suggestion was changed beyond recognition; make the change by hand, or reject it"


class Suggestions:
    """The acceptance of suggestions."""

    def __init__(self, ledger: CommentLedger, places: CommentPlaces, documents: Documents) -> None:
        self._ledger, self._places, self._documents = ledger, places, documents

    async def accept(self, name: str, act: CommentAct, holds: Callable[[], bool]) -> ChangedComment:
        """Accept a suggestion: it becomes text. `holds`: whether the caller still has the right to edit.

        Raises CommentError, EditError, Unavailable, and the errors of the act.
        """
        channel, ledger = act.channel, self._ledger
        async with ledger.lock(channel):
            kept = await self.settled(channel, await ledger.found(channel, name))
            accepted = core.stepped(kept.thread, "accept", act.identity.user_id, ledger.now)
            present = await self._places.present(channel)
            before: Facts = {"comment": name, "status": kept.thread.comment.status}
            if accepted is None:
                await act.record("change_comment", before, before)
                return ChangedComment(shown(kept.thread.comment, present), unchanged=True)
            document = present.versioned.document
            planned = await self._edit(kept.thread, document, present)  # refused before it is recorded
            await act.record("change_comment", before, {"comment": name, "status": "accepted"})
            version = await self._become_text(kept, act, holds, (document, planned))
            return await self._finish(channel, await ledger.found(channel, name), act.identity.user_id, version)

    async def _become_text(
        self,
        kept: KeptThread,
        act: CommentAct,
        holds: Callable[[], bool],
        planned: tuple[Document, Operation],
    ) -> int:
        """Commit the edit, `planned` on a text that may have changed since; return the version that it became.

        Raises CommentError, EditError and Unavailable.
        """
        channel, by = act.channel, act.identity
        accepting = Accepting(by.user_id, uuid4().hex)
        noted = msgspec.structs.replace(kept.thread, accepting=accepting)
        await self._ledger.store(thread_change(channel, kept.record, noted))
        try:
            before, operation = planned
            present = await self._places.present(channel)
            version, document = present.versioned.version, present.versioned.document
            if document is not before:
                operation = await self._edit(kept.thread, document, present)
            if not operation.changes:
                return version
            answered: asyncio.Future[int | EditError] = asyncio.get_running_loop().create_future()
            author = EditAuthor(by.user_id, by.name, by.role)
            change = write(operation, version, accepting.op_id)
            self._documents.submit(channel, EditSubmission(author, change, answered.set_result, holds=holds))
            outcome = await answered
            if isinstance(outcome, EditError):
                raise outcome
        except (CommentError, EditError):
            record, thread = await self._ledger.found(channel, kept.thread.comment.id)
            await self._ledger.store(thread_change(channel, record, msgspec.structs.replace(thread, accepting=None)))
            raise
        return outcome

    async def _edit(self, thread: CommentThread, document: Document, present: PresentPlaces) -> Operation:
        """Return the edit that the suggestion is on the present text. Raises CommentError."""
        comment = thread.comment
        anchor = present.places.anchors[comment.id]
        quote, replacement = to_units(comment.quote), to_units(comment.replacement or "")
        if len(quote) + len(replacement) + anchor.end - anchor.start <= _SHORT_UNITS:
            operation = rules.accepted(document, anchor, quote, replacement)
        else:
            operation = await asyncio.to_thread(rules.accepted, document, anchor, quote, replacement)
        if operation is None:
            raise CommentError(409, ErrorCode.VERSION_CONFLICT, _CHANGED)
        return operation

    async def settled(self, channel: str, kept: KeptThread) -> KeptThread:
        """Return a thread whose acceptance a crash has cut off as it became; any other as it is. Raises Unavailable."""
        accepting = kept.thread.accepting
        if accepting is None:
            return kept
        name = kept.thread.comment.id
        version = await self._documents.version_of(channel, accepting.user_id, accepting.op_id)
        if version is None:
            undone = msgspec.structs.replace(kept.thread, accepting=None)
            await self._ledger.store(thread_change(channel, kept.record, undone))
        else:
            await self._finish(channel, kept, accepting.user_id, version)
        return await self._ledger.found(channel, name)

    async def _finish(self, channel: str, kept: KeptThread, user_id: str, version: int) -> ChangedComment:
        """Mark the suggestion as accepted, by a version, and tell its editors. Raises Unavailable."""
        while True:
            accepted = core.stepped(kept.thread, "accept", user_id, self._ledger.now)
            present = await self._places.present(channel)
            if accepted is None:
                return ChangedComment(shown(kept.thread.comment, present), unchanged=True)
            comment = msgspec.structs.replace(accepted.comment, accepted=version)
            change = thread_change(channel, kept.record, CommentThread(comment, kept.thread.key))
            try:
                return await self._ledger.commit(channel, comment, present, present.places, change)
            except Moved:
                kept = await self._ledger.found(channel, comment.id)

"""Accepting a suggestion: an edit by the user who accepts, and in the same commit the change of its status.

Source: docs/protocol.md#suggestions. The commit is made only where the suggestion still stands as the edit was decided
on. So of all who accept or reject it, on whatever nodes, one decides it, and no crash leaves one without the other.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import uuid4

import msgspec

from app.core.domain.comments import suggestions as rules
from app.core.domain.comments import threads as core
from app.core.domain.comments.threads import CommentError, CommentThread
from app.core.domain.documents import EditError, RecordMovedError
from app.engine.ports.errors import Moved
from app.services.commenting.ledger import ChangedComment, shown, thread_change
from app.services.editing.edit_submission import EditAuthor, EditSubmission
from dossier_realtime.ot.collab import VersionConflict
from dossier_realtime.ot.flat import write
from dossier_realtime.ot.places.anchors import moved
from dossier_realtime.ot.units import to_units
from dossier_realtime.protocol.documents.comments import acceptance_prefix
from dossier_realtime.protocol.errors import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.core.domain.documents import VersionedDocument
    from app.engine.ports.documents import CommitExtras
    from app.journal.acts import Facts
    from app.services.commenting.ledger import CommentAct, CommentLedger, KeptThread
    from app.services.commenting.places import CommentPlaces, PresentPlaces
    from app.services.editing.documents import Documents
    from dossier_realtime.ot.operations import Operation

_SHORT_UNITS: Final = 1_000  # up to here the search for a difference takes less time than a thread
_CHANGED = "The text of the suggestion was changed beyond recognition; make the change by hand, or reject it"


class _Plan(NamedTuple):
    """The edit that a suggestion is on the text of `present`, and the thread once it is accepted."""

    kept: KeptThread
    accepted: CommentThread
    epoch: str
    present: PresentPlaces
    operation: Operation


class Suggestions:
    """The acceptance of suggestions."""

    def __init__(self, ledger: CommentLedger, places: CommentPlaces, documents: Documents) -> None:
        self._ledger, self._places, self._documents = ledger, places, documents

    async def accept(self, name: str, act: CommentAct, holds: Callable[[], bool]) -> ChangedComment:
        """Accept a suggestion: it becomes text. `holds`: whether the caller still has the right to edit.

        Raises CommentError, EditError, Unavailable, and the errors of the act.
        """
        async with self._ledger.lock(act.channel):
            while True:
                try:
                    return await self._accepted(name, act, holds)
                except (Moved, RecordMovedError):
                    continue  # it was changed on another node first: decide again

    async def _accepted(self, name: str, act: CommentAct, holds: Callable[[], bool]) -> ChangedComment:
        """Accept a suggestion as it stands now. Raises as `accept`, and Moved or RecordMovedError where it moves on."""
        channel, ledger = act.channel, self._ledger
        # In this order: a text of the history or of a later one, and a thread that is no older than the text. One that
        # is open then has not become part of that text.
        epoch = await self._places.epoch(channel)
        present = await self._places.present(channel)
        kept = await ledger.found(channel, name)
        accepted = core.stepped(kept.thread, "accept", act.identity.user_id, ledger.now)
        before: Facts = {"comment": name, "status": kept.thread.comment.status}
        if accepted is None:
            await act.record("change_comment", before, before)
            return ChangedComment(shown(kept.thread.comment, present), unchanged=True)
        plan = _Plan(kept, accepted, epoch, present, await self._edit(kept.thread, present))
        await act.record("change_comment", before, {"comment": name, "status": "accepted"})
        plan = await self._on_present_text(channel, plan)
        version = await self._become_text(plan, act, holds)
        after = await ledger.found(channel, name)
        if after.record.revision == kept.record.revision:
            return await self._without_edit(channel, plan, version)
        return ChangedComment(shown(after.thread.comment, await self._places.present(channel)))

    async def _on_present_text(self, channel: str, plan: _Plan) -> _Plan:
        """Return the plan on the text of now, which may have changed while the act was recorded.

        Raises CommentError, and Moved where the thread has changed.
        """
        present = await self._places.present(channel)
        if present.versioned.document is plan.present.versioned.document:
            return plan
        name = plan.kept.thread.comment.id
        if (await self._ledger.found(channel, name)).record.revision != plan.kept.record.revision:
            raise Moved(name)
        return plan._replace(present=present, operation=await self._edit(plan.kept.thread, present))

    async def _become_text(self, plan: _Plan, act: CommentAct, holds: Callable[[], bool]) -> int:
        """Commit the edit and the acceptance; return the version. Where nothing is left to edit, commit nothing.

        Raises EditError, RecordMovedError where the thread was changed first, and Unavailable.
        """
        if not plan.operation.changes:
            return plan.present.versioned.version
        answered: asyncio.Future[int | EditError] = asyncio.get_running_loop().create_future()
        by = act.identity
        submission = EditSubmission(
            EditAuthor(by.user_id, by.name, by.role),
            write(plan.operation, plan.present.versioned.version, _edit_id(plan.kept.thread.comment.id)),
            answered.set_result,
            holds=holds,
            epoch=plan.epoch,
            extras=lambda after: self._extras(act.channel, plan, after),
        )
        self._documents.submit(act.channel, submission)
        outcome = await answered
        if isinstance(outcome, EditError):
            raise outcome
        return outcome

    def _extras(self, channel: str, plan: _Plan, after: VersionedDocument) -> CommitExtras:
        """Return the acceptance by the last version of `after`."""
        accepted = _accepted_by(plan, after.version)
        anchor, at = plan.present.anchor(accepted.comment.id), plan.present.versioned.version
        try:
            for operation in after.log.since(at):
                anchor, at = moved(anchor, operation, to_units(accepted.comment.quote)), at + 1
        except VersionConflict:
            pass  # far behind: readers move the place on
        change = thread_change(channel, plan.kept.record, accepted)
        return self._ledger.with_edit(channel, core.placed(accepted.comment, anchor, at), change)

    async def _without_edit(self, channel: str, plan: _Plan, version: int) -> ChangedComment:
        """Accept a suggestion that the text of a version says already. Raises Moved and Unavailable."""
        accepted = _accepted_by(plan, version)
        change = thread_change(channel, plan.kept.record, accepted)
        return await self._ledger.commit(channel, accepted.comment, plan.present, plan.present.places, change)

    async def _edit(self, thread: CommentThread, present: PresentPlaces) -> Operation:
        """Return the edit that the suggestion is on the present text. Raises CommentError."""
        comment, document = thread.comment, present.versioned.document
        anchor = present.anchor(comment.id)
        quote, replacement = to_units(comment.quote), to_units(comment.replacement or "")
        if len(quote) + len(replacement) + anchor.end - anchor.start <= _SHORT_UNITS:
            operation = rules.accepted(document, anchor, quote, replacement)
        else:
            operation = await asyncio.to_thread(rules.accepted, document, anchor, quote, replacement)
        if operation is None:
            raise CommentError(409, ErrorCode.VERSION_CONFLICT, _CHANGED)
        return operation


def _edit_id(name: str) -> str:
    """Return the id of an edit that tells its user's client which suggestion it is; another one for each attempt."""
    return f"{acceptance_prefix(name)}{uuid4().hex[:16]}"


def _accepted_by(plan: _Plan, version: int) -> CommentThread:
    comment = msgspec.structs.replace(plan.accepted.comment, accepted=version)
    return CommentThread(comment, plan.accepted.key)

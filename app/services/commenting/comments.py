"""Comments on documents: made, answered, moved from step to step, and told to all who have the document open.

Source: docs/protocol.md#comments. What is done to the comments of one document is done one after the other. Each act is
recorded before it is done, and committed with the places of all comments of the document.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import structlog

from app.core.domain.comments import places as places_core
from app.core.domain.comments import threads as core
from app.core.domain.comments.threads import CommentError, CommentThread
from app.engine.ports.errors import Moved, Unavailable
from app.engine.ports.records import ListPlace, RecordChange, order_of
from app.services.commenting.ledger import ChangedComment, shown, thread_change
from app.services.commenting.placing import place
from dossier_realtime.protocol.documents.comments import CommentReply, DocumentCommentPayload
from dossier_realtime.protocol.errors import ErrorCode

if TYPE_CHECKING:
    import asyncio

    from app.core.domain.documents import VersionedDocument
    from app.engine.ports.records import Record
    from app.journal.acts import Facts
    from app.services.commenting.ledger import CommentAct, CommentLedger
    from app.services.commenting.places import CommentPlaces
    from app.services.commenting.suggestions import Suggestions
    from app.services.editing.documents import Documents
    from dossier_realtime.protocol.http.comments import NewComment

_log = structlog.get_logger("comments")

_LAST: Final = "\U0010ffff"  # behind every key with the same order
_STORE_AFTER: Final = 500  # versions after which a sweep stores the places anew; a log keeps 10,000
_REMOVED_AT_ONCE: Final = 200
_READ_AT_ONCE: Final = 200


class CommentRows(NamedTuple):
    """A page of comments in the text of `version`. `next`: the `after` of the next page; None on the last one."""

    version: int
    comments: list[DocumentCommentPayload]
    next: int | None


class Comments:
    """The comments of all documents."""

    def __init__(
        self, ledger: CommentLedger, places: CommentPlaces, documents: Documents, suggestions: Suggestions
    ) -> None:
        self._ledger, self._places, self._documents, self.suggestions = ledger, places, documents, suggestions

    async def page(self, channel: str, after: int, limit: int, *, open_only: bool) -> CommentRows:
        """Return comments in the order in which they were made. Raises Unavailable."""
        label = core.open_of(channel) if open_only else channel
        begin = ListPlace(order_of(after), _LAST)
        found = await self._ledger.records.listed(core.KIND, label, begin, limit + 1)
        more = int(found[limit - 1].order) if len(found) > limit else None
        comments = [core.decode(record.body).comment for record in found[:limit]]
        present = await self._places.present(channel)
        # One that was removed meanwhile has no place any more.
        rows = [shown(one, present) for one in comments if one.id in present.places.anchors]
        return CommentRows(present.versioned.version, rows, more)

    async def present(self, channel: str) -> tuple[VersionedDocument, list[DocumentCommentPayload]]:
        """Return the document as it is with all its comments, in the order in which they were made.

        Raises Unavailable.
        """
        records: list[Record] = []
        while len(records) < core.MAX_COMMENTS:
            after = records[-1].place if records else None
            found = await self._ledger.records.listed(core.KIND, channel, after, _READ_AT_ONCE)
            records += found
            if len(found) < _READ_AT_ONCE:
                break
        present = await self._places.present(channel)
        threads = [core.decode(record.body).comment for record in records]
        return present.versioned, [shown(one, present) for one in threads if one.id in present.places.anchors]

    async def author(self, channel: str, name: str) -> str:
        """Return the id of the user who made a comment. Raises CommentError where there is none, and Unavailable."""
        return (await self._ledger.found(channel, name)).thread.comment.user_id

    async def add(self, said: NewComment, act: CommentAct) -> ChangedComment:
        """Make a comment or a suggestion. Raises CommentError, QuotaExceeded, Unavailable, and the errors of `act`."""
        channel, by, ledger = act.channel, act.identity, self._ledger
        name, digest = act.named(msgspec.json.encode(said))
        async with ledger.lock(channel):
            while True:
                kept = await ledger.find(channel, name)
                present = await self._places.present(channel)
                if kept is not None:
                    if kept.thread.key != digest:
                        raise _key_reused()
                    await act.record("add_comment", _status(kept.thread), _status(kept.thread))
                    return ChangedComment(shown(kept.thread.comment, present), unchanged=True)
                placed = await place(said, channel, present, self._places)
                if len(present.places.anchors) >= core.MAX_COMMENTS:
                    text = f"A document holds {core.MAX_COMMENTS} comments; remove some that are settled"
                    raise CommentError(409, ErrorCode.INVALID_MESSAGE_FORMAT, text)
                comment = DocumentCommentPayload(
                    id=name,
                    start=0,
                    end=0,
                    version=0,
                    quote=placed.quote,
                    status="open",
                    user_id=by.user_id,
                    user_name=by.name,
                    timestamp=ledger.now,
                    revision=1,
                    text=said.text or "",
                    replacement=said.replacement,
                )
                places = present.places.with_anchor(name, placed.anchor)
                change = thread_change(channel, None, CommentThread(comment, digest), places.made)
                after: Facts = {"comment": name, "start": placed.anchor.start, "end": placed.anchor.end}
                await act.record("add_comment", {"comments": len(present.places.anchors)}, after)
                try:
                    async with ledger.charged(by, len(change.body or b"")):
                        return await ledger.commit(channel, comment, present, places, change)
                except Moved:
                    continue

    async def reply(self, name: str, text: str, act: CommentAct) -> ChangedComment:
        """Reply to a comment. Raises as `add`."""
        channel, by, ledger = act.channel, act.identity, self._ledger
        reply_id, _ = act.named(b"", within=name)
        async with ledger.lock(channel):
            while True:
                record, thread = await ledger.found(channel, name)
                before: Facts = {"comment": name, "replies": len(thread.comment.replies)}
                known = next((one for one in thread.comment.replies if one.id == reply_id), None)
                if known is not None and known.text != text:
                    raise _key_reused()
                reply = CommentReply(
                    id=reply_id, user_id=by.user_id, user_name=by.name, timestamp=ledger.now, text=text
                )
                replied = thread if known is not None else core.replied(thread, reply)
                change = thread_change(channel, record, replied)
                await act.record("reply_comment", before, {"comment": name, "reply": reply_id})
                present = await self._places.present(channel)
                if known is not None:
                    return ChangedComment(shown(thread.comment, present), unchanged=True)
                try:
                    async with ledger.charged(by, len(text.encode())):
                        return await ledger.commit(channel, replied.comment, present, present.places, change)
                except Moved:
                    continue

    async def step(self, name: str, step: core.CommentStep, act: CommentAct) -> ChangedComment:
        """Resolve or reopen a comment, or reject a suggestion. Raises as `add`."""
        channel, ledger = act.channel, self._ledger
        async with ledger.lock(channel):
            while True:
                record, thread = await ledger.found(channel, name)
                changed = core.stepped(thread, step, act.identity.user_id, ledger.now)
                after = thread if changed is None else changed
                await act.record("change_comment", _status(thread), _status(after))
                present = await self._places.present(channel)
                if changed is None:
                    return ChangedComment(shown(thread.comment, present), unchanged=True)
                change = thread_change(channel, record, changed)
                try:
                    return await ledger.commit(channel, changed.comment, present, present.places, change)
                except Moved:
                    continue

    async def remove(self, name: str, act: CommentAct) -> ChangedComment:
        """Remove a comment with its replies. Raises as `add`."""
        channel, ledger = act.channel, self._ledger
        async with ledger.lock(channel):
            while True:
                record, thread = await ledger.found(channel, name)
                gone = core.removed(thread, act.identity.user_id, ledger.now)
                await act.record("remove_comment", _status(thread), {"comment": name, "status": gone.status})
                present = await self._places.present(channel)
                gone = shown(gone, present)
                change = RecordChange(core.KIND, record.key, record.revision, None)
                try:
                    return await ledger.commit(channel, gone, present, present.places.without(name), change)
                except Moved:
                    continue

    def lock(self, channel: str) -> asyncio.Lock:
        """Return the lock under which the comments of a document are changed."""
        return self._ledger.lock(channel)

    async def made(self, channel: str) -> int:
        """Return the number of comments that were made on a document so far. Raises Unavailable."""
        return (await self._places.present(channel)).places.made

    async def clear(self, channel: str, made: int) -> None:
        """Remove the first comments of a document that was deleted, under its lock. Raises Unavailable."""
        while True:
            try:
                await self._clear(channel, made)
            except Moved:
                continue  # another node has changed one of them, or removes them too
            return

    async def _clear(self, channel: str, made: int) -> None:
        ledger, last = self._ledger, order_of(made)
        while True:
            found = await ledger.records.listed(core.KIND, channel, None, _REMOVED_AT_ONCE)
            gone = [one for one in found if one.order <= last]
            if not gone:
                break
            await ledger.store(*(RecordChange(core.KIND, one.key, one.revision, None) for one in gone))
        self._places.forget(channel)
        for record in (await ledger.records.find(places_core.KIND, [channel])).values():
            left = {core.decode(one.body).comment.id for one in found}  # made since, in the new history
            kept = places_core.decode(record.body)
            anchors = {name: anchor for name, anchor in kept.anchors.items() if name in left}
            body = places_core.encode(places_core.Places(kept.version, kept.made, anchors)) if anchors else None
            await ledger.store(RecordChange(places_core.KIND, channel, record.revision, body))

    async def sweep(self) -> None:
        """Store the places of comments anew that were stored many versions ago; to be called about each minute."""
        try:
            for channel in await self._ledger.records.find(places_core.KIND, self._documents.channels):
                async with self._ledger.lock(channel):
                    present = await self._places.present(channel)
                    if present.revision and present.versioned.version - present.stored > _STORE_AFTER:
                        await self._ledger.store(present.change(channel, present.places))
        except (Moved, Unavailable):
            pass  # the next sweep does it
        except Exception:
            _log.exception("the places of comments could not be stored")


def _status(thread: CommentThread) -> Facts:
    return {"comment": thread.comment.id, "status": thread.comment.status, "user_id": thread.comment.user_id}


def _key_reused() -> CommentError:
    text = "This Idempotency-Key was used with another body; make a new one"
    return CommentError(409, ErrorCode.INVALID_MESSAGE_FORMAT, text)

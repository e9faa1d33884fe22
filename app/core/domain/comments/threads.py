"""The threads of comments on a document: their steps and their bounds (docs/protocol.md#comments). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec
from msgspec import Struct

from dossier_realtime.ot.units import from_units, splits_pair
from dossier_realtime.protocol.documents.comments import CommentReply, CommentStatus, DocumentCommentPayload
from dossier_realtime.protocol.errors import ErrorCode

if TYPE_CHECKING:
    from dossier_realtime.ot.places.anchors import TextAnchor
    from dossier_realtime.ot.units import Units

KIND: Final = "comment"
MAX_COMMENTS: Final = 1_000  # of a document, whatever their status
MAX_THREAD_BYTES: Final = 48 << 10  # of a comment with its replies, as JSON: it fits a frame
QUOTED_UNITS: Final = 500  # of the text that a comment is on

CommentStep = Literal["resolve", "reopen", "reject", "accept"]

_STEPS: Final[dict[CommentStep, tuple[tuple[CommentStatus, ...], CommentStatus]]] = {
    "resolve": (("open",), "resolved"),
    "reopen": (("resolved", "rejected"), "open"),
    "reject": (("open",), "rejected"),
    "accept": (("open",), "accepted"),
}
_OF_SUGGESTIONS: Final = ("reject", "accept")


class CommentError(Exception):
    """The refusal of a comment. `status` is that of HTTP, `path` the JSON path of the faulty member."""

    def __init__(self, status: int, code: ErrorCode, text: str, path: str | None = None) -> None:
        super().__init__(text)
        self.status, self.code, self.text, self.path = status, code, text, path


class CommentThread(Struct, omit_defaults=True):
    """A comment as it is kept; its place is kept with those of the others. `key`: a digest of what made it."""

    comment: DocumentCommentPayload
    key: str = ""


_threads = msgspec.json.Decoder(CommentThread)


def decode(body: bytes) -> CommentThread:
    """Return the thread of a record."""
    return _threads.decode(body)


def encode(thread: CommentThread) -> bytes:
    """Return the body of a thread's record. Raises CommentError for one that is too long.

    A step that ends a thread adds some bytes and is never refused: a full thread can be resolved.
    """
    body = msgspec.json.encode(thread)
    if thread.comment.status == "open" and len(body) > MAX_THREAD_BYTES:
        text = f"A comment with its replies holds {MAX_THREAD_BYTES} bytes; begin another comment"
        raise CommentError(409, ErrorCode.INVALID_MESSAGE_FORMAT, text)
    return body


def labels(channel: str, thread: CommentThread) -> tuple[str, ...]:
    """Return the lists that a thread is in: all of its document, and the open ones."""
    return (channel, open_of(channel)) if thread.comment.status == "open" else (channel,)


def open_of(channel: str) -> str:
    """Return the label of the open comments of a document."""
    return f"{channel}/open"


def quoted(text: Units, anchor: TextAnchor, *, whole: bool) -> str:
    """Return the text of an anchor, for a comment its begin; never half a character."""
    end = anchor.end if whole else min(anchor.end, anchor.start + QUOTED_UNITS)
    if end < anchor.end:
        end -= splits_pair(text, end)
    return from_units(text[anchor.start : end])  # type: ignore[arg-type]  # a slice of units


def placed(comment: DocumentCommentPayload, anchor: TextAnchor, version: int) -> DocumentCommentPayload:
    """Return a comment at its place in the text of a version."""
    start, end, orphaned = anchor
    return msgspec.structs.replace(comment, start=start, end=end, orphaned=orphaned, version=version)


def stepped(thread: CommentThread, step: CommentStep, user_id: str, at: int) -> CommentThread | None:
    """Return the thread after a step; None where it is there already. Raises CommentError."""
    comment, (before, after) = thread.comment, _STEPS[step]
    is_suggestion = comment.replacement is not None
    if (step in _OF_SUGGESTIONS and not is_suggestion) or (step == "resolve" and is_suggestion):
        text = "A suggestion is accepted or rejected, a comment is resolved"
        raise CommentError(409, ErrorCode.INVALID_MESSAGE_FORMAT, text)
    if comment.status == after:
        return None
    if comment.status not in before:
        text = f"The comment is {comment.status}; only one that is {' or '.join(before)} can go there"
        raise CommentError(409, ErrorCode.INVALID_MESSAGE_FORMAT, text)
    return _changed(thread, status=after, changed_by=user_id, changed_at=at)


def replied(thread: CommentThread, reply: CommentReply) -> CommentThread:
    """Return the thread with one more reply."""
    return _changed(thread, replies=[*thread.comment.replies, reply])


def removed(thread: CommentThread, user_id: str, at: int) -> DocumentCommentPayload:
    """Return the comment as readers are told of its removal: without what people wrote."""
    gone = _changed(thread, status="removed", changed_by=user_id, changed_at=at, replies=[], text="", quote="")
    return msgspec.structs.replace(gone.comment, replacement=None)


def _changed(thread: CommentThread, **fields: object) -> CommentThread:
    comment = msgspec.structs.replace(thread.comment, revision=thread.comment.revision + 1, **fields)
    return CommentThread(comment, thread.key)

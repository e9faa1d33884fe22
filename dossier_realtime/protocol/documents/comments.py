"""Comments and suggestions on a document, as everybody who has it open receives them. `protocol.events` exports it.

Positions count UTF-16 code units of the text at `version`. Times are Unix seconds. Source: docs/protocol.md#comments.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from ..fields import END, ChannelField, Count, Id, NullIsAbsent, OrNull, Paragraph, Timestamp

MAX_REPLACEMENT = 4_096  # UTF-16 units of the text that a suggestion is about, and of its replacement

CommentStatus = Literal["open", "resolved", "accepted", "rejected", "removed"]
Replacement = Annotated[str, Meta(max_length=MAX_REPLACEMENT, pattern=f"^[^\\x00]*{END}")]


def acceptance_prefix(suggestion: str) -> str:
    """Return how the `op_id` of the edit begins that a suggestion becomes when it is accepted."""
    return f"accept-{suggestion}-"


class CommentReply(Struct, kw_only=True):
    """A reply in the thread of a comment."""

    id: Id
    user_id: Id
    user_name: str
    timestamp: Timestamp
    text: Paragraph


class DocumentCommentPayload(NullIsAbsent, Struct, omit_defaults=True, kw_only=True):
    """A comment with its replies, or a suggestion: it has a `replacement` for its text.

    `quote` is the text that it was made on, of a comment the first 500 units. `orphaned`: that text is deleted, and
    `start` and `end` are where it was. `revision` counts the changes of its thread. `changed_by`, `changed_at`: the
    last change of its status. `accepted`: the version by which an accepted suggestion became text.
    """

    id: Id
    start: Count
    end: Count
    version: Count
    quote: str
    status: CommentStatus
    user_id: Id
    user_name: str
    timestamp: Timestamp
    revision: Count
    text: OrNull[str] = ""
    replacement: str | None = None
    orphaned: OrNull[bool] = False
    replies: OrNull[list[CommentReply]] = []
    changed_by: Id | None = None
    changed_at: Timestamp | None = None
    accepted: Count | None = None


class DocumentComment(Struct, tag_field="type", tag="document_comment", omit_defaults=True, kw_only=True):
    """A comment or suggestion that is new or was changed, for everybody who has the document open."""

    channel: ChannelField
    payload: DocumentCommentPayload

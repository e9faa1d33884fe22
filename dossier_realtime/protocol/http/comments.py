"""Bodies and answers of the calls about comments of a document. A single comment is a `DocumentCommentPayload`."""

from __future__ import annotations

from msgspec import Struct

from ..commands import EpochName, UnitOffset
from ..documents.comments import DocumentCommentPayload, Replacement
from ..fields import Count, Id, Paragraph


class NewComment(Struct, forbid_unknown_fields=True):
    """A comment on the text from `start` to `end` of a version, by default the present one.

    With `replacement` it is a suggestion: `text` may then be left out, and `start` may be `end`.
    """

    start: UnitOffset
    end: UnitOffset
    text: Paragraph | None = None
    replacement: Replacement | None = None
    version: Count | None = None
    epoch: EpochName | None = None


class NewReply(Struct, forbid_unknown_fields=True):
    """A reply to a comment."""

    text: Paragraph


class CommentPage(Struct, omit_defaults=True):
    """A page of a document's comments, oldest first, on its text at `version`.

    `next`: ask again with it as `after`; absent on the last page.
    """

    document: Id
    version: Count
    comments: list[DocumentCommentPayload]
    next: Count | None = None

"""The comments and suggestions on a document as the comments of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dossier_realtime.rich_text.remarks import Remark

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dossier_realtime.protocol.documents.comments import DocumentCommentPayload


def remarks_of(comments: Iterable[DocumentCommentPayload]) -> Iterator[Remark]:
    """Yield a remark for each comment, and one for each reply on the same text.

    Of a suggestion it says the replacement; of a comment whose text is deleted, that text.
    """
    for comment in comments:
        place, settled = (comment.start, comment.end - comment.start), comment.status != "open"
        text = "\n".join(filter(None, _said(comment)))
        yield Remark(*place, comment.user_name, text, comment.timestamp, settled)
        for reply in comment.replies:
            yield Remark(*place, reply.user_name, reply.text, reply.timestamp, settled)


def _said(comment: DocumentCommentPayload) -> Iterator[str]:
    if comment.orphaned:
        yield f"On deleted text: {comment.quote}"
    if comment.replacement is not None:
        status = "" if comment.status in ("open", "resolved") else f" ({comment.status})"
        yield f"Suggestion{status}: {comment.replacement or 'delete this'}"
    yield comment.text

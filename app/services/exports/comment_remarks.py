"""The comments and suggestions on a document as the comments of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dossier_realtime.rich_text.remarks import Remark

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dossier_realtime.protocol.documents.comments import DocumentCommentPayload
    from dossier_realtime.rich_text.remark_words import RemarkWords


def remarks_of(comments: Iterable[DocumentCommentPayload], words: RemarkWords) -> Iterator[Remark]:
    """Yield a remark for each comment, and one for each reply on the same text.

    Of a suggestion it says the replacement, and of an accepted one the text before; of a comment whose text is deleted,
    that text.
    """
    for comment in comments:
        place, settled = (comment.start, comment.end - comment.start), comment.status != "open"
        text = "\n".join(filter(None, _said(comment, words)))
        yield Remark(*place, comment.user_name, text, comment.timestamp, settled)
        for reply in comment.replies:
            yield Remark(*place, reply.user_name, reply.text, reply.timestamp, settled)


def _said(comment: DocumentCommentPayload, words: RemarkWords) -> Iterator[str]:
    is_accepted = comment.status == "accepted"
    if comment.orphaned and not is_accepted:
        yield words.on_deleted.format(comment.quote)
    if comment.replacement is not None:
        form = {"accepted": words.accepted, "rejected": words.rejected}.get(comment.status, words.suggestion)
        yield form.format(comment.replacement or words.deletion)
    if is_accepted and comment.quote:
        yield words.instead_of.format(comment.quote)
    yield comment.text

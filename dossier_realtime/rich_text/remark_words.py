"""The words of an export beside the text: English, or Arabic where the text is written from right to left."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .direction import first_strong

if TYPE_CHECKING:
    from dossier_realtime.protocol.fields import Direction


class RemarkWords(NamedTuple):
    """The words in which an export speaks of its remarks, in one language; `{}` is for those of the document."""

    language: str
    direction: Direction
    comments: str
    resolved: str
    suggestion: str
    accepted: str
    rejected: str
    deletion: str
    instead_of: str
    on_deleted: str
    alternative: str


_SEARCHED = 10_000
"""Characters that are searched for a letter: a text may be a million digits."""
_ENGLISH = RemarkWords(
    language="en",
    direction="ltr",
    comments="Comments",
    resolved="resolved",
    suggestion="Suggestion: {}",
    accepted="Suggestion (accepted): {}",
    rejected="Suggestion (rejected): {}",
    deletion="delete this",
    instead_of="Instead of: {}",
    on_deleted="On deleted text: {}",
    alternative="Alternative: {}",
)
_ARABIC = RemarkWords(
    language="ar",
    direction="rtl",
    comments="التعليقات",
    resolved="منتهٍ",
    suggestion="اقتراح: {}",
    accepted="اقتراح (قُبل): {}",
    rejected="اقتراح (رُفض): {}",
    deletion="حذف هذا النص",
    instead_of="بدلًا من: {}",
    on_deleted="على نص محذوف: {}",
    alternative="صيغة بديلة: {}",
)


def words_for(text: str) -> RemarkWords:
    """Return the words for the export of a text."""
    return _ARABIC if first_strong(text[:_SEARCHED]) == "rtl" else _ENGLISH

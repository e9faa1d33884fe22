"""The words for clauses of two texts and for their status, in English and in Arabic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from dossier_realtime.protocol.fields import Direction

    from .known_clauses import ClauseRow

WordLanguage = Literal["en", "ar"]


class ClauseWords(NamedTuple):
    """The words in one language; `{}` in `changed` is for the sides that changed."""

    language: WordLanguage
    direction: Direction
    clause: str
    status: str
    translated: str
    changed: str
    untranslated: str
    missing: str
    unknown: str
    first: str
    second: str
    both: str

    def of(self, row: ClauseRow) -> str:
        """Return the words for the status of a clause."""
        if row.status != "changed":
            return str(getattr(self, row.status))
        return self.changed.format(self.both if len(row.changed) > 1 else getattr(self, row.changed[0]))


CLAUSE_WORDS: Final[dict[WordLanguage, ClauseWords]] = {
    "en": ClauseWords(
        language="en",
        direction="ltr",
        clause="Clause",
        status="Status",
        translated="translated",
        changed="changed: {}",
        untranslated="untranslated: not marked",
        missing="missing on one side",
        unknown="unknown",
        first="document",
        second="counterpart",
        both="document and counterpart",
    ),
    "ar": ClauseWords(
        language="ar",
        direction="rtl",
        clause="البند",
        status="الحالة",
        translated="مترجم",
        changed="تغيّر: {}",
        untranslated="غير مترجم: لا تأشير عليه",
        missing="ناقص في أحد الجانبين",
        unknown="غير معروف",
        first="المستند",
        second="المستند المقابل",
        both="المستند والمستند المقابل",
    ),
}

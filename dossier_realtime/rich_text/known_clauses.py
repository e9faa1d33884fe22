"""The clauses of two texts with what is known of their translation, where not all marks may be known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from msgspec import structs

from .pairing import paired

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .clauses import Clause
    from .pairing import PairedClause, Side, TranslationMark

KnownStatus = Literal["translated", "changed", "untranslated", "missing", "unknown"]


class KnownMarks(NamedTuple):
    """The marks of a pair that are known. `are_all`: it has no others."""

    marks: tuple[TranslationMark, ...] = ()
    are_all: bool = False

    def swapped(self) -> KnownMarks:
        """Return the same marks for the texts in the other order."""
        turned = (
            structs.replace(mark, digests=mark.digests[::-1], versions=mark.versions[::-1]) for mark in self.marks
        )
        return KnownMarks(tuple(turned), self.are_all)


NO_MARKS: Final = KnownMarks()


class ClauseRow(NamedTuple):
    """A clause of two texts; None on a side that has none. `changed`: the sides that changed since it was marked."""

    key: str
    first: Clause | None
    second: Clause | None
    status: KnownStatus
    changed: tuple[Side, ...] = ()


def clause_rows(first: Sequence[Clause], second: Sequence[Clause], known: KnownMarks | None) -> list[ClauseRow]:
    """Return the clauses of two texts in pairs, each with its status; `unknown` where that takes marks not known.

    `known` is None where the texts themselves may have been others.
    """
    rows = paired(first, second, () if known is None else known.marks)
    if known is None:
        return [ClauseRow(row.key, row.first, row.second, "unknown") for row in rows]
    return [
        ClauseRow(row.key, row.first, row.second, row.status, row.changed)
        if known.are_all or _is_certain(row)
        else ClauseRow(row.key, row.first, row.second, "unknown")
        for row in rows
    ]


def _is_certain(row: PairedClause) -> bool:
    """Return True where a mark that is not known would hardly change the status.

    Clauses change their keys when one before them is added, and are then measured by marks of their words. So of a
    change that is on both sides the mark of the same key does not suffice.
    """
    if row.status == "changed":
        return row.mark is not None and row.mark.key == row.key and len(row.changed) == 1
    return row.status in ("translated", "missing")

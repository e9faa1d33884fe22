"""A text and its translation, clause by clause: which belong together, and which changed since they were translated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from msgspec import Struct

from .clauses import MAX_CLAUSES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .clauses import Clause

MAX_MARKS: Final = MAX_CLAUSES
"""Of one pair; the oldest go, which are of clauses that are no more."""

Side = Literal["first", "second"]
Status = Literal["translated", "changed", "untranslated", "missing"]


class TranslationMark(Struct, frozen=True, array_like=True):
    """A clause that was marked as translated: its words on both sides by digest, at a version of each document."""

    key: str
    digests: tuple[str, str]
    versions: tuple[int, int]
    user_id: str
    at: int


class PairedClause(NamedTuple):
    """Two clauses that belong together, or one without a counterpart. `changed`: the sides since it was translated."""

    key: str
    first: Clause | None
    second: Clause | None
    status: Status
    changed: tuple[Side, ...] = ()
    mark: TranslationMark | None = None


def aligned(first: Sequence[Clause], second: Sequence[Clause]) -> list[tuple[Clause | None, Clause | None]]:
    """Return the clauses of two documents in pairs of one key, in the order of the first.

    A clause of the second alone stands behind the clause that it follows there.
    """
    own = {clause.key: number for number, clause in enumerate(first)}
    others = {clause.key: clause for clause in second}
    behind: dict[int, list[Clause]] = {}
    at = -1
    for clause in second:
        if clause.key in own:
            at = own[clause.key]
        else:
            behind.setdefault(at, []).append(clause)
    pairs: list[tuple[Clause | None, Clause | None]] = [(None, clause) for clause in behind.get(-1, ())]
    for number, clause in enumerate(first):
        pairs.append((clause, others.get(clause.key)))
        pairs += [(None, lone) for lone in behind.get(number, ())]
    return pairs


def paired(first: Sequence[Clause], second: Sequence[Clause], marks: Iterable[TranslationMark]) -> list[PairedClause]:
    """Return the clauses of both in pairs, each with its status.

    Words that were marked together are translated wherever they stand now: a new article before them, which gives
    all that follow other numbers, does not make them changed.
    """
    known = _Marks(marks)
    rows: list[PairedClause] = []
    for one, other in aligned(first, second):
        if one is None or other is None:
            rows += [PairedClause(lone.key, one, other, "missing") for lone in (one, other) if lone is not None]
            continue
        mark = known.of(one, other)
        if mark is None:
            rows.append(PairedClause(one.key, one, other, "untranslated"))
            continue
        sides: tuple[tuple[Side, bool], ...] = (
            ("first", mark.digests[0] != one.digest),
            ("second", mark.digests[1] != other.digest),
        )
        changed = tuple(side for side, has in sides if has)
        rows.append(PairedClause(one.key, one, other, "changed" if changed else "translated", changed, mark))
    return rows


def marked(marks: Iterable[TranslationMark], new: Sequence[TranslationMark]) -> list[TranslationMark]:
    """Return the marks with new ones in the place of those of the same keys."""
    keys = {mark.key for mark in new}
    return [*(mark for mark in marks if mark.key not in keys), *new][-MAX_MARKS:]


class _Marks:
    def __init__(self, marks: Iterable[TranslationMark]) -> None:
        self._by_key: dict[str, TranslationMark] = {}
        self._by_first: dict[str, TranslationMark] = {}
        self._by_second: dict[str, TranslationMark] = {}
        self._by_both: dict[tuple[str, str], TranslationMark] = {}
        for mark in marks:
            first, second = mark.digests
            self._by_key[mark.key] = mark
            if first and second:  # a clause of a marker alone is like any other of the kind
                self._by_both[mark.digests] = mark
                self._by_first[first], self._by_second[second] = mark, mark

    def of(self, one: Clause, other: Clause) -> TranslationMark | None:
        """Return the mark that these two clauses are measured by: of the same words, else of their key."""
        named = self._by_key.get(one.key)
        if named is not None and (named.digests[0] == one.digest or named.digests[1] == other.digest):
            if named.digests == (one.digest, other.digest):
                return named
            return self._by_both.get((one.digest, other.digest), named)
        return (
            self._by_both.get((one.digest, other.digest))
            or self._by_first.get(one.digest)
            or self._by_second.get(other.digest)
            or named
        )

"""The clauses of documents and their counterparts over time, as a player needs them. Pure.

A moment is [ms] where the two are no pair then, else [ms, edits of the first, edits of the second, cuts of the first,
cuts of the second, rows]: the number of edits that the text is after, and three lists as changes of those of the moment
before: [index, number of items removed, items inserted]. Cuts are [length, direction], in UTF-16 code units: of what
stands before the first clause, and of each clause up to the next one. A row is [key, status, changed sides, number of
the clause in the first text, in the second]; -1 where it has none.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from dossier_realtime.ot.document import apply
from dossier_realtime.ot.flat import read
from dossier_realtime.recording.replay.pairs import PairReplay
from dossier_realtime.rich_text.clauses import clauses
from dossier_realtime.rich_text.known_clauses import clause_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dossier_realtime.recording.replay.documents import DocumentHistory
    from dossier_realtime.recording.replay.pairs import PairNames, RecordedPairs
    from dossier_realtime.rich_text.clauses import Clause
    from dossier_realtime.rich_text.known_clauses import ClauseRow

MAX_MOMENTS = 2_000  # of all pairs together
_MAX_UNITS = 50_000_000  # of the texts at all moments together: their clauses are found anew at each; some seconds


def paired_texts(
    pairs: RecordedPairs, texts: Sequence[DocumentHistory], firsts: Sequence[int], since: float, until: float
) -> list[dict[str, Any]]:
    """Return the pairs of these documents, with their clauses from `since` to `until` (Unix seconds).

    `firsts` are the first versions that the player has of the documents. Of a pair with very many edits the moments
    are so many as fit, each with all that came before it.
    """
    places = {text.name: place for place, text in enumerate(texts)}
    there = [names for names in pairs if names.first in places and names.second in places]
    told = []
    for names in there:
        sides = places[names.first], places[names.second]
        walks = [_Walk(texts[place], firsts[place]) for place in sides]
        course = _Course(PairReplay(pairs, names, texts[sides[0]], texts[sides[1]]), walks, since)
        units = sum(walk.text.document_at(walk.text.last).length for walk in walks)
        limit = max(1, min(MAX_MOMENTS, _MAX_UNITS // (units + 1)) // len(there))
        times = _moments(_times(pairs, names, walks), since, until, limit)
        told.append({"first": sides[0], "second": sides[1], "moments": [course.at(time) for time in times]})
    return told


def _times(pairs: RecordedPairs, names: PairNames, walks: Sequence[_Walk]) -> Iterable[float]:
    """Yield the times at which clauses of a pair, or what is known of them, may change."""
    for change in pairs.changes(names):
        yield change.at
    for text in (walk.text for walk in walks):
        yield from (edit.at for edit in text.edits)
        yield from (at for at in (text.since, text.ends) if at is not None)


def _moments(times: Iterable[float], since: float, until: float, limit: int) -> list[float]:
    """Return `since` and the times from then until `until`; of more than `limit` the last of each equal stretch."""
    found = sorted({since} | {max(time, since) for time in times if time <= until})
    if len(found) <= limit:
        return found
    last = {int(limit * (time - since) / (until - since)): time for time in found}
    return sorted({since, *last.values()})


class _Walk:
    """A text as its edits follow each other; `edits` are counted from the first version that the player has."""

    def __init__(self, text: DocumentHistory, first: int) -> None:
        self.text, self.first = text, first
        self.edits = 0
        self._document = text.document_at(first)
        self.clauses = clauses(self._document)

    def until(self, moment: float) -> None:
        """Take the edits up to a time, which may not go back."""
        count = bisect_right(self.text.edits, moment, key=lambda edit: edit.at) - (self.first - self.text.first)
        if count <= self.edits:
            return
        early = self.first - self.text.first
        for edit in self.text.edits[early + self.edits : early + count]:
            self._document = apply(read(edit.payload, self._document.length), self._document)
        self.edits = count
        self.clauses = clauses(self._document)

    def cuts(self) -> list[list[Any]]:
        """Return length and direction of what stands before the first clause, and of each clause."""
        begins = [clause.position for clause in self.clauses]
        ends = [*begins, self._document.length]
        told: list[list[Any]] = [[ends[0], ""]]
        for clause, begin, end in zip(self.clauses, begins, ends[1:], strict=True):
            told.append([end - begin, clause.direction])
        return told


class _Course:
    """The moments of a pair, each as what changed since the last one."""

    def __init__(self, replay: PairReplay, walks: Sequence[_Walk], since: float) -> None:
        self._replay, self._walks, self._since = replay, walks, since
        self._told: list[list[Any]] = [[], [], []]

    def at(self, moment: float) -> list[Any]:
        """Return the moment of a time, which may not go back."""
        marks = self._replay.until(moment)
        ms = round(1000 * (moment - self._since))
        if not self._replay.is_paired:
            return [ms]
        first, second = self._walks
        for walk in self._walks:
            walk.until(moment)
        rows = _rows(clause_rows(first.clauses, second.clauses, marks), first.clauses, second.clauses)
        now = [first.cuts(), second.cuts(), rows]
        changes = [_change(old, new) for old, new in zip(self._told, now, strict=True)]
        self._told = now
        return [ms, first.edits, second.edits, *changes]


def _rows(rows: Sequence[ClauseRow], first: Sequence[Clause], second: Sequence[Clause]) -> list[list[Any]]:
    places = [{clause.key: place for place, clause in enumerate(side)} for side in (first, second)]
    return [
        [
            row.key,
            row.status,
            list(row.changed),
            -1 if row.first is None else places[0][row.key],
            -1 if row.second is None else places[1][row.key],
        ]
        for row in rows
    ]


def _change(old: Sequence[Any], new: Sequence[Any]) -> list[Any]:
    """Return the first index that differs, the number of items removed there, and the items inserted."""
    shorter = min(len(old), len(new))
    begin = next((place for place in range(shorter) if old[place] != new[place]), shorter)
    rest = shorter - begin
    same = next((place for place in range(rest) if old[-1 - place] != new[-1 - place]), rest)
    return [begin, len(old) - begin - same, list(new[begin : len(new) - same])]

"""The difference of two texts by word, for people who read it.

Source: docs/protocol.md#history-of-a-document.

A word is not cut: where one letter of it changed, or one vowel mark, the whole word was replaced. Marks on letters
(Arabic vowel signs and Quranic marks, Latin accents), the tatweel, joiners and the marks of direction belong to the
word that they are in; an apostrophe between letters and a separator between digits too. Any other sign is a word of its
own, and so is a stretch of white space.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from dossier_realtime.ot.units import from_units

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dossier_realtime.ot.difference import Hunk
    from dossier_realtime.ot.units import Units

_MARKS: Final = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u08ca-\u08e1\u08e3-\u08ff\u1ab0-\u1aff\u1dc0-\u1dff"
    "\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f"
)
_UNSEEN: Final = "\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"  # joiners, and marks of direction
_LETTER: Final = rf"[\w\u0640{_MARKS}{_UNSEEN}]"
_PAIR: Final = r"[\ud800-\udbff][\udc00-\udfff]"
_WORDS: Final = re.compile(
    rf"{_LETTER}+(?:(?:['\u2019](?={_LETTER})|(?<=\d)[.,\u066b\u066c](?=\d)){_LETTER}+)*"
    rf"|{_PAIR}[{_MARKS}{_UNSEEN}]*(?:(?<=\u200d){_PAIR}[{_MARKS}{_UNSEEN}]*|[\ud83c][\udffb-\udfff])*"
    r"|\s+|[\s\S]"
)


class WordChange(NamedTuple):
    """A stretch of whole words that both texts have, or that only the old or only the new one has."""

    kind: Literal["equal", "delete", "insert"]
    text: str


def words(text: str) -> list[str]:
    """Return the words of a text, signs and white space among them; together they are the text."""
    return _WORDS.findall(text)


def word_changes(old: Units, new: Units, hunks: Iterable[Hunk]) -> list[WordChange]:
    """Return the difference that `hunks` say, in whole words, in the order of the text; a deletion comes first.

    The texts of "equal" and "delete" are the old one, those of "equal" and "insert" the new one.
    """
    changes: list[WordChange] = []
    at = 0
    for start, end, begin, finish in _widened(_changed(hunks), _edges(old), _edges(new)):
        _add(changes, "equal", old[at:start])
        _add(changes, "delete", old[start:end])
        _add(changes, "insert", new[begin:finish])
        at = end
    _add(changes, "equal", old[at:])
    return changes


class _Region(NamedTuple):
    """A stretch that differs: `start` to `end` of the old text, `begin` to `finish` of the new one."""

    start: int
    end: int
    begin: int
    finish: int


def _add(changes: list[WordChange], kind: Literal["equal", "delete", "insert"], text: str) -> None:
    if text:
        changes.append(WordChange(kind, from_units(text)))  # type: ignore[arg-type]  # a slice of units


def _edges(text: str) -> list[int]:
    return [0, *(word.end() for word in _WORDS.finditer(text))]


def _changed(hunks: Iterable[Hunk]) -> list[_Region]:
    regions: list[_Region] = []
    a = b = 0
    for kept, inserted, deleted in hunks:
        a, b = a + kept, b + kept
        if not inserted and not deleted:
            continue
        if regions and not kept and regions[-1].end == a:
            regions[-1] = regions[-1]._replace(end=a + deleted, finish=b + inserted)
        else:
            regions.append(_Region(a, a + deleted, b, b + inserted))
        a, b = a + deleted, b + inserted
    return regions


def _widened(regions: Sequence[_Region], old: Sequence[int], new: Sequence[int]) -> list[_Region]:
    """Return the regions with edges between words of both texts, without those that met joined."""
    found: list[_Region] = []
    waiting = list(reversed(regions))
    while waiting:
        region = waiting.pop()
        # Between two regions the texts are the same, so both sides move together; a region that meets another joins it.
        back = max(region.start - _before(old, region.start), region.begin - _before(new, region.begin))
        on = max(_behind(old, region.end) - region.end, _behind(new, region.finish) - region.finish)
        if found and back >= region.start - found[-1].end:
            waiting.append(_joined(found.pop(), region))
        elif waiting and on >= waiting[-1].start - region.end:
            waiting.append(_joined(region, waiting.pop()))
        elif back or on:
            start, end, begin, finish = region
            waiting.append(_Region(start - back, end + on, begin - back, finish + on))
        else:
            found.append(region)
    return found


def _joined(first: _Region, second: _Region) -> _Region:
    return _Region(first.start, second.end, first.begin, second.finish)


def _before(edges: Sequence[int], at: int) -> int:
    return edges[bisect_right(edges, at) - 1]


def _behind(edges: Sequence[int], at: int) -> int:
    return edges[bisect_left(edges, at)]

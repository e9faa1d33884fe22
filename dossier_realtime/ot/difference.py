"""An operation that leads from one document to another, where nobody knows how it came about.

Needed where the operations between are gone, and where a whole text is put in place of another. It keeps what
both have in common: line by line, and where lines differ, word by word, so that an edit made elsewhere in the text
finds its place again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher

from .attributes import PLAIN, between
from .document import Document, Run, apply
from .operations import Component, Delete, Format, Insert, Operation, Retain
from .transform import compose
from .units import Units, splits_pair

_TOKENS = (re.compile(r"[^\n]*\n|[^\n]+"), re.compile(r"\s*\S+|\s+"))
_MOST_TOKENS = 2_000  # the comparison is quadratic at worst; beyond this a stretch counts as replaced


def difference(old: Document, new: Document) -> Operation:
    """An operation that makes `old` into `new`."""
    reworded = Operation.normal(_steps(old.text, new.text, _TOKENS))
    return compose(reworded, Operation.normal(_formats(apply(reworded, old), new)))


Hunk = tuple[int, int, int]
"""(units that stay, units that the new text has in place, units of the old text that go), in this order."""


def hunks(old: Units, new: Units) -> list[Hunk]:
    """How `new` came from `old`, without either text: what `from_hunks` makes an operation of."""
    found: list[Hunk] = []
    for component in Operation.normal(_steps(old, new, _TOKENS)).components:
        match component:
            case Retain(length):
                found.append((length, 0, 0))
            case Insert(text):
                found.append((0, len(text), 0))
            case Delete(length):
                found.append((0, 0, length))
            case _:  # pragma: no cover - a difference of texts formats nothing
                raise AssertionError(component)
    return found


def middle(old: Units, new: Units) -> list[Hunk]:
    """One replacement of all between what both begin and end with."""
    prefix = _prefix(old, new)
    suffix = _suffix(old[prefix:], new[prefix:])
    return [(prefix, len(new) - prefix - suffix, len(old) - prefix - suffix), (suffix, 0, 0)]


def from_hunks(found: Iterable[Hunk], new: Units) -> Operation:
    """The operation that hunks stand for."""

    def components() -> Iterator[Component]:
        at = 0
        for kept, inserted, deleted in found:
            at += kept
            yield Retain(kept)
            yield Insert(Units(new[at : at + inserted]))
            yield Delete(deleted)
            at += inserted

    return Operation.normal(components())


def _steps(old: str, new: str, tokens: Sequence[re.Pattern[str]]) -> Iterator[Component]:
    """`tokens`: how to cut the text that differs, coarse first."""
    prefix = _prefix(old, new)
    suffix = _suffix(old[prefix:], new[prefix:])
    yield Retain(prefix)
    yield from _replaced(old[prefix : len(old) - suffix], new[prefix : len(new) - suffix], tokens)
    yield Retain(suffix)


def _replaced(old: str, new: str, tokens: Sequence[re.Pattern[str]]) -> Iterator[Component]:
    if old and new and tokens:
        olds, news = tokens[0].findall(old), tokens[0].findall(new)
        if max(len(olds), len(news)) <= _MOST_TOKENS:
            for tag, i, j, k, m in SequenceMatcher(None, olds, news).get_opcodes():
                before = "".join(olds[i:j])
                if tag == "equal":
                    yield Retain(len(before))
                else:
                    yield from _steps(before, "".join(news[k:m]), tokens[1:])
            return
    yield Insert(Units(new))
    yield Delete(len(old))


def _formats(reworded: Document, new: Document) -> Iterator[Component]:
    """What turns the attributes of `reworded` into those of `new`, which has the same text."""
    whole = (Run(new.length, PLAIN),)
    has, wanted = iter(reworded.runs or whole), iter(new.runs or whole)
    left, right = next(has), next(wanted)
    while True:
        shared = min(left.length, right.length)
        yield Format(shared, between(left.attributes, right.attributes))
        following = next(has, None) if left.length == shared else Run(left.length - shared, left.attributes)
        wished = next(wanted, None) if right.length == shared else Run(right.length - shared, right.attributes)
        if following is None or wished is None:
            return
        left, right = following, wished


def _prefix(old: str, new: str) -> int:
    """How many units both begin with, in whole characters: by halves, for slices compare at the speed of memory."""
    low, high = 0, min(len(old), len(new))
    while low < high:
        middle = (low + high + 1) // 2
        if old[low:middle] == new[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low - (splits_pair(old, low) or splits_pair(new, low))


def _suffix(old: str, new: str) -> int:
    low, high = 0, min(len(old), len(new))
    while low < high:
        middle = (low + high + 1) // 2
        if old[len(old) - middle : len(old) - low] == new[len(new) - middle : len(new) - low]:
            low = middle
        else:
            high = middle - 1
    return low - (splits_pair(old, len(old) - low) or splits_pair(new, len(new) - low))

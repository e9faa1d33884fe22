"""The difference of two documents as an operation, where the operations between them are not known.

It is needed where the operations between two versions are no longer kept, and where a whole text replaces another. It
keeps the common text: line by line, and where lines differ, word by word, so that an edit elsewhere in the text keeps
its place.
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
_MAX_TOKENS = 2_000  # the comparison is quadratic at worst; a longer stretch is replaced as a whole


def difference(old: Document, new: Document) -> Operation:
    """Return an operation that turns `old` into `new`."""
    reworded = Operation.normal(_steps(old.text, new.text, _TOKENS))
    return compose(reworded, Operation.normal(_formats(apply(reworded, old), new)))


Hunk = tuple[int, int, int]
"""A step of a difference: the numbers of units that are kept, then inserted, then deleted."""


def hunks(old: Units, new: Units) -> list[Hunk]:
    """Return the steps from `old` to `new`, without the texts; `from_hunks` makes an operation of them."""
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
    """Return the steps of one replacement: of all between the common beginning and the common end."""
    prefix = _prefix(old, new)
    suffix = _suffix(old[prefix:], new[prefix:])
    return [(prefix, len(new) - prefix - suffix, len(old) - prefix - suffix), (suffix, 0, 0)]


def from_hunks(found: Iterable[Hunk], new: Units) -> Operation:
    """Return the operation of the steps `found` to the text `new`."""

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
    """Yield the components from `old` to `new`. `tokens` are the patterns to cut differing text by, coarse first."""
    prefix = _prefix(old, new)
    suffix = _suffix(old[prefix:], new[prefix:])
    yield Retain(prefix)
    yield from _replaced(old[prefix : len(old) - suffix], new[prefix : len(new) - suffix], tokens)
    yield Retain(suffix)


def _replaced(old: str, new: str, tokens: Sequence[re.Pattern[str]]) -> Iterator[Component]:
    if old and new and tokens:
        olds, news = tokens[0].findall(old), tokens[0].findall(new)
        if max(len(olds), len(news)) <= _MAX_TOKENS:
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
    """Yield the formats that turn the attributes of `reworded` into those of `new`, which has the same text."""
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
    """Return the length of the common beginning, in whole characters.

    It bisects: a comparison of two slices runs at the speed of memory, a loop over units does not.
    """
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

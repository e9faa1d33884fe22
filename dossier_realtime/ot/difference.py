"""The difference of two documents as an operation, where the operations between them are not known.

It is needed where the operations between two versions are no longer kept, and where a whole text replaces another. It
changes only what changed: line by line, in lines that differ word by word, and in words that differ character by
character. So an edit elsewhere in the text, a caret and the formatting of text that stays keep their place. The work
is bounded (`Effort`); beyond the bound a difference is coarser, and right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from .attributes import PLAIN, between
from .document import Document, Run, apply
from .matching import Block, Effort, common
from .operations import Component, Delete, Format, Insert, Operation, Retain
from .tokens import Level, cut, is_mark
from .transform import compose
from .units import Units, from_units, splits_pair

EFFORT = 1_000_000  # steps of one difference, at most: about half a second, beside the time to cut the texts
_FINER: dict[Level, Level] = {"line": "word", "word": "character"}
_MAX_WORDS = 8  # of a change, on either side, that is looked at character by character
_LONG_LINE = 4_096  # units; a longer line is compared from a space on, not from its beginning


class _Change(NamedTuple):
    """The text from `old` to `old_end` is replaced by that from `new` to `new_end`; offsets in characters."""

    old: int
    old_end: int
    new: int
    new_end: int

    @property
    def size(self) -> int:
        return max(self.old_end - self.old, self.new_end - self.new)

    @property
    def replaces(self) -> bool:
        return self.old < self.old_end and self.new < self.new_end


def difference(old: Document, new: Document, effort: Effort | None = None) -> Operation:
    """Return an operation that turns `old` into `new`."""
    reworded = from_hunks(hunks(old.text, new.text, effort), new.text)
    return compose(reworded, reformatted(apply(reworded, old), new))


def reformatted(old: Document, new: Document) -> Operation:
    """Return the operation that gives `old` the formatting of `new`, which has the same text."""
    return Operation.normal(_formats(old, new))


Hunk = tuple[int, int, int]
"""A step of a difference: the numbers of units that are kept, then inserted, then deleted."""


def hunks(old: Units, new: Units, effort: Effort | None = None) -> list[Hunk]:
    """Return the steps from `old` to `new`, without the texts; `from_hunks` makes an operation of them."""
    prefix, suffix = _unchanged(old, new)
    before, after = (from_units(Units(text[prefix : len(text) - suffix])) for text in (old, new))
    found: list[Hunk] = []
    kept, i, j = prefix, 0, 0
    for change in _changes(before, after, "line", effort or Effort(EFFORT)):
        kept += _units(before[i : change.old])
        i, j = change.old_end, change.new_end
        found.append((kept, _units(after[change.new : j]), _units(before[change.old : i])))
        kept = 0
    return [*found, (kept + _units(before[i:]) + suffix, 0, 0)]


def middle(old: Units, new: Units) -> list[Hunk]:
    """Return the steps of one replacement: of all between the common beginning and the common end."""
    prefix = _prefix(old, new)
    suffix = _suffix(old[prefix:], new[prefix:])
    return [(prefix, len(new) - prefix - suffix, len(old) - prefix - suffix), (suffix, 0, 0)]


def coarsened(found: Sequence[Hunk], most: int) -> list[Hunk]:
    """Return hunks to the same text with at most `most` changes; the shortest kept stretches are replaced for that."""
    surplus = sum(1 for _, inserted, deleted in found if inserted or deleted) - most
    if surplus <= 0:
        return list(found)
    inner = sorted((hunk[0], number) for number, hunk in enumerate(found) if number and (hunk[1] or hunk[2]))
    replaced = {number for _, number in inner[:surplus]}
    coarse: list[Hunk] = []
    for number, (kept, inserted, deleted) in enumerate(found):
        if number in replaced:
            before = coarse.pop()
            coarse.append((before[0], before[1] + kept + inserted, before[2] + kept + deleted))
        else:
            coarse.append((kept, inserted, deleted))
    return coarse


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


def _changes(old: str, new: str, level: Level, effort: Effort) -> Iterator[_Change]:
    """Yield what differs between two texts, as coarse as `level` and finer where that is worth it."""
    if not old or not new:
        yield from [_Change(0, len(old), 0, len(new))] * (old != new)
        return
    olds, news = cut(old, level), cut(new, level)
    at_old, at_new = [0, *accumulate(map(len, olds))], [0, *accumulate(map(len, news))]
    blocks = common(olds, news, effort)
    found = [
        _Change(at_old[i], at_old[i_end], at_new[j], at_new[j_end])
        for gap in _gaps(blocks, len(olds), len(news))
        for i, i_end, j, j_end in (_paired(olds, news, gap) if level == "line" else [gap])
    ]
    if level == "word":
        found = _merged(found, lambda kept, left, right: left.replaces and right.replaces and _is_blank(old[kept]))
    elif level == "character":
        found = _merged(found, lambda kept, left, right: kept.stop - kept.start <= min(left.size, right.size))
    for change in found:
        before, after = old[change.old : change.old_end], new[change.new : change.new_end]
        finer = _FINER.get(level)
        if not change.replaces or finer is None or (finer == "character" and _is_long(before, after)):
            yield change
            continue
        for inner in _changes(before, after, finer, effort):
            i, i_end, j, j_end = inner
            yield _Change(change.old + i, change.old + i_end, change.new + j, change.new + j_end)


Gap = tuple[int, int, int, int]
"""The pieces from the first number to the second are replaced by those from the third to the fourth."""


def _gaps(blocks: Sequence[Block], olds: int, news: int) -> Iterator[Gap]:
    i = j = 0
    for block in [*blocks, Block(olds, news, 0)]:
        if i < block.old or j < block.new:
            yield i, block.old, j, block.new
        i, j = block.old + block.length, block.new + block.length


def _paired(olds: list[str], news: list[str], gap: Gap) -> Iterator[Gap]:
    """Yield the changes of lines that replace as many: each line by its own, where half of them are alike."""
    i, i_end, j, j_end = gap
    count = i_end - i
    alike = [_alike(old, new) for old, new in zip(olds[i:i_end], news[j:j_end], strict=False)]
    if count != j_end - j or count < 2 or 2 * sum(alike) < count:
        yield gap
        return
    at = 0
    while at < count:
        end = at + 1
        while not alike[at] and end < count and not alike[end]:
            end += 1
        yield i + at, i + end, j + at, j + end
        at = end


def _alike(old: str, new: str) -> bool:
    shorter = min(len(old), len(new))
    prefix = _prefix(old, new)
    return 2 * (prefix + _suffix(old[prefix:], new[prefix:])) >= shorter


def _merged(changes: list[_Change], is_merged: Callable[[slice, _Change, _Change], bool]) -> list[_Change]:
    """Return the changes, with two as one where what is kept between them is not worth it.

    `is_merged` gets the kept stretch of the old text, and both.
    """
    merged: list[_Change] = []
    for change in changes:
        merged.append(change)
        while len(merged) > 1 and is_merged(slice(merged[-2].old_end, merged[-1].old), merged[-2], merged[-1]):
            right, left = merged.pop(), merged.pop()
            merged.append(_Change(left.old, right.old_end, left.new, right.new_end))
    return merged


def _is_blank(kept: str) -> bool:
    return "\n" not in kept and not any(map(str.isalnum, kept))


def _is_long(*texts: str) -> bool:
    return any(len(cut(text, "word")) > _MAX_WORDS for text in texts)


def _units(text: str) -> int:
    """Return the number of UTF-16 units of a text of whole characters."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _unchanged(old: Units, new: Units) -> tuple[int, int]:
    """Return the lengths of a common beginning and a common end whose edges are edges of pieces in both texts."""
    prefix = _prefix(old, new)
    if prefix == len(old) == len(new):
        return prefix, 0
    suffix = _suffix(old[prefix:], new[prefix:])
    line = old.rfind("\n", 0, prefix) + 1
    if prefix - line > _LONG_LINE:
        line = max(line, _edge_before(old, line, prefix))
    start = len(old) - suffix
    after = old.find("\n", start) + 1 or len(old)
    if after - start > _LONG_LINE:
        after = min(after, _edge_after(old, start, after))
    return line, len(old) - after


def _edge_before(text: str, start: int, end: int) -> int:
    """Return the last edge of a word, behind a space, between `start` and `end`."""
    at = text.rfind(" ", start, end - 1) + 1
    return at if at and not is_mark(text[at]) and text[at] < "\ud800" else start


def _edge_after(text: str, start: int, end: int) -> int:
    at = text.find(" ", start, end - 1) + 1
    return at if at and not is_mark(text[at]) and text[at] < "\ud800" else end


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

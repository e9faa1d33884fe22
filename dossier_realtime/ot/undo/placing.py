"""Another user's insert among the steps that restore the text in which it was made. Pure.

The deleted text may come back in several inserts of one step (one for each formatting), and in several steps (one for
each keystroke that deleted it). The insert keeps its left neighbour of the deleted text: what restores that neighbour
and what stood before goes to its left, the rest to its right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from ..operations import Component, Delete, Format, Insert, Operation, Retain
from ..transform import compose
from ..units import Units
from .landing import Landing

_MAX_DEPTH = 100  # steps that are looked at for the deleted text
_MAX_FOUND = 100  # places where it may be

Search = Callable[[str, Landing], Iterable[tuple[int, int, int]]]


class PlacedSteps(NamedTuple):
    """Steps with another's insert in its place, the first to be undone first, and the insert behind all of them."""

    steps: list[Operation]
    beneath: Operation


def placed(steps: Iterable[Operation], change: Operation, within: Landing) -> PlacedSteps | None:
    """Return the steps that restore the deleted text around an insert into it; None where they do not restore it.

    `steps`: those that would be undone, in this order, each on the text that the one before leaves; no more of them is
    asked for than restore it. `change`: the insert, on the text before the first of them.
    """
    inserted = [component for component in change.components if isinstance(component, Insert)]
    if not inserted or any(not isinstance(component, Insert | Retain) for component in change.components):
        return None
    first = change.components[0]
    place = first.length if isinstance(first, Retain) else 0
    taken: list[Operation] = []
    wholes: list[Operation] = []
    for step in islice(steps, _MAX_DEPTH):
        taken.append(step)
        wholes.append(compose(wholes[-1], step) if wholes else step)
        target = _target(wholes[-1], step, place, within, _stretches)
        if target is not None:
            return _woven(taken, inserted, place, target)
    # What was deleted before stands between it, where one step restores both.
    for depth, whole in enumerate(wholes, 1):
        target = _target(whole, taken[depth - 1], place, within, _scattered)
        if target is not None:
            return _woven(taken[:depth], inserted, place, target)
    return None


def _woven(steps: Sequence[Operation], inserted: Sequence[Insert], place: int, target: int) -> PlacedSteps | None:
    blocks = [_blocks(step) for step in steps]
    # Backward: where before each step the insert may stand to come to the target.
    low = high = target
    ranges = [(low, high)]
    for each in reversed(blocks):
        low, high = _before(each, low)[0], _before(each, high)[1]
        ranges.append((low, high))
    if not low <= place <= high:
        return None
    # Forward: of the places that a step allows the one that leads there.
    size, at = sum(len(one.text) for one in inserted), place
    found: list[Operation] = []
    for each, (low, high) in zip(blocks, ranges[-2::-1], strict=True):
        first, last = _after(each, at)
        to = min(max(low, first), last)
        if not low <= to <= high:
            return None
        found.append(_passed(each, at, to, size))
        at = to
    rest = steps[-1].after - target
    return PlacedSteps(found, Operation.of(Retain(target), *inserted, Retain(rest)))


class _Block(NamedTuple):
    """A stretch of a step: one component that keeps its text, or adjacent inserts and deletes.

    `before` and `after` are its edges in the text before the step and after it. Where it keeps no text, any place at or
    within it before is any place at or within it after.
    """

    components: tuple[Component, ...]
    keeps: bool
    before: tuple[int, int]
    after: tuple[int, int]


def _blocks(step: Operation) -> list[_Block]:
    """Return the blocks of a step. Around each that keeps text is one that changes it, maybe an empty one."""
    found: list[_Block] = []
    before = after = 0
    changing: list[Component] = []
    begin = 0, 0
    for component in (*step.components, None):
        if isinstance(component, Insert | Delete):
            changing.append(component)
            before += component.length if isinstance(component, Delete) else 0
            after += len(component.text) if isinstance(component, Insert) else 0
            continue
        found.append(_Block(tuple(changing), False, (begin[0], before), (begin[1], after)))
        if component is None:
            break
        ends = before + component.length, after + component.length
        found.append(_Block((component,), True, (before, ends[0]), (after, ends[1])))
        (before, after), changing, begin = ends, [], ends
    return found


def _before(blocks: Sequence[_Block], at: int) -> tuple[int, int]:
    """Return the first and the last place before a step from which one comes to a place after it."""
    for block in blocks:
        first, last = block.after
        if not block.keeps and first <= at <= last:
            return block.before
        if block.keeps and first < at < last:
            return (block.before[0] + at - first,) * 2
    raise AssertionError("the place is within the text")


def _after(blocks: Sequence[_Block], at: int) -> tuple[int, int]:
    """Return the first and the last place after a step to which one comes from a place before it."""
    return _before([block._replace(before=block.after, after=block.before) for block in blocks], at)


def _passed(blocks: Sequence[_Block], at: int, to: int, size: int) -> Operation:
    """Return a step past an insert of `size` units, which is at the place `at` before it and at `to` after it."""
    components: list[Component] = []
    is_passed = False
    for block in blocks:
        (first, last), (start, end) = block.before, block.after
        if is_passed or not (first < at < last if block.keeps else first <= at <= last and start <= to <= end):
            components += block.components
            continue
        is_passed = True
        ahead, behind = _split(block.components, at - first, to - start)
        components += [*ahead, Retain(size), *behind]
    return Operation.of(*components)


def _split(components: Sequence[Component], deleted: int, inserted: int) -> tuple[list[Component], list[Component]]:
    """Return the components up to a place of their text before and one after, and the rest of them."""
    ahead: list[Component] = []
    behind: list[Component] = []
    for component in components:
        is_insert = isinstance(component, Insert)
        length = len(component.text) if isinstance(component, Insert) else component.length
        left = min(length, max(0, inserted if is_insert else deleted))
        if is_insert:
            inserted -= length
        else:
            deleted -= length
        ahead.append(_part(component, 0, left))
        behind.append(_part(component, left, length))
    return ahead, behind


def _target(whole: Operation, last: Operation, place: int, within: Landing, search: Search) -> int | None:
    """Return the place of the insert in the text after all steps; None where they do not restore the deleted text.

    `whole` is the composition of the steps, `last` the last one of them, which completes the deleted text. `search`
    finds that within all restored text.
    """
    blocks = _blocks(whole)
    low, high = _after(blocks, place)
    if low == high:
        return None
    pieces, ends = _restored(blocks), _restored(_blocks(last))
    if not ends:
        return None
    first, end = ends[0][0], ends[-1][0] + len(ends[-1][1])
    restored, found = "".join(text for _, text in pieces), list[tuple[int, int, int]]()
    for begin, at, until in search(restored, within):
        wanted = _behind(pieces, at)
        # Of a text that is there twice it is the one where the insert stands, and that the last step completes.
        edges = _behind(pieces, begin + 1) - 1, _behind(pieces, until)
        far = sum(_distance(edge, first, end) for edge in edges)
        found.append((_distance(wanted, low, high), far, wanted))
    return min(max(min(found)[2], low), high) if found else None


def _stretches(restored: str, within: Landing) -> Iterator[tuple[int, int, int]]:
    """Yield begin, place of the insert and end of each stretch that is the deleted text."""
    at = restored.find(within.text)
    for _ in range(_MAX_FOUND):
        if at < 0:
            return
        yield at, at + within.offset, at + len(within.text)
        at = restored.find(within.text, at + 1)


def _scattered(restored: str, within: Landing) -> Iterator[tuple[int, int, int]]:
    """Yield begin, place of the insert and end of the deleted text, where other text may stand between its units."""
    place = until = 0
    begin = -1
    for number, unit in enumerate(within.text, 1):
        at = restored.find(unit, until)
        if at < 0:
            return
        begin, until = at if begin < 0 else begin, at + 1
        place = until if number == within.offset else place
    yield begin, place, until


def _restored(blocks: Sequence[_Block]) -> list[tuple[int, str]]:
    """Return the texts that are inserted, each with its place in the outcome."""
    pieces: list[tuple[int, str]] = []
    for block in blocks:
        at = block.after[0]
        for component in block.components if not block.keeps else ():
            if isinstance(component, Insert):
                pieces.append((at, component.text))
                at += len(component.text)
    return pieces


def _distance(place: int, low: int, high: int) -> int:
    return max(low - place, place - high, 0)


def _behind(pieces: Sequence[tuple[int, str]], count: int) -> int:
    """Return the place behind so many units of the restored texts."""
    for start, text in pieces:
        if count <= len(text):
            return start + count
        count -= len(text)
    raise AssertionError("no more units than the restored texts have")


def _part(component: Component, start: int, end: int) -> Component:
    match component:
        case Insert():
            return Insert(Units(component.text[start:end]), component.attributes)
        case Format():
            return Format(end - start, component.attributes)
        case Delete():
            return Delete(end - start)
        case Retain():
            return Retain(end - start)

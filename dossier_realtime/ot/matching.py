"""The longest common subsequence of two sequences of pieces, with a bound on the work.

Myers, "An O(ND) Difference Algorithm and Its Variations" (Algorithmica 1986), in its linear space: the cost grows with
the number of differences, not with the length. No piece is junk, however often it occurs. Where an `Effort` is used up,
pieces that occur once on both sides divide the rest (patience), and a rest without any counts as different: coarser,
and right.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Sequence
from operator import eq
from typing import NamedTuple

_MIN_EFFORT = 64  # steps; with less left, nothing more is searched
_LOOK_AHEAD = 8  # gaps after an unbalanced one, among which the balancing one is looked for


class Effort:
    """The steps that a search may still take; a step is a comparison of two pieces, about 0.2 microseconds."""

    def __init__(self, steps: int) -> None:
        self.left = steps
        self.exceeded = False
        """True where a part of the difference is coarser than it could be."""


class Block(NamedTuple):
    """`length` pieces that are the same from `old` in the old sequence and from `new` in the new one."""

    old: int
    new: int
    length: int


class _Box(NamedTuple):
    a: int
    a_end: int
    b: int
    b_end: int


def common(old: Sequence[Hashable], new: Sequence[Hashable], effort: Effort) -> list[Block]:
    """Return the blocks that both sequences have in common, in order, none of them next to another on both sides."""
    ids: dict[Hashable, int] = {}
    a = [ids.setdefault(piece, len(ids)) for piece in old]
    b = [ids.setdefault(piece, len(ids)) for piece in new]
    start, end = 0, 0
    shorter = min(len(a), len(b))
    while start < shorter and a[start] == b[start]:
        start += 1
    while end < shorter - start and a[-1 - end] == b[-1 - end]:
        end += 1
    in_a, in_b = set(a[start : len(a) - end]), set(b[start : len(b) - end])
    # A piece that the other side does not have is in no common subsequence: without those the search is short.
    kept_a = [at for at in range(start, len(a) - end) if a[at] in in_b]
    kept_b = [at for at in range(start, len(b) - end) if b[at] in in_a]
    found = _search([a[at] for at in kept_a], [b[at] for at in kept_b], effort)
    pairs = [(kept_a[i + n], kept_b[j + n]) for i, j, length in found for n in range(length)]
    blocks = _joined([Block(0, 0, start), *(Block(i, j, 1) for i, j in pairs), Block(len(a) - end, len(b) - end, end)])
    return _balanced(a, b, blocks)


def _search(a: list[int], b: list[int], effort: Effort) -> list[Block]:
    """Return the common blocks of two sequences of numbers, in order."""
    found: list[Block] = []
    waiting = [_Box(0, len(a), 0, len(b))]
    while waiting:
        i, i_end, j, j_end = waiting.pop()
        start, end = i, i_end
        while i < i_end and j < j_end and a[i] == b[j]:
            i, j = i + 1, j + 1
        if i > start:
            found.append(Block(start, j - (i - start), i - start))
        while i < i_end and j < j_end and a[i_end - 1] == b[j_end - 1]:
            i_end, j_end = i_end - 1, j_end - 1
        tail = end - i_end
        if tail:
            waiting.append(_Box(i_end, i_end + tail, j_end, j_end + tail))
        if i == i_end or j == j_end:
            continue
        waiting += reversed(_divided(a, b, _Box(i, i_end, j, j_end), effort))
    return found


def _divided(a: list[int], b: list[int], box: _Box, effort: Effort) -> list[_Box]:
    """Return the smaller boxes, in order, that the common subsequence of a box goes through."""
    i, i_end, j, j_end = box
    x, y, complete = _halved(a[i:i_end], b[j:j_end], effort)
    if not complete:
        effort.exceeded = True
        anchors = _anchors(a, b, box)
        if anchors:
            boxes: list[_Box] = []
            for at_a, at_b in anchors:
                boxes += [_Box(i, at_a, j, at_b), _Box(at_a, at_a + 1, at_b, at_b + 1)]
                i, j = at_a + 1, at_b + 1
            return [*boxes, _Box(i, i_end, j, j_end)]
    if (x, y) in ((0, 0), (i_end - i, j_end - j)):
        return []
    return [_Box(i, i + x, j, j + y), _Box(i + x, i_end, j + y, j_end)]


def _halved(a: list[int], b: list[int], effort: Effort) -> tuple[int, int, bool]:
    """Return a place (x, y) that a shortest difference goes through, found from both ends at once, and True.

    Where half of the effort that is left does not suffice: the farthest place from the beginning, and False.
    """
    allowed = effort.left // 2
    if allowed < _MIN_EFFORT:
        return 0, 0, False
    n, m = len(a), len(b)
    reach = min((n + m + 1) // 2, int((2 * allowed) ** 0.5) + 1)  # the effort suffices for no farther diagonal
    forward, backward = _Front(a, b, reach, allowed), _Front(a[::-1], b[::-1], reach, allowed)
    odd = (n - m) % 2 != 0
    met: tuple[int, int] | None = None
    for d in range(reach + 1):
        met = forward.advance(d, backward if odd else None)
        if met is None and (back := backward.advance(d, None if odd else forward)) is not None:
            met = n - back[0], m - back[1]
        if met is not None or forward.steps + backward.steps > allowed:
            break
    effort.left -= forward.steps + backward.steps
    return (*met, True) if met is not None else (*forward.far, False)


class _Front:
    """The farthest places that d differences reach from the beginning, one on each diagonal x - y."""

    def __init__(self, a: list[int], b: list[int], reach: int, allowed: int) -> None:
        self.far = (0, 0)
        self.steps = 0
        self._a, self._b, self._allowed = a, b, allowed
        self._offset = reach + 1
        self._places = [-1] * (2 * reach + 4)
        self._places[self._offset + 1] = 0
        self._low = self._high = 0  # diagonals that left the box, on either side

    def advance(self, d: int, other: _Front | None) -> tuple[int, int] | None:
        """Go on by one difference; return the place where it meets `other`, which comes from the end."""
        a, b, places, offset = self._a, self._b, self._places, self._offset
        n, m = len(a), len(b)
        for k in range(-d + self._low, d + 1 - self._high, 2):
            left, right = places[offset + k - 1], places[offset + k + 1]
            x = right if k == -d or (k != d and left < right) else left + 1
            y = begin = x - k
            while x < n and y < m and a[x] == b[y]:
                x, y = x + 1, y + 1
            places[offset + k] = x
            self.steps += 1 + y - begin
            if x > n:
                self._high += 2
            elif y > m:
                self._low += 2
            elif other is not None and other.reaches(n - m - k, n - x):
                return x, y
            elif x + y > sum(self.far):
                self.far = (x, y)
            if self.steps > self._allowed:
                return None
        return None

    def reaches(self, diagonal: int, x: int) -> bool:
        """Return whether the front is at `x` or farther, on a diagonal as this front counts them."""
        at = self._offset + diagonal
        return 0 <= at < len(self._places) and self._places[at] >= max(x, 0)


def _anchors(a: list[int], b: list[int], box: _Box) -> list[tuple[int, int]]:
    """Return the longest rising sequence of the pieces that occur once on either side of a box."""
    i, i_end, j, j_end = box
    once_a, once_b = Counter(a[i:i_end]), Counter(b[j:j_end])
    places = {b[at]: at for at in range(j, j_end) if once_b[b[at]] == 1}
    pairs = [(at, places[a[at]]) for at in range(i, i_end) if once_a[a[at]] == 1 and a[at] in places]
    ends: list[int] = []  # the smallest end of a rising sequence of each length, and below its pair and the one before
    last: list[int] = []
    before: list[int] = []
    for number, (_, at) in enumerate(pairs):
        length = bisect_left(ends, at)
        before.append(last[length - 1] if length else -1)
        ends[length : length + 1] = [at]
        last[length : length + 1] = [number]
    rising: list[tuple[int, int]] = []
    number = last[-1] if last else -1
    while number >= 0:
        rising.append(pairs[number])
        number = before[number]
    return rising[::-1]


def _balanced(a: list[int], b: list[int], blocks: list[Block]) -> list[Block]:
    """Return blocks of as many pieces, in which a piece that was replaced stays at its place among equal ones.

    Of four empty boxes the second is ticked: that is one replaced box, and not a ticked one before the second and none
    at the end, though both are as short.
    """
    ends = [*blocks, Block(len(a), len(b), 0)]
    balanced: list[Block] = []
    at, i, j = 0, 0, 0  # the next block, and the end of the last one
    while at < len(ends):
        net, same = (ends[at].old - i) - (ends[at].new - j), 0
        until = at
        while net and until - at < _LOOK_AHEAD and until + 1 < len(ends):
            here, following = ends[until], ends[until + 1]
            same += here.length
            net += (following.old - here.old) - (following.new - here.new)
            until += 1
        i_end, j_end = ends[until].old, ends[until].new
        if until > at and not net and sum(map(eq, a[i:i_end], b[j:j_end])) >= same:
            balanced += [Block(i + n, j + n, 1) for n in range(i_end - i) if a[i + n] == b[j + n]]
            at = until
        balanced.append(ends[at])
        i, j = ends[at].old + ends[at].length, ends[at].new + ends[at].length
        at += 1
    return _joined(balanced)


def _joined(blocks: list[Block]) -> list[Block]:
    joined: list[Block] = []
    for block in blocks:
        last = joined[-1] if joined else Block(0, 0, 0)
        if joined and (last.old + last.length, last.new + last.length) == (block.old, block.new):
            joined[-1] = last._replace(length=last.length + block.length)
        elif block.length:
            joined.append(block)
    return joined

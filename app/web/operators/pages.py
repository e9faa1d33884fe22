"""Sorted pages of long lists: a bounded number of keys is handled in one turn of the loop."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from app.node.sockets.turns import Turns

MAX_ROWS = 1_000  # in one page
_SLICE_KEYS = 500  # keys that are sorted or merged between two waits
_SLICE_UNITS = 16  # units of work that a slice takes

K = TypeVar("K", str, tuple[float, str])


async def first_after(
    keys: Iterable[Sequence[K]], after: K | None, limit: int, wanted: Callable[[K], bool], turns: Turns
) -> tuple[list[K], bool]:
    """Return the first `limit` keys behind `after` that are wanted, in order and each once, and whether more follow.

    `keys` are copies, as the lists themselves may change meanwhile.
    """
    runs = []
    for listed in keys:
        for start in range(0, len(listed), _SLICE_KEYS):
            await turns.wait(_SLICE_UNITS)
            runs.append(sorted(key for key in listed[start : start + _SLICE_KEYS] if after is None or key > after))
    found: list[K] = []
    last: K | None = None
    for looked_at, key in enumerate(heapq.merge(*runs)):
        if looked_at % _SLICE_KEYS == 0:
            await turns.wait(_SLICE_UNITS)
        if key == last:
            continue
        last = key
        if not wanted(key):
            continue
        if len(found) == limit:
            return found, True
        found.append(key)
    return found, False

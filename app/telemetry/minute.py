"""The window of the last minute, in slots of ten seconds each.

A slot that is a minute old counts no more, so a figure is about the present.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_SLOT_SECONDS = 10.0
_SLOTS = 6
S = TypeVar("S")


class MinuteSlots(Generic[S]):
    """The slots of a minute; `make` returns an empty one."""

    __slots__ = ("_make", "_slots")

    def __init__(self, make: Callable[[], S]) -> None:
        self._make = make
        self._slots: deque[tuple[int, S]] = deque(maxlen=_SLOTS + 1)

    def current(self, now: float) -> S:
        """Return the slot of `now` (steady seconds)."""
        number = int(now // _SLOT_SECONDS)
        if not self._slots or self._slots[-1][0] != number:
            self._slots.append((number, self._make()))
        return self._slots[-1][1]

    def fresh(self, now: float) -> list[S]:
        """Return the slots of the minute before `now` (steady seconds)."""
        oldest = int(now // _SLOT_SECONDS) - _SLOTS
        return [slot for number, slot in self._slots if number > oldest]

"""The longest turn of the event loop in the last minute, measured at every turn and without a timer.

A turn is the work between two looks at the sockets; while it runs no other connection is served.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from typing import TYPE_CHECKING

from .minute import MinuteSlots

if TYPE_CHECKING:
    from collections.abc import Callable

STANDSTILL_SECONDS = 1.0
"""So much later than asked for, and it was no busy turn: the process did not run."""


class Stalls:
    """The longest of the durations that were observed in the last minute, to ten seconds."""

    def __init__(self) -> None:
        self._slots: MinuteSlots[_Longest] = MinuteSlots(_Longest)

    def observe(self, seconds: float, now: float) -> None:
        """Count a turn that ended at `now` (steady seconds) and took `seconds`."""
        slot = self._slots.current(now)
        if seconds > slot.seconds:
            slot.seconds = seconds

    def longest(self, now: float) -> float:
        """Return the longest turn of the last minute, in seconds."""
        return max((slot.seconds for slot in self._slots.fresh(now)), default=0.0)


class _Longest:
    """The longest turn of one slot, in seconds."""

    __slots__ = ("seconds",)

    def __init__(self) -> None:
        self.seconds = 0.0


class _MeasuringSelector(selectors.DefaultSelector):
    def __init__(self, stalls: Stalls, clock: Callable[[], float]) -> None:
        super().__init__()
        self._stalls = stalls
        self._clock = clock
        self._since = clock()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        now = self._clock()
        self._stalls.observe(now - self._since, now)
        ready = super().select(timeout)
        self._since = self._clock()
        if not ready and timeout and self._since - now - timeout > STANDSTILL_SECONDS:
            # The process stood still (SIGSTOP, a suspended machine) and the call was broken off without a look: what
            # came meanwhile is to be read before timers judge that nothing came.
            ready = super().select(0)
        return ready


class MeasuredLoop(asyncio.SelectorEventLoop):
    """An event loop that knows its longest turn, and reads before it judges time after a standstill."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.stalls = Stalls()
        super().__init__(_MeasuringSelector(self.stalls, clock))


def longest_stall() -> float:
    """Return the running loop's longest turn of the last minute, in seconds; 0 where it is not measured."""
    loop = asyncio.get_running_loop()
    return loop.stalls.longest(time.monotonic()) if isinstance(loop, MeasuredLoop) else 0.0

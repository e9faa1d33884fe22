"""The longest turn of the event loop in the last minute, measured at every turn and without a timer.

A turn is the work between two looks at the sockets; while it runs no other connection is served.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from .minute import MinuteSlots

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sized

_ROUNDS = 3  # of what the end of a turn asks for at its end: edits are decided, handed to the store, and that is woken
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
        self.end_turn: Callable[[], bool] | None = None  # returns whether there is more to do before a wait

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.end_turn is not None and self.end_turn():
            timeout = 0.0
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
    """An event loop that knows its longest turn, and reads before it judges time after a standstill.

    What a turn has gathered is done at its end (`call_at_turn_end`) and not in a turn of its own.
    """

    # asyncio's own: the callbacks of the next turn, the heap of timers, and the socket that has a byte when another
    # thread has called
    _ready: Sized
    _scheduled: list[asyncio.TimerHandle]
    _ssock: socket.socket | None
    _process_self_data: Callable[[bytes], None]

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.stalls = Stalls()
        self._at_turn_end: list[Callable[[], None]] = []
        selector = _MeasuringSelector(self.stalls, clock)
        super().__init__(selector)
        selector.end_turn = self._end_turn

    def call_at_turn_end(self, callback: Callable[[], None]) -> None:
        """Call it before the loop looks at its sockets the next time, though after it knows how long it may wait."""
        self._at_turn_end.append(callback)

    def _end_turn(self) -> bool:
        if not self._at_turn_end:
            return False
        first = self._scheduled[0] if self._scheduled else None
        for _ in range(_ROUNDS):
            callbacks, self._at_turn_end = self._at_turn_end, []
            for callback in callbacks:
                try:
                    callback()
                except Exception as wrong:
                    self.call_exception_handler({"message": "work at the end of a turn failed", "exception": wrong})
            if not self._at_turn_end:
                break
        # A timer that was set here may be due before the wait ends that the loop has asked for.
        is_sooner = bool(self._scheduled) and self._scheduled[0] is not first
        return bool(self._ready or self._at_turn_end or is_sooner)

    def _read_from_self(self) -> None:
        """Read once where asyncio reads until nothing is left: what is left is reported again."""
        with suppress(BlockingIOError, InterruptedError):
            if self._ssock is not None and (data := self._ssock.recv(4096)):
                self._process_self_data(data)


def at_turn_end(loop: asyncio.AbstractEventLoop) -> Callable[[Callable[[], None]], object]:
    """Return what calls a function at the end of the present turn; on a loop that is not ours, in a turn of its own."""
    return loop.call_at_turn_end if isinstance(loop, MeasuredLoop) else loop.call_soon


def longest_stall() -> float:
    """Return the running loop's longest turn of the last minute, in seconds; 0 where it is not measured."""
    loop = asyncio.get_running_loop()
    return loop.stalls.longest(time.monotonic()) if isinstance(loop, MeasuredLoop) else 0.0

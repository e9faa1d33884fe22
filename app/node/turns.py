"""A bound on the work of one turn of the event loop.

Whatever many connections cause at once (frames, handshakes, lost sockets, deadlines) is done in units. So many units
a turn, or until so many milliseconds have passed; the rest waits in one queue, first come, first served, and the loop
looks at its sockets and timers in between.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextvars import Context
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

UNITS = 64
SECONDS = 0.005


class Turns:
    """The budget of the loop's present turn, and what waits for a later one.

    `deferred` counts units that had to wait; `most` is the largest number of units that one turn has done.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        units: int = UNITS,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._loop = loop
        self._units = units
        self._seconds = seconds
        self._clock = clock
        self._queue: deque[Callable[[], bool]] = deque()
        self._context = Context()  # what waits is not done on behalf of who was served when the turn was asked for
        self._spent = 0
        self._since = 0.0
        self._is_next_turn_asked = False
        self.deferred = 0
        self.most = 0

    @property
    def waiting(self) -> int:
        """Steps that wait for their turn."""
        return len(self._queue)

    def admit(self) -> bool:
        """Count one unit of work, and say whether it may be done now. Who waits already goes first."""
        if self._queue or not self._spend():
            self.deferred += 1
            return False
        return True

    def later(self, step: Callable[[], bool]) -> None:
        """Do one unit of work in a later turn. A step that returns true has more, and queues again behind the rest."""
        self._queue.append(step)
        self._ask_for_next_turn()

    async def wait(self, units: int = 1) -> None:
        """Return when there is room for work that takes as long as so many units."""
        if self.admit():
            self._spent += units - 1
            return
        room: asyncio.Future[None] = self._loop.create_future()

        def step() -> bool:
            self._spent += units - 1
            if not room.done():
                room.set_result(None)
            return False

        self.later(step)
        await room

    async def after_reading(self) -> None:
        """Return once what waited in the sockets has been read: the loop has looked, and all units queued are done."""
        for _ in range(2):  # the first look may have been begun before this call
            await asyncio.sleep(0)
        done: asyncio.Future[None] = self._loop.create_future()

        def step() -> bool:
            if not done.done():
                done.set_result(None)
            return False

        self.later(step)
        await done

    def _spend(self) -> bool:
        if self._spent == 0:
            self._since = self._clock()
            self._ask_for_next_turn()
        elif self._spent >= self._units or self._clock() - self._since >= self._seconds:
            return False
        self._spent += 1
        self.most = max(self.most, self._spent)
        return True

    def _ask_for_next_turn(self) -> None:
        # What is scheduled now runs first in the next turn, before anything that the sockets bring then.
        if not self._is_next_turn_asked:
            self._is_next_turn_asked = True
            self._loop.call_soon(self._begin, context=self._context)

    def _begin(self) -> None:
        self._is_next_turn_asked = False
        self._spent = 0
        while self._queue and self._spend():
            step = self._queue.popleft()
            try:
                if step():
                    self._queue.append(step)
            except Exception as wrong:  # one connection's fault must not stop what others wait for
                context = {"message": "a unit of work failed", "exception": wrong}
                self._loop.call_exception_handler(context)

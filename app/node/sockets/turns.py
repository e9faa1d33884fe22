"""A bound on the work of one turn of the event loop.

The work that many connections cause at once (frames, handshakes, lost sockets, deadlines) is divided into units. A
turn does a number of units, or works for a number of milliseconds; the rest waits, and the loop polls its sockets and
timers in between. Sessions go first. Long and many messages of one session, then HTTP requests and handshakes, have a
share beside them. Clients that were refused often of late have one unit: however many they are, the others wait for a
single one, since the frames to sessions leave before it and the sessions' sockets are polled after it. Within a lane
the order is first come, first served.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextvars import Context
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

UNITS = 64
SECONDS = 0.005


_SESSION_UNITS_A_NEWCOMER = 8  # a busy turn takes one newcomer in for so many units of the sessions
_SESSION_UNITS_A_BULK = 2  # likewise one unit of long or many messages
_BULK_SECONDS = 0.0003  # for which these go on in any turn that is theirs
_MAX_READING_SECONDS = 1.0  # for which deadlines wait until the sockets are read, after a standstill


class Lane(IntEnum):
    """The kind of client that a unit of work serves, in the order in which a turn serves them."""

    SESSIONS = 0
    BULK = 1  # long messages, and many at once
    NEWCOMERS = 2  # HTTP requests and handshakes
    REFUSED = 3  # clients that were refused often of late


_ROTATION = (Lane.BULK, Lane.NEWCOMERS, Lane.BULK, Lane.REFUSED)
"""The lanes that turns serve beside the sessions, those without work skipped.

A turn for the sessions alone lies between two of these: after each unit of work the sockets are polled once more.
"""


class Turns:
    """The budget of the loop's present turn, and the work that waits for a later one.

    `deferred` counts units that had to wait; `most` is the largest number of units that one turn has done for sessions.
    `at_turn_end` calls a function before the loop looks at its sockets; without it a turn is begun in its course.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        units: int = UNITS,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.perf_counter,
        at_turn_end: Callable[[Callable[[], None]], object] | None = None,
    ) -> None:
        self._loop = loop
        self._units = units
        self._seconds = seconds
        self._clock = clock
        self._at_turn_end = at_turn_end
        self._queues: tuple[deque[Callable[[], bool]], ...] = tuple(deque() for _ in Lane)
        self._context = Context()  # not the context (the origin) of the work that asks for the turn
        self._spent = 0
        self._others = [0] * len(Lane)  # steps of the lanes beside the sessions
        self._bulk_since = 0.0
        self._next = 0  # in the rotation
        self._is_for_sessions_alone = False
        self.before_others: Callable[[], None] | None = None
        """A function that sends the frames that wait for the sessions."""
        self._since = 0.0
        self._is_next_turn_asked = False
        self.deferred = 0
        self.most = 0

    @property
    def waiting(self) -> int:
        """The number of steps that wait for their turn."""
        return sum(map(len, self._queues))

    def admit(self, lane: Lane = Lane.SESSIONS) -> bool:
        """Count one unit of work; return whether it may be done now. Steps that wait in the lane go first."""
        if self._queues[lane] or not self._spend(lane):
            self.deferred += 1
            return False
        return True

    def later(self, step: Callable[[], bool], lane: Lane = Lane.SESSIONS) -> None:
        """Do one unit of work in a later turn. A step that returns true has more, and queues again at the end."""
        self._queues[lane].append(step)
        self._ask_for_next_turn()

    async def wait(self, units: int = 1, lane: Lane = Lane.SESSIONS) -> None:
        """Return when the lane has room for work that takes as long as `units` units of the sessions."""
        more = units - 1 if lane is Lane.SESSIONS else 0
        if self.admit(lane):
            self._spent += more
            return
        room: asyncio.Future[None] = self._loop.create_future()

        def step() -> bool:
            self._spent += more
            if not room.done():
                room.set_result(None)
            return False

        self.later(step, lane)
        await room

    async def after_reading(self) -> None:
        """Return once the bytes in the sockets are handled: the loop has polled, and the queued units are done.

        Work of clients that were refused often is not waited for, and the rest for a second: deadlines wait meanwhile.
        """
        for _ in range(2):  # the first poll may have begun before this call
            await asyncio.sleep(0)
        await asyncio.wait(
            [self._reached(lane) for lane in Lane if lane is not Lane.REFUSED], timeout=_MAX_READING_SECONDS
        )

    def _reached(self, lane: Lane) -> asyncio.Future[None]:
        done: asyncio.Future[None] = self._loop.create_future()

        def step() -> bool:
            if not done.done():
                done.set_result(None)
            return False

        self.later(step, lane)
        return done

    def _spend(self, lane: Lane) -> bool:
        if lane is not Lane.SESSIONS:
            if not self._has_room(lane):
                return False
            self._others[lane] += 1
            self._ask_for_next_turn()
            return True
        if self._spent == 0:
            self._since = self._clock()
            self._ask_for_next_turn()
        elif self._spent >= self._units or self._clock() - self._since >= self._seconds:
            return False
        self._spent += 1
        self.most = max(self.most, self._spent)
        return True

    def _has_room(self, lane: Lane) -> bool:
        done = self._others[lane]
        if done == 0:
            if lane is Lane.BULK:
                self._bulk_since = self._clock()
            return True
        match lane:
            case Lane.BULK:
                return (
                    done < self._spent // _SESSION_UNITS_A_BULK or self._clock() - self._bulk_since < _BULK_SECONDS
                ) and done < self._units
            case Lane.NEWCOMERS:
                return done < self._spent // _SESSION_UNITS_A_NEWCOMER
            case _:
                return False

    def _ask_for_next_turn(self) -> None:
        # A callback scheduled now runs first in the next turn, before the events that its poll brings.
        if not self._is_next_turn_asked:
            self._is_next_turn_asked = True
            if self._at_turn_end is None:
                self._loop.call_soon(self._begin, context=self._context)
            else:
                self._at_turn_end(self._end)

    def _end(self) -> None:
        if self.waiting:
            self._loop.call_soon(self._begin, context=self._context)
        else:
            self._begin()

    def _begin(self) -> None:
        self._is_next_turn_asked = False
        self._spent = 0
        self._serve(Lane.SESSIONS)
        for lane in _ROTATION:
            if not self._queues[lane]:
                self._others[lane] = 0  # no crowd: the next one need not wait until it is the lane's turn
        self._is_for_sessions_alone = not self._is_for_sessions_alone
        if not self._is_for_sessions_alone:
            self._serve_next_lane()
        if self.waiting:
            self._ask_for_next_turn()

    def _serve_next_lane(self) -> None:
        for _ in _ROTATION:
            lane = _ROTATION[self._next]
            self._next = (self._next + 1) % len(_ROTATION)
            if self._queues[lane]:
                self._others[lane] = 0
                if self.before_others is not None:
                    self.before_others()
                self._serve(lane)
                return

    def _serve(self, lane: Lane) -> None:
        queue = self._queues[lane]
        while queue and self._spend(lane):
            step = queue.popleft()
            try:
                if step():
                    queue.append(step)
            except Exception as wrong:  # one connection's failure must not stop the work of others
                context = {"message": "a unit of work failed", "exception": wrong}
                self._loop.call_exception_handler(context)

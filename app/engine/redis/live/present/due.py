"""Work of presence that is due at a time: one timer for all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from heapq import heappop, heappush
from itertools import count
from typing import Final

import structlog

from app.engine.ports.errors import Unavailable
from app.engine.redis.connection import ended
from app.engine.redis.together import AT_ONCE

RETRY_SECONDS: Final = 1.0
STANDSTILL_SECONDS: Final = 1.0  # that work may be late before those who may be coming back are waited for

_log = structlog.get_logger("redis")

Work = Callable[[], Awaitable[None]]


class DueWork:
    """Work by the time at which it is due (steady seconds). What the store refuses is done again a second later."""

    def __init__(self, steady: Callable[[], float]) -> None:
        self._steady = steady
        self._due: list[tuple[float, int, Work]] = []
        self._numbers = count()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._waits = self._closed = False

    def at(self, due: float, work: Work) -> None:
        """Do the work at a time."""
        heappush(self._due, (due, next(self._numbers), work))
        self._arm()

    async def close(self) -> None:
        """Do nothing more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        await ended(self._task)

    def _arm(self) -> None:
        if self._closed or self._task is not None or not self._due or self._waits:
            return
        if self._timer is not None:
            self._timer.cancel()
        wait = max(0.0, self._due[0][0] - self._steady())
        self._timer = asyncio.get_running_loop().call_later(wait, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._due and self._steady() - self._due[0][0] > STANDSTILL_SECONDS and not self._waits:
            # The process stood still: who came back meanwhile, or holds a field longer, still waits in a socket.
            self._waits = True
            self._timer = asyncio.get_running_loop().call_later(STANDSTILL_SECONDS, self._tick)
            return
        self._waits = False
        self._task = asyncio.create_task(self._work())
        self._task.add_done_callback(self._worked)

    def _worked(self, _: asyncio.Task[None]) -> None:
        self._task = None
        self._arm()

    async def _work(self) -> None:
        now, some = self._steady(), list[Work]()
        while self._due and self._due[0][0] <= now and len(some) < AT_ONCE:
            some.append(heappop(self._due)[2])
        await asyncio.gather(*(self._try(work) for work in some))

    async def _try(self, work: Work) -> None:
        try:
            await work()
        except Unavailable:
            heappush(self._due, (self._steady() + RETRY_SECONDS, next(self._numbers), work))
        except Exception:
            _log.exception("presence_work_failed")

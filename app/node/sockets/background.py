"""Work that nobody waits for: kept from being collected, its failures logged, what has no end begun again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0
_log = structlog.get_logger("node")


class Background:
    """The tasks of a node."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._tasks: set[asyncio.Task[None]] = set()
        self._endless: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Begin; tasks begin in the order of the calls."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def repeat(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Begin what has no end of its own: `settle` ends it. A failure is logged, and it is begun again after a pause,
        longer each time."""
        self._endless.add(self.start(self._repeat(name, work)))

    async def _repeat(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            began = self._loop.time()
            try:
                await work()
            except Exception:
                _log.exception("background work failed; it is begun again", work=name, seconds=pause)
            else:
                _log.error("background work ended; it is begun again", work=name, seconds=pause)
            await asyncio.sleep(pause)
            steady = self._loop.time() - began > 2 * LONGEST_PAUSE_SECONDS
            pause = FIRST_PAUSE_SECONDS if steady else min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def settle(self, seconds: float) -> None:
        """Wait for what is under way, and end what is endless."""
        for task in self._endless:
            task.cancel()
        deadline = self._loop.time() + seconds
        while self._tasks and (left := deadline - self._loop.time()) > 0:
            await asyncio.wait(set(self._tasks), timeout=left)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._endless.discard(task)
        if not task.cancelled() and (wrong := task.exception()) is not None:
            _log.error("background work failed", exc_info=wrong)

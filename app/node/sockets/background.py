"""Background tasks of a node: kept from garbage collection, their failures logged, endless ones restarted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 1.0, 60.0
_CANCEL_SECONDS = 0.1  # until a cancellation is repeated
_log = structlog.get_logger("node")


class Background:
    """The background tasks of a node."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._tasks: set[asyncio.Task[None]] = set()
        self._endless: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a task; tasks begin in the order of the calls."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def repeat(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run endless work until `settle`.

        A failure is logged, and the work restarts after a pause, longer each time.
        """
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
            steady = self._loop.time() - began > 2 * MAX_PAUSE_SECONDS
            pause = FIRST_PAUSE_SECONDS if steady else min(2 * pause, MAX_PAUSE_SECONDS)

    async def settle(self, seconds: float) -> None:
        """Cancel endless work, and wait for the other tasks, at most so many seconds.

        Work that just then calls the engine may take a cancellation for a failed call: it is repeated.
        """
        deadline = self._loop.time() + seconds
        while True:
            for task in self._endless:
                task.cancel()
            if not self._tasks or (left := deadline - self._loop.time()) <= 0:
                return
            await asyncio.wait(set(self._tasks), timeout=min(left, _CANCEL_SECONDS) if self._endless else left)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._endless.discard(task)
        if not task.cancelled() and (wrong := task.exception()) is not None:
            _log.error("background work failed", exc_info=wrong)

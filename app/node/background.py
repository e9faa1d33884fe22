"""Work that nobody waits for: kept from being collected, its failures logged, never lost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from collections.abc import Coroutine

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

    def repeat(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin what has no end of its own: `settle` ends it."""
        self._endless.add(self.start(work))

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

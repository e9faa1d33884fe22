"""Callbacks of a user of the SDK, called one after another; what they do wrong stays with them."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

logger = logging.getLogger("dossier_realtime.client")

Call = Callable[[], object]
Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
"""Starts a task that ends with the client."""


class Delivery:
    """A line of calls, each awaited if it is async, in a task that lives only while there is something to call."""

    def __init__(self, spawn: Spawn, on_fault: Callable[[Exception], None] | None = None) -> None:
        self._spawn = spawn
        self._on_fault = on_fault
        self._calls: deque[Call] = deque()
        self._task: asyncio.Task[None] | None = None
        self._stopped = False

    def __len__(self) -> int:
        return len(self._calls)

    def put(self, call: Call) -> None:
        """Call it after all that was put before."""
        if self._stopped:
            return
        self._calls.append(call)
        if self._task is None or self._task.done():
            self._task = self._spawn(self._run())

    def stop(self) -> None:
        """Call nothing more. A call that is under way may end."""
        self._stopped = True
        self._calls.clear()

    async def _run(self) -> None:
        while self._calls:
            call = self._calls.popleft()
            try:
                result = call()
                if inspect.isawaitable(result):
                    await result
            except Exception as error:
                logger.exception("A callback failed; mend it, the connection goes on")
                if self._on_fault is not None:
                    self._on_fault(error)

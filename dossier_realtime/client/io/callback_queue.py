"""Callbacks of a user of the SDK, called one after another; what they do wrong stays with them."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

logger = logging.getLogger("dossier_realtime.client")

Call = Callable[[], object]
Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None] | None]
"""Starts a task that ends with the client; None where the client has ended already."""


def is_of_user_code(error: BaseException) -> bool:
    """Return whether an error that came out of a user's code is to end there.

    False for what must end the program, and for the cancellation of the task that called it. A CancelledError that
    the code raised by itself (a future of its own was cancelled) is an error as any other.
    """
    if isinstance(error, KeyboardInterrupt | SystemExit):
        return False
    task = asyncio.current_task()
    return not (isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling())


def as_exception(error: BaseException) -> Exception:
    """Return what `on_error` may be called with."""
    if isinstance(error, Exception):
        return error
    wrapped = RuntimeError(f"A callback raised {error!r}; mend it, the connection goes on")
    wrapped.__cause__ = error
    return wrapped


class CallbackQueue:
    """A line of calls, each awaited if it is async, in a task that lives only while there is something to call."""

    def __init__(self, spawn: Spawn, on_fault: Callable[[Exception], None] | None = None) -> None:
        self._spawn = spawn
        self._on_fault = on_fault
        self._calls: deque[Call] = deque()
        self._waiting: set[object] = set()
        self._task: asyncio.Task[None] | None = None
        self._stopped = False

    def __len__(self) -> int:
        return len(self._calls)

    def put(self, call: Call) -> None:
        """Call it after all that was put before."""
        if self._stopped:
            return
        self._calls.append(call)
        if self._task is None:
            self._begin()

    def put_once(self, key: object, call: Call) -> None:
        """Call it in its turn, unless a call of this key waits already: `call` looks at what is true by then."""
        if key not in self._waiting:
            self._waiting.add(key)
            self.put(partial(self._call_once, key, call))

    def _call_once(self, key: object, call: Call) -> object:
        self._waiting.discard(key)
        return call()

    def stop(self) -> None:
        """Call nothing more. A call that is under way may end."""
        self._stopped = True
        self._calls.clear()

    def _begin(self) -> None:
        self._task = self._spawn(self._run())
        if self._task is not None:
            self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if self._calls and not self._stopped:
            self._begin()  # a callback has cancelled the task that called it; the others are still to be called

    async def _run(self) -> None:
        while self._calls:
            call = self._calls.popleft()
            try:
                result = call()
                if inspect.isawaitable(result):
                    await result
            except BaseException as error:
                if not is_of_user_code(error):
                    raise
                logger.exception("A callback failed; mend it, the connection goes on")
                if self._on_fault is not None:
                    self._on_fault(as_exception(error))

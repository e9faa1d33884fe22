"""The queue in which callbacks of a user of the SDK are called, one after another; their errors end in it."""

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
"""Start a task that ends with the client; None where the client has ended already."""


def is_of_user_code(error: BaseException) -> bool:
    """Return True for an error of a user's code, which the caller of that code catches.

    False for an error that must end the program, and for the cancellation of the calling task. A CancelledError that
    the code raised by itself (a future of its own was cancelled) is an error like any other.
    """
    if isinstance(error, KeyboardInterrupt | SystemExit):
        return False
    task = asyncio.current_task()
    return not (isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling())


def as_exception(error: BaseException) -> Exception:
    """Return the error as `on_error` takes it: wrapped where it is no Exception."""
    if isinstance(error, Exception):
        return error
    wrapped = RuntimeError(f"A callback raised {error!r}; mend it, the connection goes on")
    wrapped.__cause__ = error
    return wrapped


class CallbackQueue:
    """A queue of calls, each awaited if it is async, in a task that lives only while the queue is not empty."""

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
        """Append a call."""
        if self._stopped:
            return
        self._calls.append(call)
        if self._task is None:
            self._begin()

    def put_once(self, key: object, call: Call) -> None:
        """Append a call, unless one of this key waits already: `call` reads the state when it is called."""
        if key not in self._waiting:
            self._waiting.add(key)
            self.put(partial(self._call_once, key, call))

    def _call_once(self, key: object, call: Call) -> object:
        self._waiting.discard(key)
        return call()

    def stop(self) -> None:
        """Drop all calls. A call that is under way may end."""
        self._stopped = True
        self._calls.clear()

    def _begin(self) -> None:
        self._task = self._spawn(self._run())
        if self._task is not None:
            self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if self._calls and not self._stopped:
            self._begin()  # a callback cancelled the task that called it; the other calls still follow

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

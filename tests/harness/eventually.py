"""Wait for facts: ask until something holds. How long it took is no part of any outcome."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

HANG_SECONDS = 240.0
"""After so long it is no slow machine but a fault. No test says a shorter time, or it would judge the machine."""

_POLL_SECONDS = 0.02

T = TypeVar("T")


def eventually(ask: Callable[[], T], what: object = "", *, poll: float = _POLL_SECONDS) -> T:
    """Return the first answer that is true; the thread waits meanwhile.

    `what`, called when it is a function, is said when nothing came. `poll` is in seconds.

    Raises:
        AssertionError: no true answer within HANG_SECONDS.
    """
    deadline = time.monotonic() + HANG_SECONDS
    while not (answer := ask()):
        _must_be_before(deadline, answer, what)
        time.sleep(poll)
    return answer


@overload
async def eventually_async(ask: Callable[[], Awaitable[T]], what: object = "", *, poll: float = ...) -> T: ...
@overload
async def eventually_async(ask: Callable[[], T], what: object = "", *, poll: float = ...) -> T: ...
async def eventually_async(ask: Callable[[], Any], what: object = "", *, poll: float = _POLL_SECONDS) -> Any:
    """Return the first answer that is true; others of the event loop go on meanwhile. Otherwise as `eventually`."""
    deadline = time.monotonic() + HANG_SECONDS
    while True:
        asked = ask()
        answer = await asked if isinstance(asked, Awaitable) else asked
        if answer:
            return answer
        _must_be_before(deadline, answer, what)
        await asyncio.sleep(poll)


def _must_be_before(deadline: float, answer: object, what: object) -> None:
    if time.monotonic() > deadline:
        said = what() if callable(what) else what
        raise AssertionError(f"did not come within {HANG_SECONDS:g} s: {said or 'no true answer'}; last {answer!r}")

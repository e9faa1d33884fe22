"""Callers that give up at every turn of the loop: what they leave open is found."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

FIRST_TURNS = 40  # of the loop, met one by one; how many follow depends on the machine
MAX_TURNS = 10_000_000  # in which a service has answered, if it ever does

GivenUp = Callable[[Awaitable[object]], Awaitable[None]]
"""Begins what is awaited, and cancels it some turns later."""
Scene = Callable[[GivenUp], Coroutine[Any, Any, None]]


@contextmanager
def nothing_unclosed() -> Iterator[None]:
    """Fail where sockets or transports made inside are left to the garbage collector."""
    gc.collect()  # what other tests have left is theirs
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        yield
        gc.collect()
    assert [str(warning.message) for warning in seen] == []


def give_up_at_every_turn(scene: Scene) -> None:
    """Play the scene, each time in a loop of its own and giving up later, until what is awaited has ended before."""
    turns, finished = 0, False
    while not finished and turns < MAX_TURNS:

        async def given_up(awaited: Awaitable[object], turns: int = turns) -> None:
            nonlocal finished
            task = asyncio.ensure_future(awaited)
            for _ in range(turns):
                await asyncio.sleep(0)
            finished = task.done()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        asyncio.run(scene(given_up))
        turns = turns + 1 if turns < FIRST_TURNS else turns * 3 // 2
    assert finished

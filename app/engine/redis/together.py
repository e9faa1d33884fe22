"""Many calls to Redis: some at a time, so that those of other callers are not kept waiting behind all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Final

AT_ONCE: Final = 32
"""Calls of one kind that are under way together: half of the connections of a pool."""

Call = Callable[[], Coroutine[None, None, None]]


async def all_done(calls: Iterable[Call], at_once: int = AT_ONCE) -> None:
    """Do all the calls, so many at a time. Each is tried; then the first failure among them is raised."""
    wanted, failures = list(calls), list[Exception]()
    waiting = iter(wanted)

    async def work() -> None:
        for call in waiting:
            try:
                await call()
            except Exception as failure:
                failures.append(failure)

    await asyncio.gather(*(work() for _ in range(min(at_once, len(wanted)))))
    if failures:
        raise failures[0]

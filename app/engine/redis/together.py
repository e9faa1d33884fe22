"""Many calls to Redis: some at a time, so that no other caller waits behind all of them; and one for all who ask."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Iterable
from typing import Final, Generic, TypeVar

AT_ONCE: Final = 32
"""Calls of one kind that are under way together: half of the connections of a pool."""

Call = Callable[[], Coroutine[None, None, None]]

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


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


class SharedWork(Generic[K, T]):
    """Work under way, by key: it is done once for all who ask meanwhile."""

    def __init__(self) -> None:
        self._tasks: dict[K, asyncio.Task[T]] = {}

    def under_way(self, key: K) -> asyncio.Task[T] | None:
        """Return the task under way.

        One that has ended is none, also in the turn of the loop in which it ended: who waited for it would wait for
        nothing, and a loop around it would never let go of the event loop.
        """
        task = self._tasks.get(key)
        return None if task is None or task.done() else task

    def started(self, key: K, work: Callable[[], Coroutine[None, None, T]]) -> asyncio.Task[T]:
        """Return the task under way, which is begun where there is none. Shield it: others wait for it too."""
        task = self.under_way(key)
        if task is None:
            task = self._tasks[key] = asyncio.create_task(work())
            task.add_done_callback(lambda ended: self._forget(key, ended))
        return task

    def all(self) -> list[asyncio.Task[T]]:
        """Return all tasks that may be under way."""
        return list(self._tasks.values())

    def _forget(self, key: K, ended: asyncio.Task[T]) -> None:
        if self._tasks.get(key) is ended:
            del self._tasks[key]

"""Connections that are being made: Tornado cannot stop half-way, also where the caller gave up.

A loop that ends meanwhile would leave their sockets to the garbage collector, which says so in a program with
`-W error`. So the close of a client waits for them, for a bounded time.
"""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

T = TypeVar("T")

END_SECONDS = 2.0  # for a peer that does not answer; then its socket stays with the loop until the time-out


class Unfinished:
    """Futures of Tornado that have not ended, with or without an awaiter."""

    def __init__(self) -> None:
        self._futures: set[asyncio.Future[Any]] = set()

    async def result(self, future: asyncio.Future[T]) -> T:
        """Return the result of `future`. A cancellation ends the waiting alone, and `future` is kept until it ends."""
        if not future.done():
            self._futures.add(future)
            future.add_done_callback(self._ended)
        return await asyncio.shield(future)

    def _ended(self, future: asyncio.Future[T]) -> None:
        self._futures.discard(future)
        if not future.cancelled():
            future.exception()  # after a cancellation nobody else asks for it

    async def end(self) -> None:
        """Wait until all have ended, for END_SECONDS at most."""
        if self._futures:
            await asyncio.wait(self._futures, timeout=END_SECONDS)

"""Connections whose caller gave up while they are made: Tornado cannot stop half-way.

A loop that ends meanwhile would leave their sockets to the garbage collector, which says so in a program with
`-W error`. So the close of a client waits for them, for a bounded time.
"""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

T = TypeVar("T")

ABANDONED_SECONDS = 2.0  # for a peer that does not answer; then its socket stays with the loop until the time-out


class Abandoned:
    """Futures of Tornado whose awaiters were cancelled."""

    def __init__(self) -> None:
        self._futures: set[asyncio.Future[Any]] = set()

    async def result(self, future: asyncio.Future[T]) -> T:
        """Return the result of `future`. A cancellation ends the waiting alone, and `future` is kept until it ends."""
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            if not future.done():
                self._futures.add(future)
                future.add_done_callback(self._ended)
            raise

    def _ended(self, future: asyncio.Future[T]) -> None:
        self._futures.discard(future)
        if not future.cancelled():
            future.exception()  # nobody else asks for it

    async def end(self) -> None:
        """Wait until all have ended, for ABANDONED_SECONDS at most."""
        if self._futures:
            await asyncio.wait(self._futures, timeout=ABANDONED_SECONDS)

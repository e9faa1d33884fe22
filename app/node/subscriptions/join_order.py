"""The order of the subscriptions that one connection has under way.

A subscription waits until the last long answer has left, which may take minutes on a slow line. The connection's other
messages do not wait for that: a token could not be renewed meanwhile. So the order of the subscriptions is kept here.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class JoinOrder:
    """The subscriptions under way, by connection: one at a time, in the order of their messages."""

    def __init__(self) -> None:
        self._under_way: dict[str, tuple[asyncio.Lock, list[None]]] = {}

    def count(self, connection_id: str) -> int:
        """Return the number of subscriptions of a connection that are under way or wait."""
        known = self._under_way.get(connection_id)
        return 0 if known is None else len(known[1])

    @asynccontextmanager
    async def turn(self, connection_id: str) -> AsyncIterator[None]:
        """Enter when the connection's subscriptions before this one are done."""
        lock, waiting = self._under_way.setdefault(connection_id, (asyncio.Lock(), []))
        waiting.append(None)
        try:
            async with lock:  # it is given in the order in which it was asked for
                yield
        finally:
            waiting.pop()
            if not waiting:
                del self._under_way[connection_id]

"""Rights of many connections, checked again: a few per turn of the loop, and all before the next delivery."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from app.core.instant import Instant
    from app.node.connections.connection import Connection
    from app.node.sockets.turns import Turns


class RecheckQueue:
    """The connections whose rights on a channel may have changed, by channel."""

    def __init__(self, turns: Turns, clock: Callable[[], Instant]) -> None:
        self._turns = turns
        self._clock = clock
        self._waiting: dict[str, deque[Connection]] = {}

    def begin(self, channel: str, connections: Iterable[Connection]) -> None:
        """Check as many connections as this turn has room for, the others in later turns."""
        is_under_way = channel in self._waiting
        waiting = self._waiting.setdefault(channel, deque())
        waiting.extend(connections)
        while waiting and not is_under_way and self._turns.admit():
            self._next(channel)
        if not waiting:
            self._waiting.pop(channel, None)
        elif not is_under_way:
            self._turns.later(lambda: self._next(channel))

    def finish(self, channel: str) -> None:
        """Check all connections that wait. Call it before a delivery on the channel."""
        if channel in self._waiting:
            while self._next(channel):
                pass

    def _next(self, channel: str) -> bool:
        """Check one connection; return whether another one waits."""
        waiting = self._waiting.get(channel)
        if not waiting:
            self._waiting.pop(channel, None)
            return False
        connection = waiting.popleft()
        try:
            if connection.closing is None and connection.session.identity is not None:
                connection.execute(connection.session.recheck(self._clock()))
        except Exception:  # one failure must not keep the others unchecked
            self._turns.later(lambda: self._next(channel))
            raise
        return bool(waiting) or self._next(channel)

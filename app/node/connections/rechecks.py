"""Rights of many connections, looked at again a few a turn of the loop, and in any case before the next delivery."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from app.core.instant import Instant
    from app.node.connections.connection import Connection
    from app.node.sockets.turns import Turns


class Rechecks:
    """Connections whose rights on a channel may have changed."""

    def __init__(self, turns: Turns, clock: Callable[[], Instant]) -> None:
        self._turns = turns
        self._clock = clock
        self._waiting: dict[str, deque[Connection]] = {}

    def begin(self, channel: str, connections: Iterable[Connection]) -> None:
        """Look at these again: as many as there is room for now, the others in later turns."""
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
        """Look at all that wait: something of the channel is about to be delivered."""
        if channel in self._waiting:
            while self._next(channel):
                pass

    def _next(self, channel: str) -> bool:
        """Look at one connection; whether another waits."""
        waiting = self._waiting.get(channel)
        if not waiting:
            self._waiting.pop(channel, None)
            return False
        connection = waiting.popleft()
        try:
            if connection.closing is None and connection.session.identity is not None:
                connection.execute(connection.session.recheck(self._clock()))
        except Exception:  # the others are to be looked at all the same
            self._turns.later(lambda: self._next(channel))
            raise
        return bool(waiting) or self._next(channel)

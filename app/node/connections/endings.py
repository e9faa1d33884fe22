"""Ends of very many connections at once: no one of them receives anything more, and a few a turn are told and closed.

What costs little is done for all before anything else happens: each is out of the deliveries, and what its client says
is heard no more. What costs much waits for its turn: the error, the close frame, and leaving each of its channels.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from app.core.instant import Instant
    from app.node.connections.connection import Connection
    from app.node.sockets.turns import Turns


class Endings:
    """Connections whose rights were taken by an operator.

    `shut_out` is called for each at once, and is to take it out of all deliveries.
    """

    def __init__(self, turns: Turns, shut_out: Callable[[Connection], None]) -> None:
        self._turns = turns
        self._shut_out = shut_out
        self._waiting: deque[Connection] = deque()

    def end(self, connections: Iterable[Connection], reason: str, at: Instant) -> None:
        """End these: when it returns, nothing more is delivered to any of them (docs/protocol.md#ended-rights)."""
        is_under_way = bool(self._waiting)
        for connection in connections:
            if connection.closing is None:
                connection.begin_end(connection.session.revoked(reason, at))
                self._shut_out(connection)
                self._waiting.append(connection)
        while self._waiting and not is_under_way and self._turns.admit():
            self._next()
        if self._waiting and not is_under_way:
            self._turns.later(self._next)

    def _next(self) -> bool:
        """Tell and close one; whether another waits."""
        connection = self._waiting.popleft()
        try:
            connection.finish_end()
        except Exception:  # the others are to be closed all the same
            if self._waiting:
                self._turns.later(self._next)
            raise
        return bool(self._waiting)

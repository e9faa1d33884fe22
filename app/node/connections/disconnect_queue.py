"""Ends of very many connections at once: all of them leave the deliveries now, a few per turn are closed.

The cheap part is done for all connections before anything else happens: each leaves the deliveries, and its messages
are no longer handled. The expensive part waits for its turn: the error, the close frame, leaving every channel.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from app.core.instant import Instant
    from app.node.connections.connection import Connection
    from app.node.sockets.turns import Turns


class DisconnectQueue:
    """The connections whose rights an operator took, until they are closed.

    `shut_out` is called for each connection at once and takes it out of all deliveries.
    """

    def __init__(self, turns: Turns, shut_out: Callable[[Connection], None]) -> None:
        self._turns = turns
        self._shut_out = shut_out
        self._waiting: deque[Connection] = deque()

    def disconnect(self, connections: Iterable[Connection], reason: str, at: Instant) -> None:
        """End the connections: after the return nothing is delivered to them (docs/protocol.md#ended-rights)."""
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
        """Send the error to one connection and close it; return whether another one waits."""
        connection = self._waiting.popleft()
        try:
            connection.finish_end()
        except Exception:  # one failure must not keep the others open
            if self._waiting:
                self._turns.later(self._next)
            raise
        return bool(self._waiting)

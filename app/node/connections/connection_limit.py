"""The bound on a user's connections. A connection whose peer is gone does not count.

Source: docs/protocol.md#connections-of-a-user.

A half-open connection looks alive until its silence is too long. When such connections fill the user's bound, the
node sends them a protocol ping; a connection that does not answer is closed for the new one.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from app.core.sessions.effects import Close, Decision, SendPing
from app.engine.ports.errors import TooManyConnections
from dossier_realtime.protocol.errors import CloseCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.core.instant import Instant
    from app.engine.ports.sessions import OpenedSession, SessionRecord, SessionStore
    from app.node.connections.connection import Connection
    from app.node.connections.registry import Registry
    from app.node.sockets.turns import Turns

_ANSWER_TIMEOUT_SECONDS: Final = 3.0
_POLL_SECONDS: Final = 0.05
_GONE: Final = Decision("limit.silent", [Close(CloseCode.HEARTBEAT_LOST, "no answer; it gave way to another one")])


class ConnectionLimit:
    """The opening of sessions within the bound of `per_user`.

    A connection that was silent for `silent_seconds` must answer a ping, or is closed for a new one.
    """

    def __init__(
        self,
        sessions: SessionStore,
        registry: Registry,
        turns: Turns,
        clock: Callable[[], Instant],
        per_user: int,
        silent_seconds: float,
    ) -> None:
        self._sessions = sessions
        self._registry = registry
        self._turns = turns
        self._clock = clock
        self._per_user = per_user
        self._silent_seconds = silent_seconds
        self._asking: dict[
            str, asyncio.Task[bool]
        ] = {}  # by user: all new connections of a user wait for the same answer

    async def open(self, record: SessionRecord, resume: str | None) -> OpenedSession:
        """Open the session, if need be after silent connections were closed.

        Raises:
            TooManyConnections: the user has as many connections as allowed, and all of them answer.
            Unavailable: the engine cannot do it now.
        """
        try:
            return await self._sessions.open(record, resume, self._per_user)
        except TooManyConnections:
            if not await self._make_room(record.user_id):
                raise
        return await self._sessions.open(record, resume, self._per_user)

    async def _make_room(self, user_id: str) -> bool:
        asking = self._asking.get(user_id)
        if asking is None:
            since = self._clock().steady - self._silent_seconds
            own = self._registry.of_user(user_id)
            silent = [one for one in own if one.session.session_id and one.session.deadlines.heard_at <= since]
            if not silent:
                return False
            asking = self._asking[user_id] = asyncio.create_task(self._ask(silent))
            asking.add_done_callback(lambda _: self._asking.pop(user_id))
        return await asyncio.shield(asking)

    async def _ask(self, silent: list[Connection]) -> bool:
        """Send pings, wait for answers, and close the silent connections; return whether there is room now."""
        heard = {one: one.session.deadlines.heard_at for one in silent}
        for one in silent:
            one.execute([SendPing()])

        def unanswered() -> list[Connection]:
            return [one for one in silent if one.closing is None and one.session.deadlines.heard_at == heard[one]]

        deadline = self._clock().steady + _ANSWER_TIMEOUT_SECONDS
        while unanswered() and self._clock().steady < deadline:  # noqa: ASYNC110  frames of many connections, and a deadline
            await asyncio.sleep(_POLL_SECONDS)
        await self._turns.after_reading()
        for one in unanswered():
            one.apply(_GONE)
        gone = [one for one in silent if one.closing is not None]
        for one in gone:  # the node does so too, later
            await self._sessions.close(one.session.session_id, one.session.reconnect_count)
        return bool(gone)

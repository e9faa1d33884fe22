"""Presence in one process: the pure roster of `app.core.presence` and the locks of its users, with a timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence

from msgspec import structs

from app.core.field_locks import FieldLocks, Holder, WatchedEvent
from app.core.presence import Member, Presences, Profile
from dossier_realtime.protocol.commands import PresenceChange
from dossier_realtime.protocol.documents.field_locks import LockState
from dossier_realtime.protocol.responses import Roster

STANDSTILL_SECONDS = 1.0  # that leaves may be late before those who may be coming back are waited for
LEAVES = 100  # that one turn of the loop announces; the others wait for the next


class EmbeddedPresence:
    """`ports.PresenceStore`. `joined` is the set of the channels that this node receives."""

    def __init__(self, joined: Collection[str], grace: float, roster_cap: int, steady: Callable[[], float]) -> None:
        self._joined, self._cap, self._steady = joined, roster_cap, steady
        self._presences = Presences(grace)
        self._locks = FieldLocks(grace)
        self._deliver: Callable[[WatchedEvent], None] = lambda event: None
        self._timer: asyncio.TimerHandle | None = None
        self._fires_at = 0.0
        self._waits = False  # True while overdue leaves wait for connections that may come back

    def start(self, deliver: Callable[[WatchedEvent], None]) -> None:
        self._deliver = deliver

    async def enter(self, channel: str, member: Member) -> Roster:
        self._announce(self._presences.enter(channel, member))
        if member.hidden:
            self._announce(self._locks.left(channel, member.connection))
        return self._with_locks(channel, self._presences.roster(channel, self._cap, including=member.user_id))

    async def leave(self, channel: str, connection: str) -> None:
        self._announce(self._locks.left(channel, connection))
        self._announce(self._presences.leave(channel, connection))

    async def lost(self, connection: str) -> None:
        self._locks.lost(connection, self._steady())
        self._announce(self._presences.lost(connection, self._steady()))
        self._arm()

    async def renew(self, connection: str, profile: Profile) -> None:
        self._announce(self._presences.renew(connection, profile))

    async def update(self, channel: str, connection: str, change: PresenceChange) -> None:
        self._announce(self._presences.update(channel, connection, change))

    async def lock(self, channel: str, connection: str, field: str, seconds: float) -> LockState | None:
        user = self._presences.user_of(channel, connection)
        if user is None:
            return None
        holder = Holder(connection, user.user_id, user.name)
        state, told = self._locks.take(channel, field, holder, seconds, self._steady())
        self._announce(told)
        self._arm()
        return structs.replace(state)

    async def unlock(self, channel: str, connection: str, field: str) -> LockState | None:
        user = self._presences.user_of(channel, connection)
        if user is None:
            return None
        state, told = self._locks.release(channel, field, user.user_id, self._steady())
        self._announce(told)
        return structs.replace(state)

    async def roster(self, channel: str) -> Roster:
        return self._with_locks(channel, self._presences.roster(channel, self._cap))

    def _with_locks(self, channel: str, roster: Roster) -> Roster:
        roster.locks = self._locks.on(channel, self._steady())
        return roster

    async def counts(self) -> Mapping[str, int]:
        return self._presences.counts()

    def close(self) -> None:
        """No leave is announced any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _announce(self, events: Sequence[WatchedEvent]) -> None:
        for event in events:
            if event.channel in self._joined:
                self._deliver(event)

    def _arm(self) -> None:
        deadline = self._deadline()
        if deadline is None or (self._timer is not None and (self._waits or self._fires_at <= deadline)):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._fires_at = deadline
        wait = max(0.0, deadline - self._steady())
        self._timer = asyncio.get_running_loop().call_later(wait, self._tick)

    def _deadline(self) -> float | None:
        each = [one for one in (self._presences.deadline, self._locks.deadline) if one is not None]
        return min(each, default=None)

    def _tick(self) -> None:
        self._timer = None
        now, deadline = self._steady(), self._deadline()
        if deadline is not None and now - deadline > STANDSTILL_SECONDS and not self._waits:
            # The process stood still: who came back meanwhile, or holds a field longer, still waits in a socket.
            self._waits = True
            self._fires_at = now + STANDSTILL_SECONDS
            self._timer = asyncio.get_running_loop().call_later(STANDSTILL_SECONDS, self._tick)
            return
        self._waits = False
        self._announce(self._locks.tick(now))
        self._announce(self._presences.tick(now, LEAVES))
        self._arm()

"""Presence in one process: the pure roster of `app.core.presence` with a timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence

from app.core.presence import Member, PresenceEvent, Presences, Profile
from dossier_realtime.protocol.commands import PresenceChange
from dossier_realtime.protocol.responses import Roster

STANDSTILL_SECONDS = 1.0  # that leaves may be late before those who may be coming back are waited for
LEAVES = 100  # that one turn of the loop announces; the others wait for the next


class EmbeddedPresence:
    """`ports.PresenceStore`. `joined` is the set of the channels that this node receives."""

    def __init__(self, joined: Collection[str], grace: float, roster_cap: int, steady: Callable[[], float]) -> None:
        self._joined, self._cap, self._steady = joined, roster_cap, steady
        self._presences = Presences(grace)
        self._deliver: Callable[[PresenceEvent], None] = lambda event: None
        self._timer: asyncio.TimerHandle | None = None
        self._waits = False  # True while overdue leaves wait for connections that may come back

    def start(self, deliver: Callable[[PresenceEvent], None]) -> None:
        self._deliver = deliver

    async def enter(self, channel: str, member: Member) -> Roster:
        self._announce(self._presences.enter(channel, member))
        return self._presences.roster(channel, self._cap, including=member.user_id)

    async def leave(self, channel: str, connection: str) -> None:
        self._announce(self._presences.leave(channel, connection))

    async def lost(self, connection: str) -> None:
        self._announce(self._presences.lost(connection, self._steady()))
        self._arm()

    async def renew(self, connection: str, profile: Profile) -> None:
        self._announce(self._presences.renew(connection, profile))

    async def update(self, channel: str, connection: str, change: PresenceChange) -> None:
        self._announce(self._presences.update(channel, connection, change))

    async def roster(self, channel: str) -> Roster:
        return self._presences.roster(channel, self._cap)

    async def counts(self) -> Mapping[str, int]:
        return self._presences.counts()

    def close(self) -> None:
        """No leave is announced any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _announce(self, events: Sequence[PresenceEvent]) -> None:
        for event in events:
            if event.channel in self._joined:
                self._deliver(event)

    def _arm(self) -> None:
        deadline = self._presences.deadline
        if self._timer is None and deadline is not None:
            wait = max(0.0, deadline - self._steady())
            self._timer = asyncio.get_running_loop().call_later(wait, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now, deadline = self._steady(), self._presences.deadline
        if deadline is not None and now - deadline > STANDSTILL_SECONDS and not self._waits:
            # The process stood still: who came back meanwhile still waits in a socket.
            self._waits = True
            self._timer = asyncio.get_running_loop().call_later(STANDSTILL_SECONDS, self._tick)
            return
        self._waits = False
        self._announce(self._presences.tick(now, LEAVES))
        self._arm()

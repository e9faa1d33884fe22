"""The node's own beat over pub/sub: a connection that does not bring it back is dead, whatever it says."""

from __future__ import annotations

from app.engine.redis.bus import Bus
from app.engine.redis.live.access import LiveAccess
from app.engine.redis.live.homes import Homes

MISSED_BEATS = 2


class LiveBeat:
    """A message to oneself with each renewal of the lease."""

    def __init__(self, access: LiveAccess, bus: Bus, homes: Homes) -> None:
        self._access, self._bus = access, bus
        self._name = access.keys.live(f"beat:{homes.current}")
        self._sent = self._heard = 0
        homes.ticks.append(self._beat)

    async def start(self) -> None:
        """Hear the beats. Raises Unavailable."""
        await self._bus.subscribe(self._name, self._receive)

    def _receive(self, _: str, payload: bytes) -> None:
        self._heard = max(self._heard, int(payload))

    async def _beat(self) -> None:
        if self._sent - self._heard >= MISSED_BEATS:
            self._heard = self._sent
            self._bus.reconnect()
        self._sent += 1
        await self._access.ask("PUBLISH", self._name, self._sent)

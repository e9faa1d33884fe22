"""All live state of one node, put together: opened after the store, and ended before it."""

from __future__ import annotations

from collections.abc import Collection

from app.core.ratelimit import RateLimiter
from app.engine.limits import EngineLimits
from app.engine.redis.bus import Bus
from app.engine.redis.live.access import LiveAccess
from app.engine.redis.live.beat import LiveBeat
from app.engine.redis.live.bulletin import Bulletin
from app.engine.redis.live.control import RedisControl
from app.engine.redis.live.homes import Homes, Work
from app.engine.redis.live.nodes import RedisNodes
from app.engine.redis.live.present.cursors import SharedCursors
from app.engine.redis.live.present.presence import RedisPresence
from app.engine.redis.live.quotas import RedisQuotas
from app.engine.redis.live.rates import RedisRates
from app.engine.redis.live.revocations import RedisRevocations
from app.engine.redis.live.sessions import RedisSessions
from app.engine.redis.live.settings import RedisSettings


class LiveState:
    """The stores of live state. `joined`: the channels that this node receives.

    `vital`: the way for the lease and the bulletin, which never wait behind the calls of users.
    """

    def __init__(
        self,
        access: LiveAccess,
        vital: LiveAccess,
        limits: EngineLimits,
        limiter: RateLimiter,
        joined: Collection[str],
    ) -> None:
        self.access, self._grace = access, limits.grace
        self._bus = Bus(access.pubsub)
        self.homes = homes = Homes(vital)
        self._beat = LiveBeat(vital, self._bus, homes)
        self.bulletin = bulletin = Bulletin(vital, homes)
        self.sessions = RedisSessions(access, homes, limits.resume_seconds)
        self.presence = RedisPresence(access, homes, self._bus, joined, limits)
        self.cursors = SharedCursors(access, homes)
        self.revocations = RedisRevocations(access, bulletin, limits.revocation_seconds)
        self.settings = RedisSettings(access, bulletin)
        self.quotas = RedisQuotas(access, homes)
        self.rates = RedisRates(access, homes, limiter)
        self.nodes = RedisNodes(access, homes)
        self.control = RedisControl(bulletin)

    def each_second(self, work: Work) -> None:
        """Do some work after each renewal of this node's lease."""
        self.homes.ticks.append(work)

    async def start(self) -> None:
        """Begin this node's lease, and read what each node knows without waiting. Raises Unavailable."""
        await self.quotas.open()
        await self.homes.start()
        await self.bulletin.start()
        await self._beat.start()

    @property
    def healthy(self) -> bool:
        """Return whether the store answered of late."""
        return self.homes.healthy

    def hear_again(self) -> None:
        """Listen at another server from now on: the one that is followed has changed."""
        self._bus.reconnect()

    def upkeep(self) -> None:
        """Forget what is over."""
        self.revocations.upkeep()
        self.quotas.upkeep()

    async def close(self) -> None:
        """End this node's sessions; its presences end after the grace, unless their users come back elsewhere."""
        await self.bulletin.close()
        await self.presence.close()
        await self.sessions.close_all()
        await self.quotas.close()
        await self.homes.end(self._grace)
        await self._bus.close()

"""The Redis engine: opening the store that many processes share, and its parts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from app.core.instant import Instant
from app.core.ratelimit import RateLimiter
from app.engine.clocks import Clocks, engine_clocks
from app.engine.document_versions import OPERATION_ROW_BYTES
from app.engine.limits import EngineLimits
from app.engine.options import EngineOptions
from app.engine.ports.control import ControlBus
from app.engine.ports.documents import DocumentStore
from app.engine.ports.domain import AlertStore, BriefStore
from app.engine.ports.errors import EngineError, Unavailable
from app.engine.ports.events import Broker
from app.engine.ports.limits import ChannelSettingsStore, QuotaStore, RateStore
from app.engine.ports.presence import CursorStore, PresenceStore
from app.engine.ports.records import RecordStore
from app.engine.ports.revisions import RevisionStore
from app.engine.ports.sessions import NodeStore, RevocationStore, SessionStore
from app.engine.redis.bus import Bus
from app.engine.redis.connection import Clients, connect
from app.engine.redis.documents.documents import RedisDocuments
from app.engine.redis.documents.revisions import RedisRevisions
from app.engine.redis.domain.alerts import RedisAlerts
from app.engine.redis.domain.briefs import RedisBriefs
from app.engine.redis.domain.facts import FactStore
from app.engine.redis.domain.records import RedisRecords
from app.engine.redis.keys import RedisKeys
from app.engine.redis.live.access import LiveAccess
from app.engine.redis.live.state import LiveState
from app.engine.redis.log.broker import LogParts, RedisBroker
from app.engine.redis.log.cursors import ChannelCursors
from app.engine.redis.log.history import LogReader
from app.engine.redis.log.lane import CommitLane, LaneLimits
from app.engine.redis.log.pulse import Pulse
from app.engine.redis.log.store_state import StoreState
from app.engine.redis.log.stored_event import NumberedEvent
from app.engine.redis.log.trimming import Trimming
from app.engine.redis.node_name import NodeName
from app.engine.redis.sentinels.master_watch import MasterWatch
from app.engine.redis.startup_checks import check_server
from dossier_realtime.protocol.fields import Durability

UPKEEP_SECONDS: Final = 60.0


async def open_redis(
    url: str,
    *,
    limits: EngineLimits,
    rates: RateLimiter,
    clock: Callable[[], Instant],
    recorded: int = 0,
    options: EngineOptions,
) -> RedisEngine:
    """Open the engine on a server that other processes may use too. Raises EngineError.

    `recorded` is the last commit that the journal of this node holds, so far as it is known: a store behind it was
    restored.
    """
    try:
        keys = RedisKeys(options.prefix)
    except ValueError as wrong:
        raise EngineError(str(wrong)) from wrong
    clients = connect(url, options)
    store = StoreState(clients.log, keys)
    try:
        options = replace(options, durability=await check_server(clients, url, options))
        await store.open(recorded)
        engine = RedisEngine(clients, keys, store, limits, rates, clock, options)
    except Unavailable as wrong:
        await clients.close()
        raise EngineError(f"{clients.address}: {wrong}") from wrong
    except BaseException:
        await clients.close()
        raise
    try:
        await engine.begin()
    except Unavailable as wrong:
        await engine.close()
        raise EngineError(f"{clients.address}: {wrong}") from wrong
    except BaseException:
        await engine.close()
        raise
    return engine


class RedisEngine:
    """`ports.Engine` over Redis."""

    def __init__(
        self,
        clients: Clients,
        keys: RedisKeys,
        store: StoreState,
        limits: EngineLimits,
        rates: RateLimiter,
        clock: Callable[[], Instant],
        options: EngineOptions,
    ) -> None:
        self._clients, self._store = clients, store
        self.moved, self.last_commit = store.moved, store.seen
        self.durability: Durability = options.durability
        clocks: Clocks = engine_clocks(clock)
        reader = LogReader(clients.log, keys)
        cursors = ChannelCursors(store, reader)
        rows = max(1, limits.operation_id_bytes // OPERATION_ROW_BYTES)
        lane = CommitLane(
            clients.vital, keys, store, cursors, LaneLimits(limits.idempotency_seconds, rows), clocks.unix
        )
        lane.options = options
        lane.sharded = clients.is_cluster
        bus = Bus(clients.log, sharded=clients.is_cluster)
        parts = LogParts(clients.log, keys, store, reader, cursors, lane, bus)
        self._parts = parts
        self._broker = RedisBroker(parts)
        self._trimming = Trimming(reader, keys, store, limits, clocks)
        lane.committed = self._committed
        store.changed = cursors.void
        self._pulse = Pulse(parts, self._broker, self._trimming, clients.vital)
        self.broker: Broker = self._broker
        self.documents: DocumentStore = RedisDocuments(parts)
        self.revisions: RevisionStore = RedisRevisions(parts)
        self._records = RedisRecords(clients.log, keys, clocks.unix)
        facts = FactStore(self._records, limits, clocks.unix)
        self._broker.keep_facts = facts.changes
        self.alerts: AlertStore = RedisAlerts(facts, self._broker)
        self.briefs: BriefStore = RedisBriefs(facts, self._broker)
        self.records: RecordStore = self._records
        access = LiveAccess(clients.live, clients.log, keys, clocks, options.node)
        vital = replace(access, client=clients.vital_live)
        self._name = NodeName(vital, options.instance)
        self.live = live = LiveState(access, vital, limits, rates, self._broker.joined)
        self.presence: PresenceStore = live.presence
        self.cursors: CursorStore = live.cursors
        self.sessions: SessionStore = live.sessions
        self.revocations: RevocationStore = live.revocations
        self.nodes: NodeStore = live.nodes
        self.settings: ChannelSettingsStore = live.settings
        self.quotas: QuotaStore = live.quotas
        self.rates: RateStore = live.rates
        self.control: ControlBus = live.control
        self._watch = MasterWatch(clients.masters)
        if clients.masters is not None:
            clients.masters.moved += [bus.reconnect, live.hear_again]
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(UPKEEP_SECONDS, self._tick)

    async def begin(self) -> None:
        """Begin to hear of other nodes. Raises Unavailable."""
        await self._name.take()
        self._watch.start()
        await self._pulse.start()
        await self.live.start()
        self.live.each_second(self._name.renew)

    def healthy(self) -> bool:
        return self._parts.lane.healthy and self._pulse.healthy

    async def close(self) -> None:
        self._timer.cancel()
        await self._watch.close()
        await self.live.close()
        await self._name.release()
        await self._pulse.close()
        await self._parts.lane.close()
        await self._trimming.close()
        await self._records.close()
        self._parts.cursors.close()
        await self._parts.bus.close()
        await self._clients.close()

    def upkeep(self) -> None:
        """Remove data whose time is over. The engine does it by itself once a minute."""
        self._trimming.upkeep()
        self._records.upkeep()
        self.live.upkeep()

    def _committed(self, events: Sequence[NumberedEvent]) -> None:
        self._broker.committed(events)
        self._trimming.committed(events)

    def _tick(self) -> None:
        self._timer = self._loop.call_later(UPKEEP_SECONDS, self._tick)  # first: an upkeep that fails is tried again
        self.upkeep()

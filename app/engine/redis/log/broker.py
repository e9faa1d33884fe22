"""Publications in Redis: committed by the lane of this node, delivered by its cursors."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from app.core.domain.domain_facts import DomainFact
from app.core.position import StreamPosition
from app.engine.ports.errors import TipMoved
from app.engine.ports.events import (
    IdempotencyKey,
    Publication,
    PublicationEntry,
    PublishResult,
    ignore_lost,
    ignore_recorded,
)
from app.engine.ports.records import RecordChange
from app.engine.redis.bus import Bus
from app.engine.redis.connection import Argument, Client, asked, execute, members
from app.engine.redis.keys import RedisKeys
from app.engine.redis.log.cursors import ChannelCursors
from app.engine.redis.log.history import LogReader
from app.engine.redis.log.lane import CommitLane, Decide
from app.engine.redis.log.requests import CommitParts
from app.engine.redis.log.store_state import StoreState
from app.engine.redis.log.stored_event import LANE_BYTES, NumberedEvent, hinted, stored
from app.engine.redis.scripts import loader

_BEGUN_PAGE: Final = 5_000  # channels a call: the server does nothing else meanwhile

FactChanges = Callable[[Sequence[DomainFact]], Awaitable[Sequence[RecordChange]]]


@dataclass(frozen=True, slots=True)
class LogParts:
    """The parts that every store of the log uses."""

    client: Client
    keys: RedisKeys
    store: StoreState
    reader: LogReader
    cursors: ChannelCursors
    lane: CommitLane
    bus: Bus


async def _no_changes(facts: Sequence[DomainFact]) -> Sequence[RecordChange]:
    return ()


class RedisBroker:
    """`ports.Broker`. `joined` is the set of the channels that this node receives."""

    def __init__(self, parts: LogParts) -> None:
        self._parts = parts
        self._client, self._keys, self._store = parts.client, parts.keys, parts.store
        self._reader, self._cursors, self._lane, self._bus = parts.reader, parts.cursors, parts.lane, parts.bus
        self.joined: Collection[str] = parts.cursors.joined
        self.keep_facts: FactChanges = _no_changes
        """Return the changes of records that keep the facts of entries. Raises DomainFactError."""
        self._begun: set[str] = set()
        self._begun_until = 0  # the commit up to which the store was asked for channels that began

    def start(
        self,
        deliver: Callable[[Sequence[Publication]], None],
        lost: Callable[[Sequence[str]], None] = ignore_lost,
        record: Callable[[Sequence[Publication]], None] = ignore_recorded,
    ) -> None:
        self._cursors.deliver, self._cursors.lost, self._cursors.record = deliver, lost, record

    async def publish(
        self,
        entries: Sequence[PublicationEntry],
        key: IdempotencyKey | None = None,
        changes: Sequence[RecordChange] = (),
    ) -> list[PublishResult]:
        return await self.commit(entries, key, changes)

    async def commit(
        self,
        entries: Sequence[PublicationEntry],
        key: IdempotencyKey | None = None,
        changes: Sequence[RecordChange] = (),
        decide: Decide | None = None,
    ) -> list[PublishResult]:
        """Publish; `decide` returns changes in the place of those that keep the entries' facts.

        It reads the records that it decides on, and is asked again where one of them was changed meanwhile. What it
        raises is raised, and nothing was committed then.
        """
        facts = [entry.domain_fact for entry in entries if entry.domain_fact is not None]
        if decide is None and facts:
            decide = _FactDecision(self, facts)
        parts = CommitParts([stored(entry) for entry in entries], [entry.durable for entry in entries], key, changes)
        return await self._lane.submit(parts, decide)

    async def repeated(self, key: IdempotencyKey) -> list[PublishResult] | None:
        # In the lane: a publish with this key that was called before has been committed by then.
        return await self._lane.repeated(key)

    async def join(self, channel: str) -> StreamPosition:
        cursor = self._cursors.find(channel)
        if cursor is None:
            cursor = self._cursors.begin(channel)
            try:
                await self._bus.subscribe(self._keys.hint(channel), self._hinted)
                head = await self._cursors.head(channel)
            except BaseException:
                if self._cursors.find(channel) is cursor:
                    await self.leave(channel)
                raise
            if self._cursors.find(channel) is cursor:
                self._cursors.settle(cursor, head)
            return StreamPosition(self._store.epoch(channel, head.generation), head.offset, head.oldest)
        if cursor.joining is not None:
            await asyncio.shield(cursor.joining)  # one who gives up takes the answer from no other
        return await self.position(channel)

    async def leave(self, channel: str) -> None:
        self._cursors.end(channel)
        await self._bus.unsubscribe(self._keys.hint(channel))

    async def position(self, channel: str) -> StreamPosition:
        _, (head,) = await self._reader.heads([channel])
        await self._cursors.reach(channel, head)  # what another node has answered is known here to who asks afterwards
        generation, offset = self._delivered(channel) or (head.generation, head.offset)
        oldest = head.oldest if generation == head.generation else 1
        return StreamPosition(self._store.epoch(channel, generation), offset, oldest)

    async def has_events(self, channel: str) -> bool:
        _, (head,) = await self._reader.heads([channel])  # nothing else: a position may wait for what is delivered
        return head.offset > 0

    def is_begun(self, channel: str) -> bool:
        return channel in self._begun

    async def read(self, channel: str, after: int, limit: int) -> list[Publication]:
        place = self._delivered(channel)
        if place is None:
            _, (head,) = await self._reader.heads([channel])
            place = head.generation, head.offset
        generation, offset = place
        limit = min(limit, offset - after)
        if after < 0 or limit <= 0:
            return []
        events = await self._reader.events(channel, generation, after, limit)
        return [event.publication(self._store, as_delivered=False) for event in events]

    async def renew_epoch(self, channel: str, head: StreamPosition | None = None) -> None:
        await self._lane.barrier()
        asked_for: tuple[Argument, ...] = "", ""
        if head is not None:
            _, (found,) = await self._reader.heads([channel])
            if self._store.epoch(channel, found.generation) != head.epoch:
                raise TipMoved(channel)
            asked_for = found.generation, head.offset
        place = channel, bytes.fromhex(self._lane.id), int(self._lane.sharded), *asked_for
        generation = await loader.run(self._client, "renew", [self._keys.meta], self._keys.log, *place)
        if generation < 0:
            raise TipMoved(channel)
        self._begun.add(channel)
        self._cursors.renew(channel, generation)

    async def channels(self) -> Collection[str]:
        return {name.decode() async for page in members(self._client, self._keys.channels) for name in page}

    async def commits_after(self, commit: int, limit: int) -> list[Publication]:
        events = await self._reader.commits(self._lane.options.node, commit, limit)
        return [event.publication(self._store, as_delivered=False) for event in events]

    async def find_begun(self) -> None:
        """Learn which channels began since the last call, on any node. Raises Unavailable."""
        until = self._store.seen
        while self._begun_until < until:
            last = await self._find_some_begun(until)
            self._begun_until = last  # with each page: what was found is not asked for again after a failure

    async def _find_some_begun(self, until: int) -> int:
        """Learn of a page of channels that began; return the commit up to which all are known."""
        bounds = f"({self._begun_until}", until, "WITHSCORES", "LIMIT", 0, _BEGUN_PAGE
        rows = await asked(execute(self._client, "ZRANGEBYSCORE", self._keys.begun, *bounds))
        self._begun |= {name.decode() for name in rows[0::2]}
        if len(rows) < 2 * _BEGUN_PAGE:
            return until
        last = int(rows[-1])
        same = await asked(execute(self._client, "ZRANGEBYSCORE", self._keys.begun, last, last))  # of one commit
        self._begun |= {name.decode() for name in same}
        return last

    def committed(self, events: Sequence[NumberedEvent]) -> None:
        """Note what this node has committed."""
        self._begun.update(event.event.channel for event in events if event.offset == 1)

    def _delivered(self, channel: str) -> tuple[int, int] | None:
        cursor = self._cursors.find(channel)
        return None if cursor is None or cursor.joining is not None else cursor.place

    def _hinted(self, name: str, data: bytes) -> None:
        if data[:LANE_BYTES].hex() != self._lane.id:  # its own commits are delivered when they are answered
            self._cursors.hint(name.removeprefix(self._keys.hint("")), hinted(data))


class _FactDecision:
    def __init__(self, broker: RedisBroker, facts: Sequence[DomainFact]) -> None:
        self._broker, self._facts = broker, facts

    def __call__(self) -> Awaitable[Sequence[RecordChange]]:
        return self._broker.keep_facts(self._facts)

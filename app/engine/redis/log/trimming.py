"""Removing what is old from the log: each node does it for the channels that it publishes on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final

from app.engine.ages import Ages
from app.engine.clocks import Clocks
from app.engine.limits import EngineLimits
from app.engine.ports.errors import Unavailable
from app.engine.redis.connection import asked, execute, members
from app.engine.redis.documents.trim import trim_document
from app.engine.redis.keys import RedisKeys
from app.engine.redis.log.head_comparison import TOUCHED_SECONDS
from app.engine.redis.log.history import ChannelHead, LogReader
from app.engine.redis.log.store_state import StoreState
from app.engine.redis.log.stored_event import NumberedEvent
from app.engine.redis.scripts import loader
from dossier_realtime.protocol.namespaces import namespace_of

TRIM_STEP: Final = 1_000
"""Events that one step removes at most: all others wait for the server meanwhile."""

TRIM_EVERY: Final = TRIM_STEP // 2
"""Events between two steps: history shrinks faster than it grows."""


class Trimming:
    """The channels that keep more than they must, as far as this node knows.

    An event's age is known by the commits that were made since this node looked: after a start every event counts as
    new, and no clock but the node's own steady one is trusted.
    """

    def __init__(
        self, reader: LogReader, keys: RedisKeys, store: StoreState, limits: EngineLimits, clocks: Clocks
    ) -> None:
        self._client, self._keys, self._store, self._reader = reader.client, keys, store, reader
        self._document_bytes = limits.document_bytes
        self._kept, self._steady = limits.history_events, clocks.steady
        self._ages = Ages(limits.history_seconds, store.seen, clocks.steady())
        self._touched = Ages(TOUCHED_SECONDS, store.seen, clocks.steady())
        self._next: dict[str, int] = {}  # offsets at which channels are trimmed again
        self._long: dict[str, ChannelHead] = {}
        self._is_surveyed = False  # whether all channels were found that were long before this node began
        self._is_surveying = False
        self._tasks: set[asyncio.Task[None]] = set()

    def committed(self, events: Sequence[NumberedEvent]) -> None:
        """Trim the channels that have grown long by these events."""
        self.mark()
        for event in events:
            channel, offset = event.event.channel, event.offset
            if offset <= self._kept:
                continue
            due = self._next.setdefault(channel, max(offset, self._kept + TRIM_EVERY))
            if offset >= due:
                self._next[channel] = offset + TRIM_EVERY
                self.found(channel, ChannelHead(event.generation, offset, 1))

    def mark(self) -> None:
        """Note how far the log is now."""
        self._ages.mark(self._store.seen, self._steady())
        self._touched.mark(self._store.seen, self._steady())

    def found(self, channel: str, head: ChannelHead) -> None:
        """Trim a channel with this head, if it keeps more than it must."""
        if head.offset - head.oldest >= self._kept:
            self._long[channel] = head
            self._begin(self._trim(channel, head))

    def upkeep(self) -> None:
        """Trim what became old meanwhile; to be called about once a minute."""
        self.mark()
        for channel, head in list(self._long.items()):
            self.found(channel, head)
        self._begin(self._drop_retired())
        self._begin(self._drop_touched())
        if not (self._is_surveyed or self._is_surveying):
            self._is_surveying = True
            self._begin(self._survey())

    async def close(self) -> None:
        """Finish what is under way."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _survey(self) -> None:
        """Find channels that are long and that nobody may publish on any more."""
        try:
            async for names in members(self._client, self._keys.channels):
                some = [name.decode() for name in names]
                _, heads = await self._reader.heads(some)
                for channel, head in zip(some, heads, strict=True):
                    self.found(channel, head)
            self._is_surveyed = True
        except Unavailable:
            pass  # the next upkeep begins again
        finally:
            self._is_surveying = False

    async def _drop_retired(self) -> None:
        """Trim epochs that later ones replaced; of a document, too, nothing is kept beyond the log then."""
        until = self._ages.settled(self._steady())
        with suppress(Unavailable):
            rows = await asked(execute(self._client, "HGETALL", self._keys.retired))
            for name, last in zip(rows[0::2], rows[1::2], strict=True):
                channel, _, generation = name.decode().rpartition(":")
                arguments = self._keys.log, channel, generation, last, until, TRIM_STEP
                await loader.run(self._client, "drop_retired", [self._keys.meta], *arguments)

    async def _drop_touched(self) -> None:
        until = self._touched.settled(self._steady())
        with suppress(Unavailable):
            await asked(execute(self._client, "ZREMRANGEBYSCORE", self._keys.touched, "-inf", until))

    async def _trim(self, channel: str, head: ChannelHead) -> None:
        last, until = head.offset - self._kept, self._ages.settled(self._steady())
        with suppress(Unavailable):  # the next step finds what this one left
            bounds = last, until, TRIM_STEP
            if namespace_of(channel).name == "document":
                place = self._client, self._keys, channel, head
                oldest = await trim_document(*place, bounds, self._document_bytes)
            else:
                oldest = await loader.run(
                    self._client, "trim", [self._keys.meta], self._keys.log, channel, head.generation, *bounds
                )
            if self._long.get(channel) == head:
                self._long[channel] = head._replace(oldest=oldest)
                if head.offset - oldest < self._kept:
                    del self._long[channel]

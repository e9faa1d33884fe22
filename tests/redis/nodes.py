"""Nodes that share a server: engines of one process, each with connections and a name of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from app.core.instant import Instant
from app.core.ratelimit import RateLimiter
from app.engine.build import open_engine
from app.engine.limits import EngineLimits
from app.engine.options import EngineOptions
from app.engine.ports.errors import Unavailable
from app.engine.ports.events import PublicationEntry, PublishResult
from app.engine.redis.engine import RedisEngine
from dossier_realtime.protocol.fields import Durability
from tests.engine.events import Received, numbers
from tests.harness.eventually import eventually_async


class OpenNode:
    """An engine, what it delivered, what it gave to the journal alone, and the channels whose places it lost."""

    def __init__(self, engine: RedisEngine) -> None:
        self.engine = engine
        self.received, self.recorded = Received(), Received()
        self.lost: list[str] = []
        engine.broker.start(self.received, self.lost.extend, self.recorded)

    def numbers(self, channel: str) -> list[object]:
        """Return the numbers of the events that were delivered of a channel."""
        return numbers(self.received.on(channel))

    async def has(self, channel: str, count: int) -> None:
        """Return when so many events of a channel were delivered."""
        await eventually_async(lambda: len(self.received.on(channel)) >= count)

    async def publish(self, *entries: PublicationEntry) -> list[PublishResult]:
        """Publish; see `Broker.publish`."""
        return await self.engine.broker.publish(entries)

    async def publish_until_taken(self, entry: PublicationEntry) -> PublishResult:
        """Publish once the engine takes changes again, whenever that is."""
        while True:
            try:
                return (await self.publish(entry))[0]
            except Unavailable:
                await asyncio.sleep(0.05)


@asynccontextmanager
async def opened_node(
    url: str,
    prefix: str,
    name: str,
    *,
    recorded: int = 0,
    joined: Sequence[str] = (),
    durability: Durability = "memory",
    instance: str = "",
    ca_file: str = "",
    **limits: float,
) -> AsyncIterator[OpenNode]:
    """Open a node and join channels."""
    engine = await open_engine(
        url,
        Path("unused"),
        limits=EngineLimits(**limits),  # type: ignore[arg-type]  # some are whole numbers
        rates=RateLimiter(),
        clock=lambda: Instant(time.monotonic(), time.time()),
        recorded=recorded,
        options=EngineOptions(node=name, prefix=prefix, durability=durability, instance=instance, ca_file=ca_file),
    )
    assert isinstance(engine, RedisEngine)
    try:
        node = OpenNode(engine)
        for channel in joined:
            await engine.broker.join(channel)
        yield node
    finally:
        await engine.close()

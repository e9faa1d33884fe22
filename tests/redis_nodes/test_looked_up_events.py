"""A look for the events of a channel waits for nothing that another node has committed: its time tells nothing."""

from __future__ import annotations

import asyncio

from app.engine.ports.events import PublicationEntry
from app.engine.redis.log.broker import RedisBroker
from tests.harness.in_process import Gate
from tests.redis_nodes.nodes import CHANNEL, Nodes


def test_a_look_does_not_wait_until_the_last_event_is_delivered(nodes: Nodes) -> None:
    async def scenario() -> None:
        async with nodes.opened("a", "b") as (a, b):
            assert isinstance(a.engine.broker, RedisBroker)
            gate = Gate(a.engine.broker._cursors, "reach")  # a position waits here until what is committed is delivered
            assert not await a.engine.broker.has_events(CHANNEL)
            await b.engine.broker.publish([PublicationEntry(CHANNEL, b"{}", durable=True)])
            assert await a.engine.broker.has_events(CHANNEL)
            assert not gate.reached.is_set()
            gate.open()

    asyncio.run(scenario())

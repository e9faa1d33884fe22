"""Cursors of several nodes: what one put the others find, as long as its connection and its node are there."""

from __future__ import annotations

import asyncio

from app.engine.ports.engine import Engine
from app.engine.ports.errors import Unavailable
from tests.harness.eventually import eventually_async
from tests.harness.redis_server import RedisServer
from tests.redis.cutting_proxy import cutting_proxy
from tests.redis_nodes.nodes import Nodes

DOC = "document:d1"


async def _found(engine: Engine, *bodies: bytes) -> None:
    """Return when the cursors of other nodes are these."""

    async def are_there() -> bool:
        return sorted(await engine.cursors.elsewhere(DOC)) == sorted(bodies)

    await eventually_async(are_there)


def test_the_newest_of_each_connection_is_found_elsewhere_until_it_is_dropped(nodes: Nodes) -> None:
    async def scenario() -> None:
        async with nodes.opened("a", "b") as (a, b):
            places = [b"%d" % number for number in range(50)]
            puts = [a.engine.cursors.put(DOC, connection, place) for place in places for connection in ("c1", "c2")]
            await asyncio.gather(*puts, b.engine.cursors.put(DOC, "c3", b"of b"))
            assert await b.engine.cursors.elsewhere(DOC) == [places[-1], places[-1]]
            assert await a.engine.cursors.elsewhere(DOC) == [b"of b"]
            await a.engine.cursors.drop(DOC, "c1")
            assert await b.engine.cursors.elsewhere(DOC) == [places[-1]]
            await a.engine.cursors.drop(DOC, "c2")
            assert await b.engine.cursors.elsewhere(DOC) == []

    asyncio.run(scenario())


def test_a_document_that_cannot_be_written_holds_no_other_up(nodes: Nodes, shared_server: RedisServer) -> None:
    """As on a cluster of which a part is away."""

    async def scenario() -> None:
        away = f"{{{nodes.prefix}:c:document:away}}:cursors"
        async with nodes.opened("a", "b") as (a, b):
            shared_server.command("SET", away, "no hash")
            for place in (b"1", b"2"):
                puts = (a.engine.cursors.put(doc, "c1", place) for doc in ("document:away", DOC))
                outcomes = await asyncio.gather(*puts, return_exceptions=True)
                assert [type(one) for one in outcomes] == [Unavailable, type(None)]
                assert await b.engine.cursors.elsewhere(DOC) == [place]
            shared_server.command("DEL", away)

            async def is_written() -> bool:
                return await b.engine.cursors.elsewhere("document:away") == [b"2"]

            await eventually_async(is_written)

    asyncio.run(scenario())


def test_what_a_dead_node_wrote_after_it_was_cleared_is_taken_away(nodes: Nodes, shared_server: RedisServer) -> None:
    """As by a write that was under way when the node was cut off, or one of a process that stood still."""
    name, sweeps = f"{{{nodes.prefix}:c:{DOC}}}:cursors", f"{{{nodes.prefix}:live}}:sweeps"

    async def scenario() -> None:
        async with nodes.opened("a", "b") as (a, b):
            gone: list[bytes] = []
            b.engine.cursors.start(lambda channel, body: gone.append(body), lambda: None)
            await a.engine.cursors.put(DOC, "c1", b"here")
            shared_server.command("ZADD", sweeps, "9e15", "ending")  # it is not cleared yet
            for home, connection in (("ending", "c2"), ("ended", "c3"), ("ended", "c1")):
                shared_server.command("HSET", name, f"{home}\0{connection}", f"{home} {connection}")
            assert sorted(await b.engine.cursors.elsewhere(DOC)) == [b"ending c2", b"here"]
            assert b"ended" not in shared_server.command("HKEYS", name)
            assert gone == [b"ended c3"], "the other connection goes on"
            assert sorted(await a.engine.cursors.elsewhere(DOC)) == [b"ending c2"]

    asyncio.run(scenario())


def test_a_node_that_counted_as_dead_puts_its_cursors_again(nodes: Nodes, shared_server: RedisServer) -> None:
    async def scenario() -> None:
        async with nodes.opened("a", "b") as (a, b):
            again = asyncio.Event()
            a.engine.cursors.start(lambda channel, body: None, again.set)
            await a.engine.cursors.put(DOC, "c1", b"here")
            shared_server.command("UNLINK", f"{{{nodes.prefix}:live}}:homes", f"{{{nodes.prefix}:c:{DOC}}}:cursors")
            await again.wait()
            assert await b.engine.cursors.elsewhere(DOC) == [b"here"]

    asyncio.run(scenario())


def test_what_an_outage_kept_from_being_dropped_is_dropped_after_it(own_server: RedisServer) -> None:
    async def scenario() -> None:
        async with cutting_proxy(own_server.port) as proxy, Nodes(own_server.url, "out").opened("b") as (b,):
            by_proxy = Nodes(f"redis://127.0.0.1:{proxy.port}/0", "out")
            async with by_proxy.opened("a") as (a,):
                await a.engine.cursors.put(DOC, "c1", b"here")
                await _found(b.engine, b"here")
                proxy.lose_answer_to = b"HDEL"
                await a.engine.cursors.drop(DOC, "c1")
                await _found(b.engine)
                await a.engine.cursors.put(DOC, "c1", b"back")
                await _found(b.engine, b"back")

    asyncio.run(scenario())

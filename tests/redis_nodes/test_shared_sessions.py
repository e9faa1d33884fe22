"""Sessions over two nodes: one limit, one owner, and no session without a node for long."""

from __future__ import annotations

import asyncio

import pytest

from app.engine.ports.errors import TooManyConnections, Unavailable
from app.engine.ports.sessions import OpenedSession
from app.engine.redis.scripts.loader import script
from tests.harness.eventually import eventually_async
from tests.harness.redis_server import RedisServer
from tests.redis.cutting_proxy import cutting_proxy
from tests.redis_nodes.nodes import Nodes, session

LIMIT = 10


def test_the_limit_of_a_user_is_exact_while_both_nodes_open_at_once(nodes: Nodes) -> None:
    async def scenario() -> None:
        async with nodes.opened("a", "b") as (a, b):
            opens = [
                node.engine.sessions.open(session(f"{node is a}{number}"), None, LIMIT)
                for number in range(20)
                for node in (a, b)
            ]
            outcomes = await asyncio.gather(*opens, return_exceptions=True)
            assert sum(isinstance(one, OpenedSession) for one in outcomes) == LIMIT
            assert sum(isinstance(one, TooManyConnections) for one in outcomes) == 40 - LIMIT
            rows = await a.engine.sessions.sessions()
            assert len(rows) == LIMIT
            assert rows == await b.engine.sessions.sessions()

    asyncio.run(scenario())


def test_a_session_moves_to_the_node_that_resumed_it_last(nodes: Nodes) -> None:
    async def scenario() -> None:
        async with nodes.opened("a", "b") as (a, b):
            await a.engine.sessions.open(session("s1", node="a"), None, 1)
            assert await b.engine.sessions.open(session("s2", node="b"), "s1", 1) == OpenedSession("s1", 1, "a")
            assert await a.engine.sessions.open(session("s3", node="a"), "s1", 1) == OpenedSession("s1", 2, "b")
            await a.engine.sessions.close("s1", 0)  # of a connection that was displaced twice
            await b.engine.sessions.close("s1", 1)
            (row,) = await b.engine.sessions.sessions()
            assert (row.session_id, row.node, row.reconnect_count) == ("s1", "a", 2)
            await a.engine.sessions.close("s1", 2)
            assert await b.engine.sessions.sessions() == []
            assert await b.engine.sessions.open(session("s4", node="b"), "s1", 1) == OpenedSession("s1", 3, None)

    asyncio.run(scenario())


def test_a_node_that_stops_ends_its_sessions_and_another_resumes_them(nodes: Nodes) -> None:
    async def scenario() -> None:
        async with nodes.opened("b") as (b,):
            a = await nodes.open("a")
            await a.engine.sessions.open(session("s1", node="a"), None, 1)
            await a.engine.close()
            assert await b.engine.sessions.sessions() == []
            assert await b.engine.sessions.open(session("s2", node="b"), "s1", 1) == OpenedSession("s1", 1, None)

    asyncio.run(scenario())


def test_a_session_that_a_node_opened_as_it_was_cut_off_ends_with_the_node(own_server: RedisServer) -> None:
    async def scenario() -> None:
        async with Nodes(own_server.url, "leak").opened("b") as (b,), cutting_proxy(own_server.port) as proxy:
            await b.engine.sessions.open(session("s1", node="b"), None, 1)
            await b.engine.sessions.close("s1", 0)
            a = await Nodes(f"redis://127.0.0.1:{proxy.port}/0", "leak").open("a")
            proxy.cuts_after_loss, proxy.lose_answer_to = True, script("session_open").digest.encode()
            with pytest.raises(Unavailable):
                await a.engine.sessions.open(session("s2", node="a"), "s1", 1)
            with pytest.raises(TooManyConnections):
                await b.engine.sessions.open(session("s3", node="b"), None, 1)
            assert await b.engine.sessions.sessions() == []  # what was only tried is shown nowhere
            await a.engine.close()

            async def has_room() -> bool:
                try:
                    await b.engine.sessions.open(session("s4", node="b"), None, 1)
                except TooManyConnections:
                    return False
                return True

            await eventually_async(has_room)

    asyncio.run(scenario())


def test_a_node_that_stops_ends_what_it_still_owes(own_server: RedisServer) -> None:
    async def scenario() -> None:
        async with Nodes(own_server.url, "owed").opened("b") as (b,), cutting_proxy(own_server.port) as proxy:
            a = await Nodes(f"redis://127.0.0.1:{proxy.port}/0", "owed").open("a")
            proxy.lose_answer_to = script("session_open").digest.encode()
            with pytest.raises(Unavailable):
                await a.engine.sessions.open(session("s1", node="a"), None, 1)
            await a.engine.close()
            opened = await b.engine.sessions.open(session("s2", node="b"), None, 1)
            assert opened == OpenedSession("s2", 0, None)

    asyncio.run(scenario())


def test_more_sessions_than_there_are_connections_end_with_their_node(nodes: Nodes) -> None:
    async def scenario() -> None:
        async with nodes.opened("b") as (b,):
            a = await nodes.open("a")
            for number in range(150):
                await a.engine.sessions.open(session(f"s{number}", f"u{number}", "a"), None, 1)
            await a.engine.close()
            assert await b.engine.sessions.sessions() == []
            for number in range(150):
                await b.engine.sessions.open(session(f"t{number}", f"u{number}", "b"), None, 1)

    asyncio.run(scenario())

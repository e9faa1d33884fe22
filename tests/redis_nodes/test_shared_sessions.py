"""Sessions over two nodes: one limit, one owner, and no session without a node for long."""

from __future__ import annotations

import asyncio

from app.engine.ports.errors import TooManyConnections
from app.engine.ports.sessions import OpenedSession
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

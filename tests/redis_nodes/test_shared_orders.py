"""Revocations, settings, orders and reports: what one node says, every node knows, also one that was away."""

from __future__ import annotations

import asyncio

from app.engine.ports.control import ControlCommand
from app.engine.ports.sessions import NodeRecord
from app.engine.redis.engine import RedisEngine
from app.engine.redis.live.state import LiveState
from dossier_realtime.protocol.classification import ChannelSettings, Clearance
from tests.harness.eventually import eventually_async
from tests.redis_nodes.nodes import CHANNEL, Node, Nodes, now

SECRET = ChannelSettings(Clearance.SECRET, presence=True, history=True)
OPEN = ChannelSettings(Clearance.PUBLIC, presence=True, history=True)


def _live(node: Node) -> LiveState:
    assert isinstance(node.engine, RedisEngine)
    return node.engine.live


def _deaf(node: Node) -> asyncio.Lock:
    """Return a lock; a node hears nothing while it is held."""
    return _live(node).bulletin.reading


def test_every_node_carries_out_every_order_once_and_in_one_order(nodes: Nodes) -> None:
    async def scenario() -> None:
        async with nodes.opened("a", "b", "c") as all_nodes:
            orders = [ControlCommand("end_user", f"u{number}", reason="kicked") for number in range(30)]
            await asyncio.gather(*(all_nodes[at % 3].engine.control.send(order) for at, order in enumerate(orders)))
            await eventually_async(lambda: all(len(node.orders) == 30 for node in all_nodes))
            assert all_nodes[0].orders == all_nodes[1].orders == all_nodes[2].orders
            assert {one.subject for one in all_nodes[0].orders} == {one.subject for one in orders}

    asyncio.run(scenario())


def test_a_revocation_holds_on_the_other_node_and_on_one_that_comes_later(nodes: Nodes) -> None:
    async def scenario() -> None:
        async with nodes.opened("a", "b") as (a, b):
            await a.engine.revocations.revoke(token_id="t1", user_id=None, at=1000.0)
            await a.engine.revocations.revoke(token_id=None, user_id="u1", at=1000.0)
            await eventually_async(lambda: b.revoked == [("t1", None), (None, "u1")])
            later = await nodes.open("c")
            for node in (a, b, later):
                assert node.engine.revocations.is_revoked("u9", "t1", None)
                assert node.engine.revocations.is_revoked("u1", "t2", 999)
                assert not node.engine.revocations.is_revoked("u1", "t2", 1001)
            await later.engine.close()

    asyncio.run(scenario())


def test_settings_are_in_force_on_every_node_before_the_change_is_answered(nodes: Nodes) -> None:
    async def scenario() -> None:
        async with nodes.opened("a", "b", "c") as (a, b, c):
            await a.engine.settings.put(CHANNEL, SECRET)
            assert b.settings == c.settings == {CHANNEL: SECRET}
            later = await nodes.open("d")
            assert later.settings == {CHANNEL: SECRET}
            await later.engine.close()

    asyncio.run(scenario())


def test_a_store_that_was_put_back_takes_the_newer_settings_of_its_nodes(nodes: Nodes) -> None:
    told: list[ChannelSettings] = []

    async def scenario() -> None:
        async with nodes.opened("a", "b") as (a, b):
            live = _live(a)
            names = (*live.bulletin.names, live.access.keys.live("settings"))
            await a.engine.settings.put(CHANNEL, OPEN)
            dumps = [await live.access.ask("DUMP", name) for name in names]
            await a.engine.settings.put(CHANNEL, SECRET)
            newer = await live.access.ask("HGET", names[2], CHANNEL)
            b.engine.settings.start(lambda _, settings: told.append(settings))
            commands = [("RESTORE", name, 0, dump, "REPLACE") for name, dump in zip(names, dumps, strict=True)]
            pipeline = live.access.client.pipeline(transaction=True)
            for command in commands:
                pipeline.execute_command(*command)
            await pipeline.execute()

            async def is_newer() -> bool:
                return bool(await live.access.ask("HGET", names[2], CHANNEL) == newer)

            await eventually_async(is_newer)
            later = await nodes.open("c")
            assert later.settings == a.settings == b.settings == {CHANNEL: SECRET}
            assert set(told) == {SECRET}
            await b.engine.settings.put(CHANNEL, OPEN)
            assert later.settings == a.settings == {CHANNEL: OPEN}
            await later.engine.close()

    asyncio.run(scenario())


def test_a_node_that_was_deaf_finds_what_it_missed(nodes: Nodes) -> None:
    async def scenario() -> None:
        async with nodes.opened("a", "b") as (a, b):
            async with _deaf(b):
                await a.engine.control.send(ControlCommand("end_user", "u1"))
                await a.engine.revocations.revoke(token_id="t1", user_id=None, at=1000.0)
                assert (b.orders, b.revoked) == ([], [])
            await eventually_async(lambda: b.orders == a.orders and b.revoked == [("t1", None)])

    asyncio.run(scenario())


def test_a_node_that_was_away_for_longer_than_entries_are_kept_reads_all_again(nodes: Nodes) -> None:
    async def scenario() -> None:
        async with nodes.opened("a", "b") as (a, b):
            async with _deaf(b):
                await a.engine.revocations.revoke(token_id="t1", user_id=None, at=1000.0)
                await a.engine.settings.put(CHANNEL, SECRET)
                live = _live(a)
                await live.access.ask("XTRIM", live.bulletin.names[0], "MAXLEN", 0)
                await a.engine.control.send(ControlCommand("end_user", "u1"))
            await eventually_async(lambda: b.revoked == [("t1", None)])
            await eventually_async(lambda: b.settings == {CHANNEL: SECRET})
            await eventually_async(lambda: len(b.orders) == 1)

    asyncio.run(scenario())


def test_a_report_is_known_on_other_nodes(nodes: Nodes) -> None:
    async def scenario() -> None:
        async with nodes.opened("a", "b") as (a, b):
            at = now().timestamp
            a.engine.nodes.report(NodeRecord("a", at, {"connections": 3.0}))
            b.engine.nodes.report(NodeRecord("b", at, {}))
            for node in (a, b):

                async def knows(node: Node = node) -> bool:
                    return [one.node for one in await node.engine.nodes.nodes()] == ["a", "b"]

                await eventually_async(knows)
            assert (await b.engine.nodes.nodes())[0] == NodeRecord("a", at, {"connections": 3.0})

    asyncio.run(scenario())

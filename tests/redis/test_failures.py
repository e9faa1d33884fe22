"""Failures of the server and of the way to it: nothing is falsely acknowledged, nothing comes twice, all heals."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.engine.ports.errors import EngineError, Unavailable
from app.engine.redis.log import lane as lane_module
from tests.engine.events import CHANNEL, OTHER, event, key, numbers
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import HANG_SECONDS, eventually_async
from tests.harness.redis_server import RedisServer
from tests.redis.cutting_proxy import cutting_proxy
from tests.redis.nodes import OpenNode, opened_node

PREFIX = "dossier"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """Return a server of the test's own, which syncs each write."""
    with RedisServer(tmp_path / "redis", "--appendonly", "yes", "--appendfsync", "always") as started:
        yield started


async def healed(node: OpenNode) -> None:
    await eventually_async(node.engine.healthy)


async def history(node: OpenNode, channel: str = CHANNEL) -> list[object]:
    return list(numbers(await node.engine.broker.read(channel, 0, 10_000)))


@asynchronous
async def test_while_the_server_stands_still_changes_are_refused_and_have_no_effect_later(server: RedisServer) -> None:
    async with opened_node(server.url, PREFIX, "n1", joined=[CHANNEL]) as node:
        await node.publish(event("before"))
        server.signal(signal.SIGSTOP)
        refused = await asyncio.gather(*(node.publish(event(n)) for n in range(50)), return_exceptions=True)
        assert [type(one) for one in refused] == [Unavailable] * 50
        await eventually_async(lambda: not node.engine.healthy())
        for call in (node.engine.broker.position(CHANNEL), node.engine.broker.read(CHANNEL, 0, 5)):
            with pytest.raises(Unavailable):
                await call
        server.signal(signal.SIGCONT)
        await node.publish_until_taken(event("after"))
        await healed(node)
        assert await history(node) == node.numbers(CHANNEL) == ["before", "after"]


@asynchronous
async def test_a_restart_keeps_what_was_acknowledged_and_its_epochs(server: RedisServer) -> None:
    async with (
        opened_node(server.url, PREFIX, "n1", joined=[CHANNEL]) as first,
        opened_node(server.url, PREFIX, "n2", joined=[CHANNEL]) as second,
    ):
        acked: list[object] = []
        stopped = asyncio.Event()

        async def publish() -> None:
            number = 0
            while not stopped.is_set():
                number += 1
                try:
                    await first.engine.broker.publish([event(number)], key(f"k{number}"))
                    acked.append(number)
                except Unavailable:
                    number -= 1  # asked again with its key

        work = asyncio.ensure_future(publish())
        await second.has(CHANNEL, 20)
        before = (await second.engine.broker.position(CHANNEL)).epoch
        await asyncio.to_thread(server.kill)
        await eventually_async(lambda: not first.engine.healthy())
        await asyncio.to_thread(server.start)
        await healed(first)
        count = len(acked)
        await eventually_async(lambda: len(acked) > count + 20)
        stopped.set()
        await work
        assert await history(first) == acked
        for node in (first, second):
            await node.has(CHANNEL, len(acked))
            assert node.numbers(CHANNEL) == acked, "each once, in one order, without hole"
            assert node.lost == []
        assert (await second.engine.broker.position(CHANNEL)).epoch == before


@asynchronous
async def test_a_commit_whose_answer_is_lost_is_done_once(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_module, "CALL_SECONDS", HANG_SECONDS)  # what is under way is not published a second time
    async with cutting_proxy(server.port) as proxy:
        url = f"redis://127.0.0.1:{proxy.port}/0"
        async with opened_node(url, PREFIX, "n1", joined=[CHANNEL]) as node:
            for n in range(5):
                proxy.lose_answer_to = b"EVALSHA" if n else b""
                await asyncio.gather(*(node.publish_until_taken(event(10 * n + k)) for k in range(3)))
            assert proxy.lost_answers >= 3
            assert sorted(map(str, await history(node))) == sorted(str(10 * n + k) for n in range(5) for k in range(3))
            assert node.numbers(CHANNEL) == await history(node)


@asynchronous
async def test_a_connection_that_hears_nothing_more_is_found_out_by_its_beats(server: RedisServer) -> None:
    async with (
        cutting_proxy(server.port) as proxy,
        opened_node(server.url, PREFIX, "n1") as first,
        opened_node(f"redis://127.0.0.1:{proxy.port}/0", PREFIX, "n2", joined=[CHANNEL, "ops:errors"]) as second,
    ):
        await first.publish(event(1))
        await second.has(CHANNEL, 1)
        proxy.deafen()
        await first.publish(event(2))
        await second.has(CHANNEL, 2)  # the log tells it, whatever is heard

        async def heard() -> bool:
            await first.publish(event("told", "ops:errors", durable=False))
            return bool(second.numbers("ops:errors"))

        await eventually_async(heard)  # what no log holds comes again over a new connection
        assert second.numbers(CHANNEL) == [1, 2]


@asynchronous
async def test_a_full_server_refuses_whole_changes_and_heals(server: RedisServer) -> None:
    async with opened_node(server.url, PREFIX, "n1", joined=[CHANNEL]) as node:
        await node.publish(event(1))
        server.command("CONFIG", "SET", "maxmemory", "1mb")
        for _ in range(3):
            with pytest.raises(Unavailable, match="maxmemory"):
                await node.publish(event(2), event(3, OTHER))
        assert not node.engine.healthy()
        assert await history(node) == [1]
        assert await node.engine.broker.read(OTHER, 0, 9) == []
        server.command("CONFIG", "SET", "maxmemory", "0")
        await healed(node)
        await node.publish(event(4))
        assert node.numbers(CHANNEL) == await history(node) == [1, 4]


@asynchronous
async def test_a_server_that_became_a_replica_refuses_and_heals(server: RedisServer) -> None:
    async with opened_node(server.url, PREFIX, "n1", joined=[CHANNEL]) as node:
        await node.publish(event(1))
        server.command("CONFIG", "SET", "replica-serve-stale-data", "yes")
        server.command("REPLICAOF", "127.0.0.1", "1")
        with pytest.raises(Unavailable):
            await node.publish(event(2))
        await eventually_async(lambda: not node.engine.healthy())
        server.command("REPLICAOF", "NO", "ONE")
        await node.publish_until_taken(event(3))
        await healed(node)
        assert node.numbers(CHANNEL) == await history(node) == [1, 3]


@asynchronous
async def test_a_flushed_store_begins_new_epochs_and_says_which_places_are_lost(server: RedisServer) -> None:
    async with (
        opened_node(server.url, PREFIX, "n1", joined=[CHANNEL]) as first,
        opened_node(server.url, PREFIX, "n2", joined=[CHANNEL, OTHER]) as second,
    ):
        (old,) = await first.publish(event("old"))
        await second.has(CHANNEL, 1)
        server.command("FLUSHALL")
        new = await first.publish_until_taken(event("new"))
        assert (new.offset, new.epoch) == (1, (await first.engine.broker.position(CHANNEL)).epoch)
        assert new.epoch != old.epoch
        await eventually_async(lambda: sorted(second.lost) == [CHANNEL, OTHER])
        await eventually_async(lambda: first.lost == [CHANNEL])

        # It goes on at the head that it finds once it looks: until then it delivers nothing, and has said so.
        async def goes_on() -> bool:
            await first.publish(event("more"))
            return second.numbers(CHANNEL)[-1] == "more"

        await eventually_async(goes_on)
        assert (await second.engine.broker.position(CHANNEL)).epoch == new.epoch
        (commit,) = {one.commit for one in first.received.on(CHANNEL) if one.epoch == old.epoch}
        assert all(one.commit > commit for one in first.received.on(CHANNEL)[1:]), "no number stands for two commits"


@asynchronous
async def test_a_store_that_is_behind_what_a_node_has_seen_begins_new_epochs(server: RedisServer) -> None:
    async with opened_node(server.url, PREFIX, "n1", joined=[CHANNEL]) as node:
        old = (await node.publish(event(1), event(2), event(3)))[0]
        server.command("HSET", "{dossier}:meta", "commit", "1")  # as after a fail-over to a replica that lacked two
        new = await node.publish_until_taken(event("new"))
        assert new.epoch != old.epoch
        assert node.lost == [CHANNEL]


@asynchronous
async def test_a_store_behind_the_journal_counts_as_restored(server: RedisServer) -> None:
    async with opened_node(server.url, PREFIX, "n1") as node:
        (old,) = await node.publish(event(1))
    async with opened_node(server.url, PREFIX, "n1", recorded=1) as node:
        assert not node.engine.moved
        assert (await node.engine.broker.position(CHANNEL)).epoch == old.epoch
    async with opened_node(server.url, PREFIX, "n1", recorded=7) as node:
        assert node.engine.moved
        (new,) = await node.publish(event(2))
        assert new.epoch != old.epoch
        assert node.received.on(CHANNEL)[-1].commit == 8
    async with opened_node(server.url, PREFIX, "n1", recorded=8) as node:
        assert not node.engine.moved


@asynchronous
async def test_a_server_that_forgot_its_scripts_gets_them_again(server: RedisServer) -> None:
    async with opened_node(server.url, PREFIX, "n1", joined=[CHANNEL]) as node:
        await node.publish(event(1))
        server.command("SCRIPT", "FLUSH")
        await node.publish(event(2))
        assert node.numbers(CHANNEL) == await history(node) == [1, 2]


@asynchronous
async def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(EngineError, match=r"redis://127.0.0.1:1/0") as found:
        async with opened_node("redis://user:hunter2@127.0.0.1:1/0", PREFIX, "n1"):
            pass
    assert "hunter2" not in str(found.value)

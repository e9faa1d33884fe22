"""A cluster of three masters, and a fail-over that a sentinel makes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from app.engine.options import EngineOptions
from app.engine.ports.errors import EngineError, Unavailable
from app.engine.ports.events import Broker
from app.engine.redis.addresses import parsed_address
from app.engine.redis.connection import connect
from tests.engine.events import CHANNEL, OTHER, event, key, numbers
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import eventually_async
from tests.harness.ports import reserve
from tests.harness.redis_server import RedisServer
from tests.redis.cluster import cluster_url, owner_of, redis_cluster, watched_pair
from tests.redis.nodes import opened_node

PREFIX = "dossier"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RedisServer]]:
    with redis_cluster(tmp_path_factory.mktemp("cluster")) as servers:
        yield servers


@asynchronous
async def test_two_nodes_on_a_cluster_make_one_sequence(cluster: list[RedisServer], tmp_path: Path) -> None:
    url, prefix = cluster_url(cluster), tmp_path.name
    async with (
        opened_node(url, prefix, "n1", joined=[CHANNEL, OTHER]) as first,
        opened_node(url, prefix, "n2", joined=[CHANNEL, OTHER]) as second,
    ):
        for n in range(20):
            await asyncio.gather(first.publish(event(f"a{n}"), event(n, OTHER)), second.publish(event(f"b{n}")))
        for node in (first, second):
            await node.has(CHANNEL, 40)
            await node.has(OTHER, 20)
        assert first.numbers(CHANNEL) == second.numbers(CHANNEL)
        assert numbers(await second.engine.broker.read(CHANNEL, 0, 100)) == first.numbers(CHANNEL)
        for server in cluster:
            names = server.command("KEYS", f"{{{prefix}}}:*")
            assert (names != b"*0\r\n") == (server is owner_of(cluster, f"{{{prefix}}}:meta")), "the log is in one slot"


@asynchronous
async def test_cursors_are_known_over_a_cluster_until_their_node_has_ended(
    cluster: list[RedisServer], tmp_path: Path
) -> None:
    url, prefix, documents = cluster_url(cluster), tmp_path.name, [f"document:d{number}" for number in range(5)]
    gone: dict[str, bytes] = {}
    async with opened_node(url, prefix, "n2") as second:
        second.engine.cursors.start(gone.__setitem__, lambda: None)
        async with opened_node(url, prefix, "n1", grace=0.1) as first:
            for document in documents:
                await first.engine.cursors.put(document, "c1", document.encode())
                assert await second.engine.cursors.elsewhere(document) == [document.encode()]
        await eventually_async(lambda: len(gone) == len(documents))
        assert gone == {document: document.encode() for document in documents}
        for document in documents:
            assert await second.engine.cursors.elsewhere(document) == []


@asynchronous
async def test_the_logs_slot_may_move_to_another_master(cluster: list[RedisServer], tmp_path: Path) -> None:
    url, prefix = cluster_url(cluster), tmp_path.name
    async with opened_node(url, prefix, "n1", joined=[CHANNEL]) as node:
        await node.publish(event(1))
        _move_slot(cluster, f"{{{prefix}}}:meta")
        await node.publish_until_taken(event(2))
        await node.publish(event(3))
        await node.has(CHANNEL, 3)
        assert node.numbers(CHANNEL) == numbers(await node.engine.broker.read(CHANNEL, 0, 9)) == [1, 2, 3]
        assert node.lost == []


@asynchronous
async def test_a_failover_keeps_what_the_replica_had(tmp_path: Path) -> None:
    with watched_pair(tmp_path) as (master, replica, url):
        async with (
            opened_node(url, PREFIX, "n1", joined=[CHANNEL], durability="replicated") as first,
            opened_node(url, PREFIX, "n2", joined=[CHANNEL], durability="replicated") as second,
        ):
            for n in range(20):
                await first.engine.broker.publish([event(n)], key(f"k{n}"))
            epoch = (await first.engine.broker.position(CHANNEL)).epoch
            await asyncio.to_thread(master.kill)
            for node in (first, second):  # one that needs a replica takes nothing now, but knows and tells what it had
                await _answers(node.engine.broker, CHANNEL)
                assert (await node.engine.broker.position(CHANNEL)).epoch == epoch
                assert numbers(await node.engine.broker.read(CHANNEL, 0, 99)) == list(range(20))
                assert node.lost == []
            await asyncio.to_thread(master.start)  # it becomes the replica
            result = await first.publish_until_taken(event("after"))
            assert result.epoch == epoch
            await second.has(CHANNEL, 21)
            assert replica.port != master.port


@asynchronous
async def test_a_dead_sentinel_keeps_nobody_from_asking_the_next(tmp_path: Path) -> None:
    with watched_pair(tmp_path) as (_, _, url):
        dead = url.replace("://", f"://127.0.0.1:{reserve()},")
        async with opened_node(dead, PREFIX, "n1", joined=[CHANNEL]) as node:
            await node.publish(event(1))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://host", "redis://host:6379/0"),
        ("rediss://ali:p%40ss@host:1/3", "rediss://host:1/3"),
        ("redis+sentinel://:pw@a,b:9/office/2", "redis+sentinel://a:26379,b:9/office/2"),
        ("rediss+cluster://[::1]:7,b", "rediss+cluster://[::1]:7,b:6379/0"),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, shown: str) -> None:
    assert parsed_address(url).shown == shown
    assert parsed_address("redis://ali:p%40ss@host").password == "p@ss"
    assert "p@ss" not in repr(parsed_address("redis://ali:p%40ss@host"))


@pytest.mark.parametrize(
    "url",
    [
        "redis://",
        "redis://a,b",
        "redis://a:0",
        "redis://a:70000",
        "redis://a/x",
        "redis+sentinel://a",
        "redis+cluster://a/1",
    ],
)
def test_a_wrong_address_is_refused(url: str) -> None:
    with pytest.raises(EngineError, match=r"storage\.engine is no address of Redis"):
        connect(url, EngineOptions())


async def _answers(broker: Broker, channel: str) -> None:
    """Return when reads are answered again."""

    async def is_answered() -> bool:
        try:
            await broker.position(channel)
        except Unavailable:
            return False
        return True

    await eventually_async(is_answered)


def _move_slot(cluster: list[RedisServer], key: str) -> None:
    """Move the slot of a key, with all its keys, to another master."""
    source = owner_of(cluster, key)
    target = next(server for server in cluster if server is not source)
    with Redis(port=source.port) as giving, Redis(port=target.port) as taking:
        slot = giving.cluster("KEYSLOT", key)
        ids = [client.cluster("MYID").decode() for client in (giving, taking)]
        taking.cluster("SETSLOT", slot, "IMPORTING", ids[0])
        giving.cluster("SETSLOT", slot, "MIGRATING", ids[1])
        for name in giving.cluster("GETKEYSINSLOT", slot, 1_000):
            giving.migrate("127.0.0.1", target.port, name, 0, 5_000)
        for client in (taking, giving):
            client.cluster("SETSLOT", slot, "NODE", ids[1])

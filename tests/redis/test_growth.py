"""Growth in Redis ends: nodes that do not come back, records whose time is over; sets are read in pages."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from app.engine.ports.records import RecordChange
from app.engine.redis import connection
from app.engine.redis.connection import connect, execute
from app.engine.redis.domain import records
from tests.engine.events import event
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import eventually_async
from tests.harness.redis_server import RedisServer
from tests.redis.cutting_proxy import cutting_proxy
from tests.redis.nodes import opened_node

_DAYS_30 = 30 * 86_400


@asynchronous
async def test_the_commits_of_a_node_that_does_not_come_back_go(redis_server: RedisServer, tmp_path: Path) -> None:
    prefix, clients = tmp_path.name, connect(redis_server.url)
    async with opened_node(redis_server.url, prefix, "n1") as node:
        await node.publish(event(1))
    left = await execute(clients.log, "TTL", f"{{{prefix}}}:commits:n1")
    await clients.close()
    assert _DAYS_30 - 3_600 < left <= _DAYS_30


@asynchronous
async def test_one_upkeep_removes_all_records_whose_time_is_over(
    redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "_MAX_REMOVED", 3)
    prefix, clients = tmp_path.name, connect(redis_server.url)
    async with opened_node(redis_server.url, prefix, "n1") as node:
        past = time.time() - 60
        changes = [RecordChange("note", f"k{n}", 0, b"{}", labels=("open",), expires=past) for n in range(10)]
        await node.engine.broker.publish([], changes=changes)
        node.engine.upkeep()
        await eventually_async(
            lambda: node.engine._records._removal is not None and node.engine._records._removal.done()
        )
        assert await execute(clients.log, "ZCARD", f"{{{prefix}}}:expiry") == 0
        assert await node.engine.records.count("note", "open") == 0
    await clients.close()


@asynchronous
async def test_all_channels_are_found_in_pages(
    redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_PAGE", 10)
    names = {f"dossier:d{number}" for number in range(700)}  # so many that the server keeps no short list of them
    async with opened_node(redis_server.url, tmp_path.name, "n1") as node:
        await node.publish(*(event(1, name) for name in sorted(names)))
        redis_server.command("CONFIG", "RESETSTAT")
        assert await node.engine.broker.channels() == names
    assert b"cmdstat_smembers" not in redis_server.command("INFO", "commandstats")


@asynchronous
async def test_a_channel_of_before_is_trimmed_although_the_first_look_for_it_failed(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    channel = "dossier:country:SA"
    async with opened_node(redis_server.url, tmp_path.name, "n1") as before:
        for number in range(30):
            await before.publish(event(number, channel))
    async with cutting_proxy(redis_server.port) as proxy:
        url = f"redis://127.0.0.1:{proxy.port}"
        async with opened_node(url, tmp_path.name, "n2", history_events=10, history_seconds=0) as node:
            trimming = node.engine._trimming
            proxy.lose_answer_to = b"SSCAN"
            node.engine.upkeep()
            await eventually_async(lambda: proxy.lost_answers == 1 and not trimming._is_surveying)
            assert (await node.engine.broker.position(channel)).oldest == 1
            node.engine.upkeep()

            async def is_trimmed() -> bool:
                return (await node.engine.broker.position(channel)).oldest == 21

            await eventually_async(is_trimmed)

"""Outages: a node ends in one, who waits is answered, and one line says when each began."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.engine.ports.errors import EngineError, Unavailable
from app.engine.redis.log import broker as broker_module
from tests.engine.events import CHANNEL, event
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import HANG_SECONDS, eventually_async
from tests.harness.redis_server import RedisServer
from tests.redis.nodes import opened_node

PREFIX = "dossier"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """Return a server of the test's own, which may stand still."""
    with RedisServer(tmp_path / "redis") as started:
        yield started


@asynchronous
async def test_a_node_ends_while_the_server_stands_still(server: RedisServer) -> None:
    async with asyncio.timeout(HANG_SECONDS), opened_node(server.url, PREFIX, "n1", joined=[CHANNEL]) as node:
        server.signal(signal.SIGSTOP)
        for number in range(3):  # one whose answer is not known, and those that wait behind it
            with pytest.raises(Unavailable):
                await node.publish(event(number))


@asynchronous
async def test_all_who_join_a_channel_learn_that_it_failed(server: RedisServer) -> None:
    async with opened_node(server.url, PREFIX, "n1") as node:
        server.signal(signal.SIGSTOP)
        joins = (node.engine.broker.join(CHANNEL) for _ in range(3))
        assert [type(one) for one in await asyncio.gather(*joins, return_exceptions=True)] == [Unavailable] * 3
        server.signal(signal.SIGCONT)
        await eventually_async(node.engine.healthy)
        assert (await node.engine.broker.join(CHANNEL)).offset == 0


@asynchronous
async def test_one_who_gives_up_joining_takes_the_answer_from_no_other(server: RedisServer) -> None:
    async with opened_node(server.url, PREFIX, "n1") as node:
        server.signal(signal.SIGSTOP)
        first, second, third = (asyncio.ensure_future(node.engine.broker.join(CHANNEL)) for _ in range(3))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        server.signal(signal.SIGCONT)
        assert (await first).offset == (await third).offset == 0
        await node.publish(event(1))
        assert node.numbers(CHANNEL) == [1]


@asynchronous
async def test_the_first_beat_of_a_row_that_fails_is_logged(server: RedisServer) -> None:
    async with opened_node(server.url, PREFIX, "n1") as node:
        with capture_logs() as lines:
            await asyncio.to_thread(server.kill)
            await eventually_async(lambda: not node.engine.healthy())
            await eventually_async(lambda: any(line["event"] == "redis_beat_refused" for line in lines))
            await asyncio.to_thread(server.start)
            await eventually_async(node.engine.healthy)
        assert len([line for line in lines if line["event"] == "redis_beat_refused"]) == 1


@asynchronous
async def test_channels_that_began_are_found_in_pages_also_where_many_began_at_once(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "_BEGUN_PAGE", 3)
    names = [f"dossier:d{number}" for number in range(20)]
    async with opened_node(server.url, PREFIX, "n1") as first:
        await first.publish(*(event(1, name) for name in names[:8]))
        for name in names[8:15]:
            await first.publish(event(1, name))
        await first.publish(*(event(1, name) for name in names[15:]))
    async with opened_node(server.url, PREFIX, "n2") as second:
        assert [name for name in names if not second.engine.broker.is_begun(name)] == []


@asynchronous
async def test_a_start_that_waits_for_a_name_says_so(server: RedisServer) -> None:
    name = "{dossier:live}:name:n1"
    server.command("SET", name, "another folder")

    async def start() -> None:
        with suppress(EngineError):
            async with opened_node(server.url, PREFIX, "n1", instance="this folder"):
                pass

    with capture_logs() as lines:

        def told() -> list[object]:
            return [line["node"] for line in lines if "holds this node's name" in line["event"]]

        starting = asyncio.ensure_future(start())
        await eventually_async(lambda: bool(told()) or starting.done())
        server.command("DEL", name)
        await starting
        assert told() == ["n1"]

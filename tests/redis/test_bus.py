"""The pub/sub connection: what is subscribed stands, over slow ways and lost cancellations, and a quiet one stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import redis.asyncio as redis
from structlog.testing import capture_logs

from app.engine.redis import bus as bus_module
from app.engine.redis.bus import Bus
from app.engine.redis.connection import CALL_SECONDS, connect
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import HANG_SECONDS, eventually_async
from tests.harness.ports import reserve
from tests.harness.redis_server import RedisServer
from tests.redis.cutting_proxy import CuttingProxy, cutting_proxy


def ignore(channel: str, data: bytes) -> None:
    """Receive nothing."""


@asynccontextmanager
async def opened_bus(url: str) -> AsyncIterator[Bus]:
    """Open a bus, and end it."""
    clients = connect(url)
    bus = Bus(clients.log)
    try:
        yield bus
    finally:
        await bus.close()
        await clients.close()


def url_of(proxy: CuttingProxy) -> str:
    return f"redis://127.0.0.1:{proxy.port}/0"


@asynchronous
async def test_a_channel_that_is_wanted_while_the_connection_is_made_is_heard(redis_server: RedisServer) -> None:
    async with cutting_proxy(redis_server.port) as proxy, opened_bus(url_of(proxy)) as bus:
        late: list[asyncio.Task[None]] = []
        heard: list[bytes] = []

        async def meanwhile(data: bytes) -> None:
            if b"SUBSCRIBE" in data and not late:
                late.append(asyncio.ensure_future(bus.subscribe("bus:late", lambda _, told: heard.append(told))))
                await asyncio.sleep(0)

        await bus.subscribe("bus:early", ignore)
        proxy.before_request = meanwhile
        bus.reconnect()
        await eventually_async(lambda: late)
        await late[0]
        redis_server.command("PUBLISH", "bus:late", "told")
        await eventually_async(lambda: heard == [b"told"])


@asynchronous
async def test_a_channel_that_is_given_up_and_wanted_again_meanwhile_is_confirmed(redis_server: RedisServer) -> None:
    async with cutting_proxy(redis_server.port) as proxy, opened_bus(url_of(proxy)) as bus:
        again: list[asyncio.Task[None]] = []

        async def meanwhile(data: bytes) -> None:
            if b"SUBSCRIBE" in data and not again:
                await bus.unsubscribe("bus:twice")
                again.append(asyncio.ensure_future(bus.subscribe("bus:twice", ignore)))
                await asyncio.sleep(0)

        await bus.subscribe("bus:twice", ignore)
        proxy.before_request = meanwhile
        bus.reconnect()
        await eventually_async(lambda: again)
        await again[0]


@asynchronous
async def test_the_answer_to_an_earlier_command_confirms_no_channel(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus_module, "MAX_CONFIRM_SECONDS", HANG_SECONDS)
    async with cutting_proxy(redis_server.port) as proxy, opened_bus(url_of(proxy)) as bus:
        go_on, heard = asyncio.Event(), list[bytes]()

        async def held(data: bytes) -> None:
            if b"SUBSCRIBE" in data:
                await go_on.wait()

        await bus.subscribe("bus:first", ignore)
        proxy.hold_answer_to = b"bus:again"
        given_up = asyncio.ensure_future(bus.subscribe("bus:again", ignore))
        await proxy.held.wait()
        given_up.cancel()
        await asyncio.wait([given_up])
        proxy.before_request = held
        await bus.unsubscribe("bus:again")
        again = asyncio.ensure_future(bus.subscribe("bus:again", lambda _, told: heard.append(told)))
        redis_server.command("PUBLISH", "bus:again", "before")  # behind the answer to the command that was given up
        proxy.go_on.set()
        await eventually_async(lambda: heard == [b"before"])
        for _ in range(9):
            await asyncio.sleep(0)
        assert not again.done()
        go_on.set()
        await again
        redis_server.command("PUBLISH", "bus:again", "after")
        await eventually_async(lambda: heard == [b"before", b"after"])


@asynchronous
async def test_many_channels_have_a_deadline_for_each_batch(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus_module, "_BATCH", 1)
    async with cutting_proxy(redis_server.port) as proxy, opened_bus(url_of(proxy)) as bus:
        connected = asyncio.Event()
        for number in range(3):
            await bus.subscribe(f"bus:many{number}", ignore)

        async def slowly(data: bytes) -> None:
            if b"SUBSCRIBE" in data:
                await asyncio.sleep(CALL_SECONDS / 2.5)  # a slow way: all three together take longer

        proxy.before_request = slowly
        bus.connected = connected.set
        bus.reconnect()
        await eventually_async(connected.is_set)


@asynchronous
async def test_a_run_whose_cancellation_was_lost_ends(redis_server: RedisServer) -> None:
    async with opened_bus(redis_server.url) as bus:
        await bus.subscribe("bus:one", ignore)
        old = bus._task
        bus._task = asyncio.ensure_future(bus._run())  # as `reconnect` leaves it where the package ate the cancellation
        redis_server.command("CLIENT", "KILL", "TYPE", "pubsub")
        await eventually_async(old.done)
        await bus.subscribe("bus:two", ignore)


@asynchronous
async def test_a_connection_on_which_nothing_is_said_stays(redis_server: RedisServer) -> None:
    clients = connect(redis_server.url)
    asked: dict[str, Any] = clients.log.connection_pool.connection_kwargs
    asked["socket_timeout"] = 0.2
    bus, connections = Bus(clients.log), list[int]()
    bus.connected = lambda: connections.append(1)
    await bus.subscribe("bus:quiet", ignore)
    with pytest.raises(TimeoutError):  # for as long as the package waits, twice
        async with asyncio.timeout(2 * asked["socket_timeout"] + bus_module.RECONNECT_SECONDS):
            await eventually_async(lambda: len(connections) > 1)
    await bus.close()
    await clients.close()


@asynchronous
async def test_a_connection_that_cannot_be_made_is_logged_once() -> None:
    tries: list[redis.Connection] = []
    with capture_logs() as lines:
        async with opened_bus(f"redis://127.0.0.1:{reserve()}/0") as bus:
            pool = bus._client.connection_pool
            make = pool.make_connection

            def made() -> redis.Connection:
                tries.append(make())  # type: ignore[no-untyped-call]
                return tries[-1]

            pool.make_connection = made  # type: ignore[method-assign]
            await eventually_async(lambda: len(tries) > 3)
    assert [line["event"] for line in lines] == ["redis_bus_lost"]

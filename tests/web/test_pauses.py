"""Whoever is refused often waits: the socket is not read, the answer comes later; nobody else notices."""

from __future__ import annotations

import asyncio
import fcntl
import struct
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.core.refusal_budget import RefusalBudgets, RefusalLimits
from tests.harness import tokens
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import HANG_SECONDS, eventually_async
from tests.harness.in_process import running
from tests.harness.service import Overrides, Service
from tests.harness.wire import Client, Header, Raw, request

BUDGET = 3
PAUSES: Overrides = {
    "limits.refusals_per_second": BUDGET,
    "limits.refusal_pause": 5,
    "limits.general": 100_000,
    "limits.ping": 100_000,
}
FIRST = 0.5  # seconds of the first pause
MANY = 4 * BUDGET  # refusals that are more than the budget of three seconds
HOST: Header = ("Host", "localhost")


def forbidden(number: int) -> dict[str, Any]:
    return {"type": "subscribe", "channel": f"dossier:secret:n{number}", "ref": f"f{number}"}


def unread(descriptor: int) -> int:
    """The bytes that came in and were not read."""
    (count,) = struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)))
    return int(count)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("pauses") / "s", PAUSES) as service:
        yield service
        service.stop()
        service.assert_log_clean()


@asynchronous
async def test_every_refused_message_is_answered_in_order(service: Service) -> None:
    async with await Client.connect(service, tokens.token("often")) as client:
        await client.send(*(forbidden(number) for number in range(MANY)))
        await client.ask({"type": "ping"})
        refs = [message["ref"] for message in client.messages if message["type"] == "error"]
        assert refs == [f"f{number}" for number in range(MANY)]
        codes = {message["error_code"] for message in client.messages if message["type"] == "error"}
        assert codes == {"SUBSCRIPTION_FAILED"}
    assert service.metrics()["dossier_pauses_total"] >= 1


@asynchronous
async def test_the_socket_of_whoever_is_refused_often_is_not_read(tmp_path: Path) -> None:
    async with (
        running(tmp_path / "s", PAUSES) as service,
        await Client.connect(service, tokens.token("often")) as client,
        asyncio.timeout(HANG_SECONDS),
    ):
        (connection,) = service.node.registry.connections.values()
        sock = connection.outbox._sock
        assert sock is not None
        budgets = service.node.refusals = RefusalBudgets(RefusalLimits(BUDGET, 1_000.0))
        await client.send(*(forbidden(number) for number in range(MANY)))
        await eventually_async(lambda: budgets.pause(connection.user_id, connection.now.steady) > 0)
        await client.send({"type": "ping", "ref": "later"})
        await eventually_async(lambda: unread(sock.fileno()) > 0)
        for _ in range(100):
            await asyncio.sleep(0)
        assert unread(sock.fileno()) > 0
        assert budgets.pause(connection.user_id, connection.now.steady) > 0
        connection.hang_up()  # nobody waits for the rest


@asynchronous
async def test_whoever_returns_after_an_end_for_abuse_is_still_held_back(tmp_path: Path) -> None:
    settings: Overrides = {**PAUSES, "limits.refusals_per_second": 1_000}
    async with running(tmp_path / "s", settings) as service:
        token = tokens.token("faulty")
        budgets = service.node.refusals = RefusalBudgets(RefusalLimits(1_000, 1_000.0))
        async with await Client.connect(service, token) as client:
            for name in ("first", "second", "third"):  # between its login and its end
                await (await Client.connect(service, tokens.token(name))).close()
            await client.send(*["[" for _ in range(25)])
            await client.expect_close(4502)
        async with (
            await Client.connect(service, token) as again,
            await Client.connect(service, tokens.token("other")) as other,
        ):
            assert budgets.pause("faulty", service.node.clock().steady) > 0
            await again.send({"type": "ping", "ref": "late"})
            await other.ask({"type": "ping"})
            assert not any(message.get("ref") == "late" for message in again.messages)
            (connection,) = service.node.registry.of_user("faulty")
            connection.hang_up()  # nobody waits for the rest


@asynchronous
async def test_a_handful_of_refusals_costs_no_pause(service: Service) -> None:
    before = service.metrics()["dossier_pauses_total"]
    async with await Client.connect(service, tokens.token("seldom")) as client:
        await client.send(*(forbidden(number) for number in range(BUDGET)))
        await client.ask({"type": "ping"})
        assert sum(message["type"] == "error" for message in client.messages) == BUDGET
    assert service.metrics()["dossier_pauses_total"] == before


@asynchronous
async def test_whoever_is_not_read_is_not_silent(tmp_path: Path) -> None:
    """The pause is longer than the silence that would end the connection."""
    quick: Overrides = {"session.heartbeat_interval": 1, "session.ping_interval": 0.5, "session.liveness_timeout": 1.2}
    async with (
        running(tmp_path / "s", {**PAUSES, **quick}) as service,
        await Client.connect(service, tokens.token("often")) as client,
    ):
        (connection,) = service.node.registry.connections.values()
        budgets = service.node.refusals = RefusalBudgets(RefusalLimits(BUDGET, 30.0))
        await client.send(*(forbidden(number) for number in range(2 * BUDGET)))
        await eventually_async(lambda: budgets.pause(connection.user_id, connection.now.steady) > 0)
        await client.ask({"type": "ping"})
        assert client.closed is None


@asynchronous
async def test_an_end_reaches_whoever_is_not_read(service: Service) -> None:
    async with await Client.connect(service, tokens.token("ended")) as client:
        await client.send(*(forbidden(number) for number in range(2 * BUDGET)))
        await client.receive("error", ref=f"f{BUDGET}")
        raw = await Raw.open(service)
        operator = ("Authorization", f"Bearer {tokens.token('admin', 'admin:*', clearance='secret')}")
        await raw.send(request("POST", "/v1/users/ended/disconnect", HOST, operator))
        assert (await raw.response()).status == 200
        await raw.close()
        await eventually_async(lambda: client.closed is not None)
        assert client.closed is not None
        assert client.closed[0] == 4501


def call(path: str, *permissions: str) -> bytes:
    token = tokens.token("caller", *permissions, clearance="secret")
    return request("GET", path, HOST, ("Authorization", f"Bearer {token}"))


async def refused(to: Service, address: str, sent: bytes, status: int) -> Raw:
    raw = await Raw.open(to, address=address)
    await raw.send(sent)
    assert (await raw.response()).status == status
    return raw


@asynchronous
async def test_refusals_of_calls_come_later_and_other_calls_of_the_address_do_not(service: Service) -> None:
    before, began = service.metrics()["dossier_pauses_total"], time.monotonic()
    calls = [asyncio.create_task(refused(service, "127.0.2.1", call("/v1/sessions"), 403)) for _ in range(MANY)]
    await eventually_async(lambda: service.metrics()["dossier_pauses_total"] > before)
    good = await Raw.open(service, address="127.0.2.1")
    await good.send(call("/v1/sessions", "admin:*"))
    assert (await good.response()).status == 200
    assert not all(one.done() for one in calls)
    raws = await asyncio.gather(*calls)
    assert time.monotonic() - began >= FIRST
    await raws[-1].send(call("/v1/sessions", "admin:*"))  # and the connection goes on
    assert (await raws[-1].response()).status == 200
    for raw in (*raws, good):
        await raw.close()


@asynchronous
async def test_whoever_leaves_before_its_answer_leaves_nothing(service: Service) -> None:
    before = service.metrics()["dossier_tcp_connections"]
    for _ in range(MANY):
        raw = await Raw.open(service, address="127.0.2.2")
        await raw.send(request("GET", "/nowhere", HOST))
        raw.reset()
    await eventually_async(lambda: service.metrics()["dossier_tcp_connections"] <= before)


@asynchronous
async def test_paths_that_are_none_are_answered_later_and_end_the_connection(service: Service) -> None:
    began, path = time.monotonic(), request("GET", "/nowhere", HOST)
    for raw in await asyncio.gather(*(refused(service, "127.0.2.3", path, 404) for _ in range(MANY))):
        assert await raw.ended() == b""
        await raw.close()
    assert time.monotonic() - began >= FIRST


@asynchronous
async def test_nothing_that_is_pipelined_behind_the_last_answer_is_served(service: Service) -> None:
    """Of five requests in one packet the first is answered 404, which ends the connection."""
    raw = await Raw.open(service, address="127.0.2.4")
    await raw.send(request("GET", "/pipelined", HOST) * 5)
    assert (await raw.response()).status == 404
    assert await raw.ended() == b""
    await raw.close()
    for _ in range(10):
        service.metrics()  # takes its turn behind what would have been served
    assert service.log().count("/pipelined") == 1

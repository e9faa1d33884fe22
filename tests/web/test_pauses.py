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

from app.core.refusal_budget import RefusalBudget, RefusalLimits
from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS, eventually_async
from tests.harness.inside import running
from tests.harness.running import asynchronous
from tests.harness.service import Service, Settings
from tests.harness.wire import Client, Header, Raw, request

BUDGET = 10
PAUSES: Settings = {
    "limits.refusals_per_second": BUDGET,
    "limits.refusal_pause": 5,
    "limits.general": 100_000,
    "limits.ping": 100_000,
}
FIRST = 0.5  # seconds of the first pause
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
        sent = 3 * BUDGET
        await client.send(*(forbidden(number) for number in range(sent)))
        await client.ask({"type": "ping"})
        refs = [message["ref"] for message in client.messages if message["type"] == "error"]
        assert refs == [f"f{number}" for number in range(sent)]
        codes = {message["error_code"] for message in client.messages if message["type"] == "error"}
        assert codes == {"SUBSCRIPTION_FAILED"}
    assert service.metrics()["dossier_pauses_total"] >= 2


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
        connection.refusals = RefusalBudget(RefusalLimits(BUDGET, 1_000.0), connection.now.steady)
        await client.send(*(forbidden(number) for number in range(BUDGET + 1)))
        await client.receive("error", ref=f"f{BUDGET}")
        await client.send({"type": "ping", "ref": "later"})
        await eventually_async(lambda: unread(sock.fileno()) > 0)
        for _ in range(100):
            await asyncio.sleep(0)
        assert unread(sock.fileno()) > 0
        assert connection.refusals.pause(connection.now.steady) > 0
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
    """Its pauses are longer than the silence that would end the connection."""
    quick: Settings = {"session.heartbeat_interval": 1, "session.ping_interval": 0.5, "session.liveness_timeout": 1.2}
    with Service(tmp_path / "s", {**PAUSES, **quick}) as service:
        async with await Client.connect(service, tokens.token("often")) as client:
            sent = 4 * BUDGET + 4  # pauses of 0.5, 1, 2 and 4 seconds
            await client.send(*(forbidden(number) for number in range(sent)))
            client.answers_pings = False  # what it sent before is to be enough
            await client.ask({"type": "ping"}, patience=60)
            assert client.closed is None
        assert service.metrics()["dossier_pauses_total"] >= 4


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


@asynchronous
async def test_refusals_of_calls_come_later_and_other_calls_of_the_address_do_not(service: Service) -> None:
    often = await Raw.open(service, address="127.0.2.1")
    for _ in range(BUDGET):
        await often.send(call("/v1/sessions"))
        assert (await often.response()).status == 403
    began = time.monotonic()
    held = asyncio.create_task(often.response())
    await often.send(call("/v1/sessions"))
    good = await Raw.open(service, address="127.0.2.1")
    await good.send(call("/v1/sessions", "admin:*"))
    assert (await good.response()).status == 200
    assert not held.done() or time.monotonic() - began >= FIRST
    assert (await held).status == 403
    assert time.monotonic() - began >= FIRST
    await often.send(call("/v1/sessions", "admin:*"))  # and the connection goes on
    assert (await often.response()).status == 200
    await often.close()
    await good.close()


@asynchronous
async def test_whoever_leaves_before_its_answer_leaves_nothing(service: Service) -> None:
    before = service.metrics()["dossier_tcp_connections"]
    for _ in range(3 * BUDGET):
        raw = await Raw.open(service, address="127.0.2.2")
        await raw.send(request("GET", "/nowhere", HOST))
        raw.reset()
    await eventually_async(lambda: service.metrics()["dossier_tcp_connections"] <= before)


@asynchronous
async def test_paths_that_are_none_are_answered_one_by_one_after_the_budget(service: Service) -> None:
    began = time.monotonic()
    for _ in range(BUDGET + 1):
        raw = await Raw.open(service, address="127.0.2.3")
        await raw.send(request("GET", "/nowhere", HOST))
        answer = await raw.response()
        assert (answer.status, answer.json()["error_code"]) == (404, "NOT_FOUND")
        assert await raw.ended() == b""
        await raw.close()
    assert time.monotonic() - began >= FIRST

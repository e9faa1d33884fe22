"""The bound on a user's connections: those that are gone without a word give way to those that are there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import eventually_async
from tests.harness.service import Service
from tests.harness.wire import Client

LIMIT = 3
HEARTBEAT_LOST, CONNECTION_LIMIT = 4001, 4503


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Few connections a user, silent after a second; the service asks nobody of its own accord."""
    folder: Path = tmp_path_factory.mktemp("narrow") / "data"
    limits = {"limits.connections_per_user": LIMIT, "session.heartbeat_interval": 1, "session.ping_interval": 600}
    with Service(
        folder, {**limits, "session.liveness_timeout": 3600, "limits.handshakes_per_second": 10_000}
    ) as running:
        yield running
    running.assert_log_clean()


async def _admitted(service: Service, token: str) -> Client | None:
    """One more connection; None where the bound keeps it out."""
    client = await Client.unauthenticated(service)
    await client.send({"type": "auth", "payload": {"token": token}})
    await eventually_async(lambda: client.messages)
    if client.messages[0]["type"] == "auth_success":
        return client
    await client.expect_error("RATE_LIMIT_EXCEEDED")
    await client.expect_close(CONNECTION_LIMIT)
    await client.close()
    return None


async def _let_in(service: Service, token: str) -> Client:
    """One more connection, once the old ones have been silent for long enough to be asked."""
    found: list[Client] = []

    async def is_in() -> bool:
        client = await _admitted(service, token)
        found.extend([] if client is None else [client])
        return client is not None

    await eventually_async(is_in, poll=0.3)
    return found[0]


@asynchronous
async def test_silent_connections_that_do_not_answer_give_way(narrow: Service) -> None:
    token = narrow.token("half-open")
    old = [await Client.connect(narrow, token) for _ in range(LIMIT)]
    for client in old[:2]:
        client.answers_pings = False
    new = [await _let_in(narrow, token) for _ in range(2)]
    for client in old[:2]:
        await client.expect_close(HEARTBEAT_LOST)
    assert old[2].closed is None
    assert await _admitted(narrow, token) is None  # these are all there
    for one in (*old, *new):
        await one.close()


@asynchronous
async def test_many_that_come_at_once_share_one_question(narrow: Service) -> None:
    token = narrow.token("generation")
    old = [await Client.connect(narrow, token) for _ in range(LIMIT)]
    for client in old:
        client.answers_pings = False

    new = await asyncio.gather(*(_let_in(narrow, token) for _ in range(LIMIT)))
    for client in old:
        await client.expect_close(HEARTBEAT_LOST)
        await client.close()
    for one in new:
        assert (await one.ask({"type": "ping"}))["type"] == "pong"
        await one.close()


@asynchronous
async def test_who_answers_stays_and_the_newcomer_is_kept_out(narrow: Service) -> None:
    token = narrow.token("all-there")
    old = [await Client.connect(narrow, token) for _ in range(LIMIT)]
    for _ in range(3):
        await asyncio.sleep(0.6)  # silence is what is tested; how long it took decides nothing
        assert await _admitted(narrow, token) is None
    for client in old:
        assert client.closed is None
        await client.close()

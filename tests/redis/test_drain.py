"""The end of a node whose reports of others cannot be read: it asks again, and it ends."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from pathlib import Path

import msgspec
import pytest
import redis

from app.engine.ports.sessions import NodeRecord
from tests.harness.eventually import eventually_async
from tests.harness.redis_server import RedisServer
from tests.harness.service import Service
from tests.harness.wire import Client

REPORTS = "{dossier:live}:nodes"


def reads_of_leases(server: RedisServer) -> int:
    """Return how often the leases of nodes were read, which a node does that drains and finds no other one."""
    found = re.search(rb"cmdstat_zrange:calls=(\d+)", server.command("INFO", "commandstats"))
    return 0 if found is None else int(found[1])


def another_serves(server: RedisServer) -> None:
    """Report as a node that takes clients, and as if it were half a minute later: it does not age meanwhile."""
    other = NodeRecord("n2", int(time.time()) + 30, {"ready": 1.0})
    server.command("HSET", REPORTS, "n2", msgspec.json.encode(other).decode())


@pytest.mark.parametrize("report", ['{"of":"another version"}', "no report at all"])
def test_a_report_of_another_version_keeps_nobody_from_draining(tmp_path: Path, report: str) -> None:
    async def scene() -> None:
        client = await Client.connect(service, service.token("u-1", "read:dossier:*"))
        service.signal(signal.SIGTERM)
        await client.receive("connection_state", state="reconnecting")
        await client.expect_close(1012)
        await client.close()

    with (
        RedisServer(tmp_path / "redis") as server,
        Service(tmp_path / "data", {"storage.engine": server.url, "server.drain_seconds": 1}) as service,
    ):
        assert server.command("HSET", REPORTS, "n2", report) == b":1\r\n"
        asyncio.run(scene())
        assert service.wait() == 0
        service.assert_log_clean()
        assert service.log().count("report cannot be read") == 1


def test_a_store_that_does_not_answer_for_a_moment_makes_no_node_alone(tmp_path: Path) -> None:
    """Its clients would be kept away until the end of the drain, although another node serves."""

    async def scene() -> None:
        client = await Client.connect(service, service.token("u-1", "admin:*"))
        server.signal(signal.SIGSTOP)
        service.signal(signal.SIGTERM)
        # Asked after the node has asked: its answer tells that the node's question was not answered either.
        status, _ = await asyncio.to_thread(service.get, "/v1/nodes", service.token("op", "admin:*"))
        assert status == 503
        server.signal(signal.SIGCONT)
        state = await client.receive("connection_state", state="reconnecting")
        assert state["retry_after"] <= 0.8 * 300  # its own end: another node serves
        service.signal(signal.SIGTERM)  # at once
        await client.expect_close(1012)
        await client.close()

    with (
        RedisServer(tmp_path / "redis") as server,
        Service(tmp_path / "data", {"storage.engine": server.url, "server.drain_seconds": 300}) as service,
    ):
        another_serves(server)
        asyncio.run(scene())
        assert service.wait() == 0


def test_a_node_that_has_not_reported_yet_is_waited_for(tmp_path: Path) -> None:
    async def scene() -> None:
        client = await Client.connect(service, service.token("u-1", "admin:*"))
        before = reads_of_leases(server)
        service.signal(signal.SIGTERM)
        await eventually_async(lambda: reads_of_leases(server) > before)
        another_serves(server)
        state = await client.receive("connection_state", state="reconnecting")
        assert state["retry_after"] <= 0.8 * 300
        service.signal(signal.SIGTERM)  # at once
        await client.expect_close(1012)
        await client.close()

    with (
        RedisServer(tmp_path / "redis") as server,
        Service(tmp_path / "data", {"storage.engine": server.url, "server.drain_seconds": 300}) as service,
    ):
        server.command("ZADD", "{dossier:live}:homes", str((time.time() + 60) * 1000), "another")  # its lease
        asyncio.run(scene())
        assert service.wait() == 0


def test_a_drain_that_fails_ends_the_service(tmp_path: Path) -> None:
    with (
        RedisServer(tmp_path / "redis") as server,
        Service(tmp_path / "data", {"storage.engine": server.url}) as service,
    ):
        with redis.Redis(port=server.port) as client:
            client.hset(REPORTS, "n2", b"\xff")  # no text: nobody foresaw that
        service.signal(signal.SIGTERM)
        assert service.wait() == 0

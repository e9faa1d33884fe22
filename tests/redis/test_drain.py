"""The end of a node whose reports of others cannot be read: asked once, it ends."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest
import redis

from tests.harness.redis_server import RedisServer
from tests.harness.service import Service
from tests.harness.wire import Client

REPORTS = "{dossier:live}:nodes"


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


def test_a_drain_that_fails_ends_the_service(tmp_path: Path) -> None:
    with (
        RedisServer(tmp_path / "redis") as server,
        Service(tmp_path / "data", {"storage.engine": server.url}) as service,
    ):
        with redis.Redis(port=server.port) as client:
            client.hset(REPORTS, "n2", b"\xff")  # no text: nobody foresaw that
        service.signal(signal.SIGTERM)
        assert service.wait() == 0

"""`serve --workers` with the whole service: clients are spread, drained in turn, and no process is left behind."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import psutil

from app.engine.ports.sessions import NodeRecord
from app.node.connections.farewells import FRESH_SECONDS
from tests.harness.eventually import eventually, eventually_async
from tests.harness.redis_server import RedisServer
from tests.harness.service import Service
from tests.harness.wire import Client

CHANNEL = "dossier:country:sa"
UPDATE = {"entity_type": "country", "entity_id": "sa", "operation": "update", "fields_changed": ["status"]}
MANY = 80  # connections: that one worker of two gets them all does not happen
ROOMY = {"limits.connections_per_user": 1_000, "limits.general": 1_000_000, "limits.handshakes_per_second": 10_000}


class Workers:
    """A service of two workers; `pids` are those of now, by name."""

    def __init__(self, service: Service, server: RedisServer) -> None:
        self.service, self._server = service, server

    def pids(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for child in psutil.Process(self.service.pid).children():
            with suppress(psutil.NoSuchProcess):
                found[child.environ().get("DOSSIER_NODE__ID", "")] = child.pid
        return found

    async def connected(self) -> Client:
        client = await Client.connect(self.service, self.service.token("u-1", "write:dossier:*"))
        await client.subscribe(CHANNEL)
        return client

    async def spread(self) -> dict[str, list[Client]]:
        """Return clients by the worker that serves them, some of each."""
        by_worker: dict[str, list[Client]] = {name: [] for name in self.pids()}
        for _ in range(MANY):
            client = await self.connected()
            by_worker[self.server_of(client)].append(client)
            if min(map(len, by_worker.values())) >= 2:
                return by_worker
        raise AssertionError(f"one worker got all of {MANY} connections")

    async def know_each_other(self) -> bool:
        """Return whether both workers have said that they are ready, where each reads of the other."""
        token = self.service.token("op", "admin:*", clearance="secret")
        status, body = await asyncio.to_thread(self.service.get, "/v1/nodes", token)
        nodes = json.loads(body).get("nodes", []) if status == 200 else []
        return [node["ready"] for node in nodes] == [True, True]

    def report(self, name: str) -> NodeRecord | None:
        """Return the last report of a worker, as the others know it; None where it counts as dead."""
        _, _, told = self._server.command("HGET", "{dossier:live}:nodes", name).partition(b"\r\n")
        return msgspec.json.decode(told.strip(), type=NodeRecord) if told else None

    def is_silent(self, name: str) -> bool:
        """Return whether a worker has not reported for so long that the others do not count on it."""
        told = self.report(name)
        return told is None or time.time() - told.at > 2 * FRESH_SECONDS

    def drains(self, name: str) -> bool:
        """Return whether a worker has reported that it takes no client any more."""
        told = self.report(name)
        return told is not None and not told.values["ready"]

    def server_of(self, client: Client) -> str:
        """Return the name of the worker that has the other end of a connection."""
        port = client.raw.local_port
        for name, pid in self.pids().items():
            with suppress(psutil.NoSuchProcess):
                if any(one.raddr[1:] == (port,) for one in psutil.Process(pid).net_connections("tcp4")):
                    return name
        raise AssertionError("no worker has the connection")


@contextmanager
def workers(folder: Path, settings: Mapping[str, object] | None = None) -> Iterator[Workers]:
    with RedisServer(folder / "redis") as server:
        arguments = "--engine", server.url, "--workers", "2"
        service = Service(folder / "data", {**ROOMY, **(settings or {})}, arguments=arguments)
        running = Workers(service, server)
        pids: list[int] = []
        try:
            service.start()
            pids = list(running.pids().values())
            yield running
            pids += running.pids().values() if service.process and service.process.poll() is None else []
            service.stop()
        finally:
            for pid in pids:
                with suppress(psutil.NoSuchProcess):
                    psutil.Process(pid).kill()
        service.assert_log_clean()


async def _published(at: Client, to: list[Client]) -> None:
    answer = await at.ask({"type": "dossier_update", "channel": CHANNEL, "payload": UPDATE})
    assert answer["type"] == "ack", answer
    for client in to:
        await client.receive("dossier_update", offset=answer["offset"])


def test_clients_are_spread_over_workers_and_each_hears_of_what_is_published_at_the_other(tmp_path: Path) -> None:
    async def scene() -> None:
        found = await running.spread()
        assert set(found) == {"test-w1", "test-w2"}
        everybody = [client for some in found.values() for client in some]
        for some in found.values():
            await _published(some[0], everybody)
        for client in everybody:
            await client.close()

    with workers(tmp_path) as running:
        asyncio.run(scene())
        log = running.service.log()
        lines = [line for line in log.splitlines() if " [info " in line or " [warning " in line]
        assert all("worker=test-w1" in line or "worker=test-w2" in line for line in lines), log
        for name in ("test-w1", "test-w2"):
            assert f"worker={name}" in log


def test_while_one_worker_drains_the_others_take_every_new_client_and_keep_theirs(tmp_path: Path) -> None:
    async def scene() -> None:
        found = await running.spread()
        first, second = found["test-w1"], found["test-w2"]
        await eventually_async(running.know_each_other)
        running.service.signal(signal.SIGTERM)
        for client in first:
            state = await client.receive("connection_state", state="reconnecting")
            assert state["retry_after"] <= 0.8 * 300  # its own end: another worker serves
        come = [await running.connected() for _ in range(20)]
        assert {running.server_of(client) for client in come} == {"test-w2"}
        for client in second:
            assert not [one for one in await client.settle() if one.get("state") == "reconnecting"]
        running.service.signal(signal.SIGTERM)  # at once
        for client in (*first, *second, *come):
            await client.expect_close(1012)
            await client.close()

    with workers(tmp_path, {"server.drain_seconds": 300}) as running:
        pids = running.pids().values()
        asyncio.run(scene())
        assert running.service.wait() == 0
        assert not any(map(psutil.pid_exists, pids))


def test_a_worker_that_drains_waits_for_another_one_that_was_busy_for_some_seconds(tmp_path: Path) -> None:
    async def scene() -> None:
        found = await running.spread()
        await eventually_async(running.know_each_other)
        busy = psutil.Process(running.pids()["test-w2"])
        busy.suspend()
        try:
            await eventually_async(lambda: running.is_silent("test-w2"))
            running.service.signal(signal.SIGTERM)  # the first worker drains
            await eventually_async(lambda: running.drains("test-w1"))
        finally:
            busy.resume()
        for client in found["test-w1"]:
            state = await client.receive("connection_state", state="reconnecting")
            assert state["retry_after"] <= 0.8 * 300  # its own end: another worker serves
        running.service.signal(signal.SIGTERM)  # at once
        for client in (client for some in found.values() for client in some):
            await client.expect_close(1012)
            await client.close()

    with workers(tmp_path, {"server.drain_seconds": 300}) as running:
        asyncio.run(scene())
        assert running.service.wait() == 0


def test_a_worker_that_is_killed_is_replaced_and_the_clients_of_the_other_notice_nothing(tmp_path: Path) -> None:
    async def scene() -> None:
        found, before = await running.spread(), running.pids()
        first, second = found["test-w1"], found["test-w2"]
        psutil.Process(before["test-w1"]).kill()
        for client in first:
            await client.expect_close(1006)
            await client.close()
        await eventually_async(lambda: running.pids().get("test-w1", before["test-w1"]) != before["test-w1"])
        assert running.pids()["test-w2"] == before["test-w2"]

        async def is_served_by_the_new_one() -> bool:
            client = await running.connected()
            is_new = running.server_of(client) == "test-w1"
            if is_new:
                await _published(client, second)
            await client.close()
            return is_new

        await eventually_async(is_served_by_the_new_one)
        for client in second:
            await client.settle()
            await client.close()

    with workers(tmp_path) as running:
        asyncio.run(scene())
        assert "a worker ended and is started again" in running.service.log()
        assert "worker=test-w1" in running.service.log()


def test_no_worker_of_the_service_outlives_its_parent(tmp_path: Path) -> None:
    with workers(tmp_path) as running:
        pids = running.pids().values()
        assert len(pids) == 2
        running.service.kill()
        eventually(lambda: not any(map(psutil.pid_exists, pids)), running.service.log)

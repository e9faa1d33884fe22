"""More calls at once than a node has connections: they wait for one, and what keeps the node going waits for none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.engine.ports.errors import Unavailable
from app.engine.redis import connection
from app.engine.redis.connection import MAX_CONNECTIONS, Clients, asked, connect, execute
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import HANG_SECONDS, eventually_async
from tests.harness.redis_server import RedisServer
from tests.redis.cluster import cluster_url, owner_of, redis_cluster

CALLS = 5 * MAX_CONNECTIONS


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RedisServer]]:
    with redis_cluster(tmp_path_factory.mktemp("cluster")) as servers:
        yield servers


@pytest.fixture(params=["redis", "cluster"])
def servers(request: pytest.FixtureRequest) -> list[RedisServer]:
    """Return the servers of a store, of one kind and the other."""
    if request.param == "redis":
        return [request.getfixturevalue("redis_server")]
    found: list[RedisServer] = request.getfixturevalue("cluster")
    return found


@asynccontextmanager
async def connected(servers: list[RedisServer]) -> AsyncIterator[Clients]:
    clients = connect(servers[0].url if len(servers) == 1 else cluster_url(servers))
    try:
        yield clients
    finally:
        await clients.close()


@asynchronous
async def test_calls_beyond_the_connections_wait_for_one(
    servers: list[RedisServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CALL_SECONDS", HANG_SECONDS)  # whoever waits for a connection may wait long
    there = _connected(servers)  # of other tests' nodes, which share the server
    async with connected(servers) as clients:
        for name, client in {"live": clients.live, "log": clients.log}.items():
            key = f"{{dossier}}:{tmp_path.name}:{name}"
            calls = [asked(execute(client, "INCR", key), HANG_SECONDS) for _ in range(CALLS)]
            assert sorted(await asyncio.gather(*calls)) == list(range(1, CALLS + 1))
        assert _connected(servers) <= there + 3 * MAX_CONNECTIONS, "about one pool for each kind of calls"


def _connected(servers: list[RedisServer]) -> int:
    told = owner_of(servers, "{dossier}:").command("INFO", "clients").decode()
    return next(int(line.partition(":")[2]) for line in told.splitlines() if line.startswith("connected_clients:"))


@asynchronous
async def test_calls_of_users_that_hold_all_connections_keep_no_vital_one_waiting(
    servers: list[RedisServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CALL_SECONDS", HANG_SECONDS)  # a call may take as long as the test wants
    empty = f"{{dossier}}:{tmp_path.name}:empty"
    server = owner_of(servers, empty)
    async with connected(servers) as clients:
        blocked = [
            asyncio.ensure_future(asked(execute(clients.live, "BLPOP", empty, 0), HANG_SECONDS))
            for _ in range(2 * MAX_CONNECTIONS)
        ]
        await eventually_async(lambda: server.command("CLIENT", "LIST").count(b" cmd=blpop ") == MAX_CONNECTIONS)
        assert await asked(execute(clients.vital_live, "SET", f"{empty}:other", "1"), HANG_SECONDS) == b"OK"
        with pytest.raises(Unavailable, match="try again"):
            await asked(execute(clients.live, "GET", empty), 0.01)
        for _ in blocked:
            server.command("RPUSH", empty, "1")
        await asyncio.gather(*blocked)
        assert await asked(execute(clients.live, "GET", f"{empty}:other"), HANG_SECONDS) == b"1"

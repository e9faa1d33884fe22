"""The start on a Redis: a server that could lose what is promised is refused in a sentence; so are two of one name."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from app.core.instant import Instant
from app.core.ratelimit import RateLimiter
from app.engine.build import open_engine
from app.engine.limits import EngineLimits
from app.engine.options import EngineOptions
from app.engine.ports.engine import Engine
from app.engine.ports.errors import EngineError
from app.engine.redis.connection import connect
from app.engine.redis.startup_checks import check_server
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import eventually_async
from tests.harness.redis_server import RedisServer
from tests.redis.cutting_proxy import cutting_proxy

SYNCED = ("--appendonly", "yes", "--appendfsync", "always")


def clock() -> Instant:
    return Instant(time.monotonic(), time.time())


async def opened(url: str, options: EngineOptions) -> Engine:
    return await open_engine(
        url, Path("unused"), limits=EngineLimits(), rates=RateLimiter(), clock=clock, options=options
    )


async def found(url: str, options: EngineOptions) -> str:
    """Return the durability that the check finds."""
    clients = connect(url, options)
    try:
        return await check_server(clients, url, options)
    finally:
        await clients.close()


async def refusal(url: str, options: EngineOptions) -> str:
    with pytest.raises(EngineError) as refused:
        await found(url, options)
    return str(refused.value)


@asynchronous
async def test_the_durability_that_is_claimed_must_be_the_servers(tmp_path: Path) -> None:
    with RedisServer(tmp_path / "plain") as plain, RedisServer(tmp_path / "synced", *SYNCED) as synced:
        assert await found(plain.url, EngineOptions(durability="memory")) == "memory"
        assert await found(synced.url, EngineOptions(durability="fsync")) == "fsync"
        assert await found(plain.url, EngineOptions(finds_durability=True)) == "memory"
        assert await found(synced.url, EngineOptions(finds_durability=True)) == "fsync"
        assert "does not sync each write" in await refusal(plain.url, EngineOptions(durability="fsync"))
        assert "0 of 2 replicas" in await refusal(synced.url, EngineOptions(durability="replicated", replicas=2))
        synced.command("CONFIG", "SET", "appendfsync", "everysec")
        assert "does not sync each write" in await refusal(synced.url, EngineOptions(durability="fsync"))


@asynchronous
async def test_a_setting_that_may_not_be_read_is_none(tmp_path: Path) -> None:
    with (
        RedisServer(tmp_path / "acl", *SYNCED) as acl,
        RedisServer(tmp_path / "renamed", *SYNCED, "--rename-command", "CONFIG", "") as renamed,
    ):
        acl.command("ACL", "SETUSER", "default", "-config")
        for server in (acl, renamed):
            assert await found(server.url, EngineOptions(finds_durability=True)) == "memory"
            assert "let the user call CONFIG GET" in await refusal(server.url, EngineOptions(durability="fsync"))


@pytest.mark.parametrize("options", [EngineOptions(finds_durability=True), EngineOptions(durability="fsync")])
@asynchronous
async def test_a_setting_that_was_not_told_in_time_is_not_taken_for_unread(
    tmp_path: Path, options: EngineOptions
) -> None:
    """A node would call its changes less safe than they are for its whole life, or advise a setting that is there."""
    with RedisServer(tmp_path / "redis", *SYNCED) as server:
        async with cutting_proxy(server.port) as proxy:
            proxy.hold_answer_to = b"CONFIG"
            with pytest.raises(EngineError, match="Redis does not answer: try again"):
                await opened(f"redis://127.0.0.1:{proxy.port}", options)
            assert proxy.held.is_set()
            proxy.go_on.set()
            assert await found(f"redis://127.0.0.1:{proxy.port}", options) == "fsync"


@asynchronous
async def test_replicas_are_counted_and_a_replica_is_no_store(tmp_path: Path) -> None:
    with RedisServer(tmp_path / "master") as master:
        of_master = ("--replicaof", "127.0.0.1", str(master.port))
        with RedisServer(tmp_path / "replica", *of_master, "--repl-diskless-sync-delay", "0") as replica:
            await eventually_async(lambda: b"connected_slaves:1" in master.command("INFO", "replication"))
            assert await found(master.url, EngineOptions(durability="replicated", replicas=1)) == "replicated"
            assert "1 of 2 replicas" in await refusal(master.url, EngineOptions(durability="replicated", replicas=2))
            assert "is a replica" in await refusal(replica.url, EngineOptions())


@asynchronous
async def test_a_server_that_forgets_when_it_is_full_is_refused(tmp_path: Path) -> None:
    with RedisServer(tmp_path / "redis", "--maxmemory-policy", "allkeys-lru") as server:
        assert "maxmemory-policy noeviction" in await refusal(server.url, EngineOptions())


@pytest.mark.parametrize(
    ("url", "options", "named"),
    [
        ("redis://redis.example.org", EngineOptions(), "in the clear: begin it with rediss"),
        ("redis+sentinel://127.0.0.1,10.0.0.7/dossier", EngineOptions(), "leads to 10.0.0.7 in the clear"),
        ("rediss://redis.example.org", EngineOptions(), "without a user"),
        ("rediss://me@redis.example.org", EngineOptions(), "without a user"),
        ("rediss://redis.example.org", EngineOptions(password="word"), "without a user"),
    ],
)
@asynchronous
async def test_another_machine_is_reached_by_tls_and_as_a_user(url: str, options: EngineOptions, named: str) -> None:
    assert named in await refusal(url, options)


@asynchronous
async def test_an_older_server_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def old(_: object) -> dict[str, str]:
        return {"redis_version": "6.2.14"}

    monkeypatch.setattr("app.engine.redis.startup_checks._information", old)  # no such server can be installed here
    assert "is Redis 6.2.14: install 7.0 or newer" in await refusal("redis://127.0.0.1:1", EngineOptions())


@asynchronous
async def test_a_name_is_one_nodes_until_its_lease_ends(tmp_path: Path) -> None:
    with RedisServer(tmp_path / "redis") as server:
        first = await opened(server.url, EngineOptions(node="a", instance="folder-1"))
        with pytest.raises(EngineError, match="another node is running with the name a"):
            await opened(server.url, EngineOptions(node="a", instance="folder-2"))
        other = await opened(server.url, EngineOptions(node="b", instance="folder-2"))
        again = await opened(server.url, EngineOptions(node="a", instance="folder-1"))  # started again in its folder
        await again.close()
        await other.close()
        await first.close()
        await (await opened(server.url, EngineOptions(node="a", instance="folder-2"))).close()  # it was given up


@asynchronous
async def test_a_name_that_the_store_forgot_is_taken_again(tmp_path: Path) -> None:
    with RedisServer(tmp_path / "redis") as server:
        engine = await opened(server.url, EngineOptions(node="a", instance="folder-1"))
        server.command("FLUSHALL")
        await eventually_async(lambda: b"folder-1" in server.command("GET", "{dossier:live}:name:a"))
        await engine.close()

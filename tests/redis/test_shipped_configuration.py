"""The configuration and the users that are shipped for Redis: the service works with them, and may do nothing more."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.commands.cli import main
from app.core.ratelimit import RateLimiter
from app.engine.build import open_engine, open_rows
from app.engine.limits import EngineLimits
from app.engine.options import EngineOptions
from app.engine.ports.errors import EngineError
from dossier_realtime.protocol.classification import ChannelSettings, Clearance
from tests.engine.conftest import Clock
from tests.engine.events import CHANNEL, event, key
from tests.engine.test_moving import fill
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import HANG_SECONDS, eventually
from tests.harness.redis_server import RedisServer
from tests.harness.service import ROOT, Service
from tests.harness.wire import Client
from tests.redis.cluster import cluster_url, redis_cluster
from tests.redis_nodes.nodes import member, now, session

UPDATE = {"entity_type": "country", "entity_id": "sa", "operation": "update", "fields_changed": ["status"]}
PASSWORD = "correct-horse-battery-staple"


class GuardedServer(RedisServer):
    """A server as the shipped files say, but for its folder, its port and the password."""

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256(PASSWORD.encode()).hexdigest()
        users = (ROOT / "config" / "users.acl").read_text().replace("on resetpass", f"on #{digest}")
        (self.folder / "users.acl").write_text(users)
        own = ["--port", str(self.port), "--dir", str(self.folder), "--aclfile", str(self.folder / "users.acl")]
        with (self.folder / "redis.log").open("ab") as log:
            command = ["redis-server", str(ROOT / "config" / "redis.conf"), *own]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        eventually(lambda: self.process is None or self.process.poll() is not None or self.command("PING"), self.log)
        assert self.process.poll() is None, self.log()

    def say(self, user: str, *commands: str) -> bytes:
        """Return the answers to inline commands of a user, after that to AUTH."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=HANG_SECONDS) as sock:
            sock.sendall("".join(f"{line}\r\n" for line in (f"AUTH {user} {PASSWORD}", *commands, "QUIT")).encode())
            answer = b""
            while piece := sock.recv(65_536):
                answer += piece
        return answer


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedServer]:
    with GuardedServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@asynchronous
async def test_the_service_works_with_the_shipped_user_and_its_acks_are_synced(
    guarded: GuardedServer, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text(PASSWORD + "\n")
    settings = {
        "storage.engine": guarded.url,
        "storage.redis_user": "dossier",
        "storage.redis_password_file": str(tmp_path / "password"),
        "storage.durability": "fsync",
    }
    with Service(tmp_path / "data", settings) as service:
        token = service.token("u-1", "write:dossier:*", "write:document:*", "admin:*")
        client = await Client.connect(service, token)
        assert client.login["durability"] == "fsync"
        assert json.loads(service.get("/readyz")[1])["durability"] == "fsync"
        await client.subscribe("dossier:country:sa", include_presence=True)
        answer = await client.ask({"type": "dossier_update", "channel": "dossier:country:sa", "payload": UPDATE})
        assert answer["type"] == "ack", answer
        await client.subscribe("document:d1")
        edit = {"operation_type": "insert", "position": 0, "content": "ok", "version": 0, "op_id": "o1"}
        answer = await client.ask({"type": "edit_operation", "channel": "document:d1", "payload": edit})
        assert answer["type"] == "operation_ack", answer
        await client.close()
        assert "NOPERM" not in service.log()
        service.assert_log_clean()
    assert b"NOPERM" not in guarded.log().encode()
    assert b"dossier" not in guarded.say("monitor", "KEYS *")


@pytest.mark.parametrize(
    "command",
    [
        "FLUSHALL",
        "KEYS *",
        "CONFIG SET appendonly no",
        "CONFIG REWRITE",
        "SHUTDOWN",
        "REPLICAOF NO ONE",
        "ACL LIST",
        "GET another",
        "SET another 1",
        "PUBLISH another 1",
        "MONITOR",
        "MODULE LIST",
        "SCRIPT FLUSH",
        "FUNCTION LIST",
    ],
)
def test_the_services_user_has_no_right_beyond_its_own_keys(guarded: GuardedServer, command: str) -> None:
    assert guarded.say("dossier", command).startswith(b"+OK\r\n-NOPERM")


@pytest.mark.parametrize("user", ["replica", "sentinel", "monitor"])
def test_the_other_users_read_and_change_no_data(guarded: GuardedServer, user: str) -> None:
    answer = guarded.say(user, "PING", "GET {dossier}:meta", "HGETALL {dossier}:meta", "SET {dossier}:meta 1")
    assert answer.startswith(b"+OK\r\n+PONG\r\n-NOPERM")
    assert answer.count(b"-NOPERM") == 3


def test_a_store_is_moved_as_the_user_for_it_and_back(
    guarded: GuardedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "password").write_text(PASSWORD + "\n")
    data, back = tmp_path / "data", tmp_path / "back"
    back.mkdir()

    async def begun() -> None:
        limits, rates = EngineLimits(), RateLimiter()
        engine = await open_engine("embedded", data, limits=limits, rates=rates, clock=Clock())
        await fill(engine)
        await engine.close()

    asyncio.run(begun())
    ways = [(data, "embedded", guarded.url), (back, guarded.url, "embedded")]
    commands = [
        ["move", "--prefix", "dossier:moved", "--data", str(folder), "--from", source, "--to", to]
        for folder, source, to in ways
    ]
    assert main(commands[0]) == 2  # as nobody
    assert "it refuses the user or the password" in capsys.readouterr().err
    monkeypatch.setenv("DOSSIER_STORAGE__REDIS_USER", "mover")
    monkeypatch.setenv("DOSSIER_STORAGE__REDIS_PASSWORD_FILE", str(tmp_path / "password"))
    for command in commands:
        assert main(command) == 0, capsys.readouterr().err
    first, second = (line for line in capsys.readouterr().out.splitlines() if "the digest" in line)
    assert first == second
    refused = guarded.say("mover", "FLUSHALL", "KEYS *", "GET another", "PUBLISH {dossier}:hint:a 1", "CONFIG GET dir")
    assert refused.count(b"-NOPERM") == 5


@pytest.mark.parametrize("url", ["redis://redis.example.org", "rediss://redis.example.org"])
def test_a_store_is_not_moved_over_a_way_that_anybody_could_take(url: str, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="in the clear" if url.startswith("redis:") else "without a user"):
        open_rows(url, tmp_path, EngineOptions())


@asynchronous
async def test_the_shipped_user_is_enough_for_a_cluster(tmp_path: Path) -> None:
    with redis_cluster(tmp_path) as servers:
        _, name, *rules = next(line for line in _lines() if line.startswith("user dossier ")).split()
        for server in servers:
            said = server.command("ACL", "SETUSER", name, f">{PASSWORD}", *(one for one in rules if one != "resetpass"))
            assert said == b"+OK\r\n"
        options = EngineOptions(user=name, password=PASSWORD)
        engine = await open_engine(
            cluster_url(servers), tmp_path, limits=EngineLimits(), rates=RateLimiter(), clock=now, options=options
        )
        try:
            await engine.broker.join(CHANNEL)
            (result,) = await engine.broker.publish([event(1)], key("k"))
            assert result.offset == 1
            await engine.presence.enter(CHANNEL, member("c1", "u1"))
            assert (await engine.presence.counts()) == {CHANNEL: 1}
            await engine.sessions.open(session("s1"), None, 1)
            await engine.settings.put(CHANNEL, ChannelSettings(Clearance.SECRET, presence=True, history=True))
        finally:
            await engine.close()


def _lines() -> list[str]:
    return (ROOT / "config" / "users.acl").read_text().splitlines()


def test_nobody_is_let_in_without_a_name_or_with_the_file_as_it_is_shipped(guarded: GuardedServer) -> None:
    assert guarded.command("PING").startswith(b"-NOAUTH")
    assert "resetpass" in (ROOT / "config" / "users.acl").read_text()

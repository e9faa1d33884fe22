"""The configuration and the users that are shipped for Redis: the service works with them, and may do nothing more."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import HANG_SECONDS, eventually
from tests.harness.redis_server import RedisServer
from tests.harness.service import ROOT, Service
from tests.harness.wire import Client

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


def test_nobody_is_let_in_without_a_name_or_with_the_file_as_it_is_shipped(guarded: GuardedServer) -> None:
    assert guarded.command("PING").startswith(b"-NOAUTH")
    assert "resetpass" in (ROOT / "config" / "users.acl").read_text()

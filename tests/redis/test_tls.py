"""Redis over TLS: the authority, the host's name and the user are checked, and what is wrong is said in a sentence."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from app.engine.ports.errors import EngineError
from app.engine.redis import startup_checks
from tests.engine.events import CHANNEL, event
from tests.harness import tokens
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import HANG_SECONDS, eventually
from tests.harness.redis_server import RedisServer
from tests.harness.service import ROOT, Service, as_environment
from tests.harness.wire import Client
from tests.redis.cluster import cluster_url, has_all, redis_cluster, watched_pair
from tests.redis.nodes import opened_node
from tests.redis.secure_server import PASSWORD, Authority, SecureServer, shipped_users

UPDATE = {"entity_type": "country", "entity_id": "sa", "operation": "update", "fields_changed": ["status"]}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def secure(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureServer]:
    folder = tmp_path_factory.mktemp("redis")
    with SecureServer(folder, authority, *shipped_users(folder)) as server:
        yield server


def _settings(server: SecureServer, authority: Authority, folder: Path) -> dict[str, object]:
    (folder / "password").write_text(PASSWORD + "\n")
    return {
        "storage.engine": server.url,
        "storage.redis_user": "dossier",
        "storage.redis_password_file": str(folder / "password"),
        "storage.redis_ca_file": str(authority.file),
    }


@asynchronous
async def test_the_service_keeps_its_events_in_a_redis_behind_tls(
    secure: SecureServer, authority: Authority, tmp_path: Path
) -> None:
    with Service(tmp_path / "data", _settings(secure, authority, tmp_path)) as service:
        client = await Client.connect(service, service.token("u-1", "write:dossier:*"))
        await client.subscribe("dossier:country:sa", include_presence=True)
        answer = await client.ask({"type": "dossier_update", "channel": "dossier:country:sa", "payload": UPDATE})
        assert answer["type"] == "ack", answer
        await client.close()
        service.assert_log_clean()


def _start(settings: Mapping[str, object], folder: Path) -> tuple[int, str]:
    """Start the service, which is to be refused; its status and its log."""
    command = [sys.executable, "run.py", "serve", "--data", str(folder / "data"), "--port", "0"]
    variables = {"DOSSIER_AUTH__SECRET": tokens.SECRET, **as_environment(settings)}
    ended = subprocess.run(
        command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=HANG_SECONDS, check=False
    )
    return ended.returncode, ended.stderr


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"storage.redis_ca_file": "other authority"}, "storage.redis_ca_file"),
        ({"storage.redis_ca_file": ""}, "storage.redis_ca_file"),
        ({"storage.redis_ca_file": "absent"}, "storage.redis_ca_file"),
        ({"storage.redis_user": "nobody"}, "storage.redis_user"),
        ({"storage.redis_password_file": "other password"}, "storage.redis_password_file"),
        ({"storage.engine": "plain"}, "rediss"),
    ],
    ids=lambda value: (
        "-".join(f"{key.rpartition('_')[2]}={word}" for key, word in value.items()) if isinstance(value, dict) else ""
    ),
)
def test_a_start_that_redis_refuses_ends_with_one_sentence_on_the_setting_to_mend(
    wrong: dict[str, str], named: str, secure: SecureServer, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "other-password").write_text("a-wrong-horse\n")
    places = {
        "other authority": str(Authority(tmp_path / "other").file),
        "absent": str(tmp_path / "absent.pem"),
        "other password": str(tmp_path / "other-password"),
        "plain": secure.url.replace("rediss", "redis"),
    }
    given = {key: places.get(word, word) for key, word in wrong.items()}
    status, said = _start({**_settings(secure, authority, tmp_path), **given}, tmp_path)
    assert status == 2, said
    assert len(said.strip().splitlines()) == 1, said
    assert named in said
    assert PASSWORD not in said
    assert "Traceback" not in said


async def _refusal(url: str, ca_file: str) -> str:
    with pytest.raises(EngineError) as refused:
        async with opened_node(url, "dossier", "n1", ca_file=ca_file):
            pass
    return str(refused.value)


@asynchronous
async def test_a_certificate_for_another_host_is_refused(authority: Authority, tmp_path: Path) -> None:
    with SecureServer(tmp_path / "redis", authority, names=["redis.example.org"]) as server:
        assert "its certificate is for another host" in await _refusal(server.url, str(authority.file))
        named = server.url.replace("127.0.0.1", "localhost")
        assert "its certificate is for another host" in await _refusal(named, str(authority.file))


@asynchronous
async def test_the_name_of_the_certificate_is_looked_for(authority: Authority, tmp_path: Path) -> None:
    with SecureServer(tmp_path / "redis", authority, names=["localhost"]) as server:
        named = server.url.replace("127.0.0.1", "localhost")
        async with opened_node(named, "dossier", "n1", ca_file=str(authority.file)) as node:
            await node.publish(event(1))
        assert "its certificate is for another host" in await _refusal(server.url, str(authority.file))


@asynchronous
async def test_a_server_without_tls_is_refused(authority: Authority, tmp_path: Path) -> None:
    with RedisServer(tmp_path / "redis") as server:
        secure = server.url.replace("redis://", "rediss://")
        assert "does not answer" in await _refusal(secure, str(authority.file))  # it waits for the end of a line


@asynchronous
async def test_a_cluster_is_reached_by_tls_alone(authority: Authority, tmp_path: Path) -> None:
    def make(folder: Path, *options: str) -> SecureServer:
        return SecureServer(folder, authority, "--tls-cluster", "yes", "--tls-replication", "yes", *options)

    with redis_cluster(tmp_path, make) as servers:
        url = cluster_url(servers)
        assert url.startswith("rediss+cluster://")
        async with (
            opened_node(url, "dossier", "n1", joined=[CHANNEL], ca_file=str(authority.file)) as first,
            opened_node(url, "dossier", "n2", joined=[CHANNEL], ca_file=str(authority.file)) as second,
        ):
            await first.publish(event(1))
            await second.publish(event(2))
            for node in (first, second):
                await node.has(CHANNEL, 2)
                assert node.numbers(CHANNEL) == [1, 2]
        assert "storage.redis_ca_file" in await _refusal(url, str(Authority(tmp_path / "other").file))


@asynchronous
async def test_a_failover_that_sentinels_make_is_followed_over_tls(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(folder: Path, *options: str) -> SecureServer:
        return SecureServer(folder, authority, "--tls-replication", "yes", *options)

    watching = ["--port", "0", "--tls-port", "{port}", "--tls-replication", "yes", *authority.options("127.0.0.1")]
    with watched_pair(tmp_path, make, watching) as (master, replica, url):
        assert url.startswith("rediss+sentinel://")
        async with opened_node(url, "dossier", "n1", joined=[CHANNEL], ca_file=str(authority.file)) as node:
            await node.publish(event(1))
            await asyncio.to_thread(eventually, lambda: has_all(replica, master), replica.log)  # else it would be lost
            await asyncio.to_thread(master.kill)
            await node.publish_until_taken(event(2))
            await node.has(CHANNEL, 2)
        monkeypatch.setattr(startup_checks, "_ASK_AGAIN_SECONDS", HANG_SECONDS)  # the refusal is wanted at once
        assert "storage.redis_ca_file" in await _refusal(url, str(Authority(tmp_path / "other").file))

"""Configurations and folders that the service must not start with: real processes, status 2, one clear line."""

from __future__ import annotations

import asyncio
import datetime as dt
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme

from app.engine.embedded.storage.schema import FILE, VERSION
from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS
from tests.harness.processes import forked
from tests.harness.redis_server import RedisServer
from tests.harness.service import ROOT, Overrides, Service, as_environment
from tests.harness.wire import Client, Raw, upgrade


class Start(NamedTuple):
    """A start that fails: what is set, and words of the line that says why."""

    id: str
    settings: Overrides
    says: tuple[str, ...]


_CERTIFIED = {"server.tls_certificate": "{pem}", "server.tls_key": "{key}"}
_PRODUCTION = {"server.production": True, "server.allowed_origins": ["https://dossier.example"]}

STARTS = [
    Start("C02.1", {"auth.algorithms": ["HS256", "RS256"]}, ("auth.algorithms", "one family")),
    Start("C02.2", {"auth.algorithms": ["none"]}, ("auth.algorithms",)),
    Start("C02.3", {"auth.algorithms": []}, ("auth.algorithms",)),
    Start("C02.4", {"auth.secret": "short"}, ("auth.secret", "32")),
    Start("C02.5", {"auth.secret": ""}, ("DOSSIER_AUTH__SECRET", "set, but empty")),
    Start("C02.6", _PRODUCTION | {"auth.secret": "x" * 64}, ("auth.secret", "again and again", "openssl rand")),
    Start(
        "C02.7",
        _PRODUCTION | {"auth.secret": "please-change-me-this-is-the-key"},
        ("auth.secret", "openssl rand"),
    ),
    Start("C04.1", _CERTIFIED | {"server.tls_key": ""}, ("server.tls_certificate", "server.tls_key")),
    Start("C04.2", _CERTIFIED | {"server.tls_certificate": "{folder}/absent.pem"}, ("tls_certificate",)),
    Start(
        "C04.3", _CERTIFIED | {"server.tls_certificate": "{expired}", "server.tls_key": "{expired_key}"}, ("expired",)
    ),
    Start("C04.4", _CERTIFIED | {"server.tls_key": "{expired_key}"}, ("server.tls_key",)),
    Start("C05.1", {"server.host": "0.0.0.0"}, ("server.host", "tls_certificate", "behind_proxy")),
    Start("C05.2", {"server.host": "::"}, ("server.host", "tls_certificate")),
    Start("C07.1", _PRODUCTION | {"server.allowed_hosts": []}, ("server.allowed_hosts",)),
    Start("C07.2", _PRODUCTION | {"server.allowed_hosts": ["*"]}, ("server.allowed_hosts", "*")),
    Start("C07.3", _PRODUCTION | {"server.allowed_origins": []}, ("server.allowed_origins",)),
    Start("C07.4", _PRODUCTION | {"server.allowed_origins": ["*"]}, ("server.allowed_origins", "*")),
    Start("C07.5", _PRODUCTION | {"auth.secret": ""}, ("DOSSIER_AUTH__SECRET", "set, but empty")),
    Start("C14.1", {"server.prot": 1}, ("server.prot", "unknown key", "DOSSIER_SERVER__PROT")),
    Start("C14.2", {"limits.general": "many"}, ("limits.general", "'many'", "a whole number from 1")),
    Start("C14.3", {"limits.general": 0}, ("limits.general", "from 1")),
    Start("C14.4", {"server.production": "yes"}, ("server.production", "true or false")),
    Start("C14.5", {"session.liveness_timeout": 1}, ("liveness_timeout", "heartbeat_interval")),
    Start("C14.6", {"storage.engine": "postgres://secret@db"}, ("storage.engine", "embedded")),
    Start("C14.7", {"log.level": "\n[error] all is well"}, ("log.level",)),
    Start("C14.8", {"node.id": "../node"}, ("node.id",)),
    Start("C14.9", {"server.host": "192.0.2.1", "server.behind_proxy": True}, ("cannot listen", "192.0.2.1", "--port")),
]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Paths of a good certificate and of an expired one."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    good = authority.issue_cert("localhost")
    old = authority.issue_cert("localhost", not_after=dt.datetime.now(dt.UTC) - dt.timedelta(days=1))
    paths = {"folder": str(folder)}
    for name, issued in (("pem", good), ("expired", old)):
        paths[name] = str(folder / f"{name}.pem")
        issued.cert_chain_pems[0].write_to_path(paths[name])
        key = "key" if name == "pem" else "expired_key"
        paths[key] = str(folder / f"{key}.pem")
        issued.private_key_pem.write_to_path(paths[key])
    return paths


def _start(data: Path, settings: Overrides, port: int = 0) -> tuple[int, str]:
    """Run `serve` until it ends by itself; status and standard error."""
    changes: dict[str, str | None] = {"DOSSIER_AUTH__SECRET": tokens.SECRET, **as_environment(settings)}
    arguments = ["serve", "--port", str(port), "--data", str(data)]
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as log:
        status = forked.start(forked.SERVICE, arguments, changes, output, log).wait(HANG_SECONDS)
        output.seek(0)
        log.seek(0)
        assert b"serves ws" not in output.read()
        return status, log.read().decode()


def _is_one_clear_line(said: str) -> None:
    assert said.startswith("dossier: "), said
    assert said.count("\n") == 1, said
    assert "Traceback" not in said
    assert tokens.SECRET not in said


@pytest.mark.parametrize("start", STARTS, ids=lambda start: start.id)
def test_an_unsafe_or_wrong_setting_ends_the_start(start: Start, certificates: dict[str, str], tmp_path: Path) -> None:
    settings = {
        key: value.format_map(certificates) if isinstance(value, str) else value
        for key, value in start.settings.items()
    }
    status, said = _start(tmp_path / "data", settings)
    assert status == 2, said
    _is_one_clear_line(said)
    assert [words for words in start.says if words not in said] == [], said


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A running service with one session behind it."""
    with Service(tmp_path_factory.mktemp("startup") / "data") as service:
        asyncio.run(_one_session(service))
        yield service


async def _one_session(service: Service) -> None:
    async with await Client.connect(service, service.token("u-1", "write:dossier:*")) as client:
        await client.subscribe("dossier:country:SA")
        await client.settle()


def test_a_second_node_of_the_same_name_on_the_same_folder_is_refused(used: Service) -> None:
    """C10."""
    status, said = _start(used.data, {"node.id": "test"})
    assert status == 2
    _is_one_clear_line(said)
    assert "Another process uses the data folder" in said
    asyncio.run(_one_session(used))


def test_a_second_service_on_the_same_port_is_refused(used: Service, tmp_path: Path) -> None:
    status, said = _start(tmp_path / "data", {}, port=used.port)
    assert status == 2
    _is_one_clear_line(said)
    assert str(used.port) in said


def test_a_store_that_refuses_while_the_service_starts_ends_the_start(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    prefix = tmp_path.name
    redis_server.command("SET", f"{{{prefix}}}:commits:test", "of another kind")
    settings = {"node.id": "test", "storage.engine": redis_server.url, "storage.redis_prefix": prefix}
    status, said = _start(tmp_path / "data", settings | {"storage.durability": "memory"})
    assert status == 2
    _is_one_clear_line(said.splitlines(keepends=True)[-1])
    assert "WRONGTYPE" in said
    assert "Traceback" not in said


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a service that has stopped."""
    with Service(tmp_path_factory.mktemp("stopped") / "data") as service:
        asyncio.run(_one_session(service))
    return service.data


def test_a_store_of_a_newer_schema_is_not_touched(left_behind: Path, tmp_path: Path) -> None:
    """C09."""
    data = shutil.copytree(left_behind, tmp_path / "data")
    with closing(sqlite3.connect(data / FILE)) as store:
        store.execute("UPDATE meta SET value = ? WHERE name = 'version'", (str(VERSION + 1),))
        store.commit()
    status, said = _start(data, {"node.id": "test"})
    assert status == 2
    _is_one_clear_line(said)
    assert str(VERSION + 1) in said


def test_a_journal_whose_chain_is_broken_is_not_written_to_and_verify_names_the_entry(
    left_behind: Path, tmp_path: Path
) -> None:
    """C09."""
    data = shutil.copytree(left_behind, tmp_path / "data")
    (segment,) = (data / "journal").glob("*.journal")
    lines = segment.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b'"at":1', b'"at":2')  # the first line is the segment's own
    segment.write_bytes(b"".join(lines))
    before = segment.read_bytes()
    status, said = _start(data, {"node.id": "test"})
    assert status == 2
    _is_one_clear_line(said)
    assert "verify" in said
    assert segment.read_bytes() == before
    command = [sys.executable, "run.py", "verify", "--data", str(data)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HANG_SECONDS, check=False)
    assert found.returncode == 1
    assert "BROKEN" in found.stdout
    assert "entry 2" in found.stdout, found.stdout


# --- signals --------------------------------------------------------------------------------------------------


def test_a_drain_refuses_newcomers_and_a_second_sigterm_ends_it_at_once(tmp_path: Path) -> None:
    """C12, H31."""
    service = Service(tmp_path / "data", {"server.drain_seconds": 60})

    async def while_draining() -> None:
        clients = [await Client.connect(service, service.token(f"u-{n}")) for n in range(20)]
        service.signal(signal.SIGTERM)
        for client in clients:
            state = await client.receive("connection_state", state="reconnecting")
            assert 0 <= state["retry_after"] <= 60
        late = await Raw.open(service)
        await late.send(upgrade())
        answer = await late.response()
        assert answer.status == 503
        assert "retry-after" in answer.headers
        await late.close()
        assert (await asyncio.to_thread(service.get, "/readyz"))[0] == 503
        assert (await asyncio.to_thread(service.get, "/healthz"))[0] == 200
        service.signal(signal.SIGHUP)
        service.signal(signal.SIGTERM)
        for client in clients:
            await client.expect_close(1012)
            await client.close()

    with service:
        asyncio.run(while_draining())
        assert service.wait() == 0
    service.assert_log_clean()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_one_signal_ends_the_service_in_good_order(number: signal.Signals, tmp_path: Path) -> None:
    """C12: sent after SIGHUP, which reads a certificate again and here has none to read."""
    service = Service(tmp_path / "data")
    with service:
        service.signal(signal.SIGHUP)
        assert service.get("/healthz")[0] == 200
        service.signal(number)
        assert service.wait() == 0
    service.assert_log_clean()


def test_signals_at_any_moment_of_the_start_leave_nothing_half_done(tmp_path: Path) -> None:
    """C12: wherever in its start it is told to end, it ends soon, and the next start finds nothing in its way."""
    service = Service(tmp_path / "data")
    for step in range(8):
        service.launch()
        time.sleep(0.06 * step)
        with suppress(ProcessLookupError):
            service.signal((signal.SIGTERM, signal.SIGINT)[step % 2])
        assert service.wait() in (0, -signal.SIGTERM, -signal.SIGINT)
    with service:
        asyncio.run(_one_session(service))
    assert "Traceback" not in service.log().rpartition("KeyboardInterrupt")[2]

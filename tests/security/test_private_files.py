"""Everything under the data folder is for the service's user alone, whatever the umask, and stays so or is refused."""

from __future__ import annotations

import asyncio
import os
import shlex
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.security.private_files import check_folder, open_private
from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import ROOT, Service
from tests.harness.wire import Client

PRODUCTION = {"server.production": True, "server.allowed_origins": ["https://dossier.example"]}
UPDATE = {
    "type": "dossier_update",
    "channel": "dossier:country:SA",
    "payload": {"dossier_type": "country", "dossier_id": "SA", "field": "summary", "old_value": "a", "new_value": "b"},
}


@pytest.fixture
def no_umask() -> Iterator[None]:
    """Children of the test inherit a umask that takes nothing away."""
    before = os.umask(0)
    yield
    os.umask(before)


def _open_to_others(service: Service) -> list[str]:
    found = service.files()
    assert len(found) > 1
    return [
        f"{path.relative_to(service.data)} {stat.S_IMODE(found[path].st_mode):04o}"
        for path in sorted(found)
        if stat.S_IMODE(found[path].st_mode) != (0o700 if stat.S_ISDIR(found[path].st_mode) else 0o600)
    ]


async def _work(service: Service) -> None:
    """An event, a document, a session that ends, a revocation: every part of the store is written to."""
    async with await Client.connect(service, service.token("u-1", "write:*", clearance="secret")) as client:
        await client.subscribe("dossier:country:SA")
        await client.ask(UPDATE)
        await client.subscribe("document:d-1")
        await client.ask(
            {
                "type": "edit_operation",
                "channel": "document:d-1",
                "payload": {"operation_type": "insert", "position": 0, "version": 0, "content": "text"},
            }
        )
        await client.settle()


def _run(service: Service, *arguments: str) -> None:
    environment = os.environ | {"DOSSIER_AUTH__SECRET": tokens.SECRET}
    command = [sys.executable, "run.py", *arguments, "--data", str(service.data)]
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=HANG_SECONDS, check=False
    )
    assert ended.returncode == 0, ended.stderr


@pytest.mark.usefixtures("no_umask")
def test_whatever_is_made_is_for_its_owner_only_whatever_the_umask(tmp_path: Path) -> None:
    service = Service(tmp_path / "data", {"journal.segment_mib": 1}, environment={"DOSSIER_AUTH__SECRET": None})
    with service:
        secret = (service.data / "development-secret").read_text()
        assert len(secret) == 64
        assert _open_to_others(service) == []  # the write-ahead log and its index are there now
    service.environment.clear()
    with service:
        asyncio.run(_work(service))
        assert {path.suffix for path in service.data.iterdir()} >= {".db", ".db-wal", ".db-shm"}
        assert _open_to_others(service) == []
        service.restart(hard=True)
        asyncio.run(_work(service))
    exports = service.data / "exports"
    exports.mkdir(mode=0o700)
    (exports / "whole.ndjson").touch(mode=0o666)
    _run(
        service,
        "export",
        "--replace",
        "--to",
        str(exports / "whole.ndjson"),
        "--parquet",
        str(exports / "whole.parquet"),
    )
    _run(service, "verify")
    _run(service, "rerun")
    assert _open_to_others(service) == []


def test_in_production_whatever_is_open_to_others_is_refused_with_the_command_that_helps(tmp_path: Path) -> None:
    service = Service(tmp_path / "a data folder", PRODUCTION)
    with service:
        asyncio.run(_work(service))
    paths = [service.data, *sorted(service.data.rglob("*"))]
    assert len(paths) > 6
    for path in paths:
        for more in (0o040, 0o004, 0o010, 0o002):
            path.chmod(stat.S_IMODE(path.stat().st_mode) | more)
            with pytest.raises(ValueError, match=r"others may use .*; run: chmod ") as refused:
                check_folder(service.data, production=True)
            assert str(path) in str(refused.value)
            assert "\n" not in str(refused.value)
            subprocess.run(shlex.split(str(refused.value).partition("run: ")[2]), check=True)
            assert check_folder(service.data, production=True) == 0


def test_the_start_is_refused_before_the_port_is_bound_in_production_and_tightened_in_development(
    tmp_path: Path,
) -> None:
    service = Service(tmp_path / "data", PRODUCTION)
    with service:
        asyncio.run(_work(service))
    store = service.data / "engine.db"
    store.chmod(0o644)
    service.launch()
    assert service.wait() == 2
    line = service.log().splitlines()[-1]
    assert line == f"dossier: storage.data: others may use {store} (mode 0644); run: chmod -R u=rwX,go= {service.data}"
    assert stat.S_IMODE(store.stat().st_mode) == 0o644, "it is for the administrator to look who read it"
    for name in PRODUCTION:
        del service.settings[name]
    with service:
        assert _open_to_others(service) == []
        assert "was open to others" in service.log()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_in_production_what_another_user_owns_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    file = data / "engine.db"
    file.touch(mode=0o600)
    os.chown(file, 12345, -1)
    with pytest.raises(ValueError, match=f"{file} belongs to user 12345, and the service runs as 0; run: chown -R 0 "):
        check_folder(data, production=True)
    assert check_folder(data, production=False) == 0


def test_a_link_counts_as_what_it_points_to_and_one_to_nowhere_not_at_all(tmp_path: Path) -> None:
    data, elsewhere = tmp_path / "data", tmp_path / "big-disk"
    data.mkdir(mode=0o700)
    elsewhere.mkdir()
    elsewhere.chmod(0o755)  # whatever the umask
    (data / "nowhere").symlink_to(tmp_path / "absent")
    assert check_folder(data, production=True) == 0
    (data / "journal").symlink_to(elsewhere)
    with pytest.raises(ValueError, match="journal"):
        check_folder(data, production=True)


def test_a_folder_that_is_not_there_yet_is_fine(tmp_path: Path) -> None:
    assert check_folder(tmp_path / "absent", production=True) == 0
    assert not (tmp_path / "absent").exists()


@pytest.mark.usefixtures("no_umask")
def test_a_file_that_was_there_before_is_private_once_it_is_written_and_a_device_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "export.ndjson"
    file.write_bytes(b"a longer content than before")
    file.chmod(0o644)
    with open_private(file) as out:
        out.write(b"new")
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (b"new", 0o600)
    before = Path(os.devnull).stat().st_mode
    with open_private(Path(os.devnull)) as out:
        out.write(b"x")
    assert Path(os.devnull).stat().st_mode == before

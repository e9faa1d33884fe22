"""`backup` and `restore`: whole, private, checked, and nothing is overwritten."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from app.commands import cli
from app.commands.file_errors import BAD_START
from app.journal import store
from tests.harness.coroutine_tests import asynchronous
from tests.harness.service import Service
from tests.harness.wire import Client

pytestmark = pytest.mark.long  # takes seconds of a core


def run(*arguments: str | Path) -> int:
    return cli.main([str(argument) for argument in arguments])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with Service(tmp_path / "data") as service:
        _publish(service)
    return tmp_path / "data"


@asynchronous
async def _publish(service: Service) -> None:
    async with await Client.connect(service, service.token("w", "write:*")) as writer:
        for number in range(20):
            text = {"entity_type": "country", "entity_id": str(number), "operation": "update", "fields_changed": ["x"]}
            await writer.ask({"type": "dossier_update", "channel": "dossier:country:SA", "payload": text})


def test_a_backup_of_a_stopped_service_is_whole_private_and_restored(data: Path, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text("[log]\nlevel = 'error'\n")
    kept, new = tmp_path / "kept", tmp_path / "new"
    assert run("--config", tmp_path / "own.toml", "backup", kept, "--data", data) == 0
    assert {path.name for path in kept.iterdir()} >= {
        "backup.json",
        "engine.db",
        "journal",
        "journal-key.pem",
        "config.toml",
    }
    for path in (kept, *kept.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert run("restore", kept, "--data", new) == 0
    for path in (new, *new.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert run("verify", "--data", new) == 0
    with Service(new) as service:
        assert "were copied or restored" in service.log() or "was copied or restored" in service.log()
    kinds = [entry.header.kind for entry in service.journal()]  # written to its end once the service is stopped
    assert kinds.count("restored") == 1
    assert kinds.count("fanout") == 20


def test_nothing_is_overwritten(data: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    assert run("backup", kept, "--data", data) == 0
    before = {path: path.read_bytes() for folder in (data, kept) for path in folder.rglob("*") if path.is_file()}
    assert run("backup", kept, "--data", data) == BAD_START
    assert run("restore", kept, "--data", data) == BAD_START
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("name", ["engine.db", "journal/test.head", "journal-key.pem"])
def test_a_backup_that_was_changed_is_refused(data: Path, tmp_path: Path, name: str) -> None:
    kept = tmp_path / "kept"
    run("backup", kept, "--data", data)
    changed = bytearray((kept / name).read_bytes())
    changed[len(changed) // 2] ^= 1
    (kept / name).write_bytes(changed)
    assert run("restore", kept, "--data", tmp_path / "new") == BAD_START
    (kept / name).unlink()
    assert run("restore", kept, "--data", tmp_path / "new") == BAD_START
    assert not (tmp_path / "new").exists()


def test_a_manifest_names_no_file_outside(data: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    run("backup", kept, "--data", data)
    manifest = (kept / "backup.json").read_text()
    (kept / "backup.json").write_text(manifest.replace('"engine.db"', '"../engine.db"'))
    assert run("restore", kept, "--data", tmp_path / "new") == BAD_START


def test_a_damaged_journal_is_said_and_not_kept_as_a_backup(data: Path, tmp_path: Path) -> None:
    (path,) = store.segment_paths(data / "journal", "test")
    path.write_bytes(path.read_bytes().replace(b'"kind":"fanout"', b'"kind":"fanouu"', 1))
    assert run("backup", tmp_path / "kept", "--data", data) == BAD_START
    assert not (tmp_path / "kept" / "backup.json").exists()

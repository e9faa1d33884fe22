"""Paths that commands are given: of one that cannot be used the path is told, and what to do, in a sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.commands import cli
from app.commands.file_errors import BAD_START, error_sentence
from tests.harness.service import Service
from tests.harness.tokens import SECRET

READING: dict[str, list[str]] = {
    "config": ["token", "--sub", "ali", "--config"],
    "data": ["verify", "--data"],
    "verify export": ["verify", "--export"],
    "verify key": ["verify", "--key"],
    "verify against": ["verify", "--against"],
    "rerun export": ["rerun", "--export"],
    "rotate-key old": ["rotate-key", "--old"],
    "restore": ["restore"],
}
WRITING: dict[str, list[str]] = {
    "export to": ["export", "--to"],
    "export parquet": ["export", "--to", "good.ndjson", "--parquet"],
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("paths") / "data"
    with Service(folder):
        pass
    return folder


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "loop").symlink_to("loop")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOSSIER_AUTH__SECRET", SECRET)


def refused(arguments: list[str], path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Run a command that cannot begin: one line names the path and the next step, and no number of an error."""
    assert cli.main(arguments) == BAD_START
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert path in said
    assert "Errno" not in said
    assert ".part" not in said
    assert re.search(r"[;:] (check|correct|name|make|give|take)|is no backup: it holds no|; name ", said), said


@pytest.mark.parametrize("path", ["missing", "nowhere/missing", "folder", "file/below", "loop"])
@pytest.mark.parametrize("option", READING)
def test_what_cannot_be_read_is_told_with_the_next_step(
    option: str, path: str, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = [] if option == "data" else ["--data", str(data)]
    refused([*place, *READING[option], path], path, capsys)


@pytest.mark.parametrize("path", ["nowhere/new", "folder", "file/below", "loop/below"])
@pytest.mark.parametrize("option", WRITING)
def test_what_cannot_be_written_is_told_before_anything_is(
    option: str, path: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tmp_path.rglob("*"))
    refused(["--data", str(data), *WRITING[option], path], path, capsys)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("path", ["file/below", "loop/below"])
def test_a_backup_that_can_have_no_folder_is_told(path: str, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused(["--data", str(data), "backup", path], path.partition("/")[0], capsys)


def test_a_right_that_is_missing_is_told() -> None:
    said = error_sentence(PermissionError(13, "Permission denied", "kept/checkpoints.ndjson"))
    assert said.startswith("kept/checkpoints.ndjson: this user has no right to it; give it the right")

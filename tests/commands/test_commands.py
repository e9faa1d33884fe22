"""Options stand before a command or behind it: they are honoured, or the command ends with 2. Who only reads makes
nothing."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.commands import cli
from app.commands.arguments import parse, parser
from app.commands.file_errors import BAD_START
from tests.harness.service import ROOT, Service
from tests.harness.tokens import SECRET

REQUIRED: dict[str, list[str]] = {
    "serve": [],
    "dashboard": [],
    "token": ["--sub", "ali"],
    "verify": [],
    "rotate-key": [],
    "export": ["--to", "export.ndjson"],
    "rerun": [],
    "calendar": ["--year", "2027"],
    "commitments": ["dry-run", "--from", "2027-01-01", "--to", "2027-12-31"],
    "explain": ["--action", "read", "--channel", "global", "--sub", "ali"],
    "demo": ["--seconds", "0"],
    "backup": ["copy"],
    "restore": ["copy"],
    "move": ["--from", "embedded", "--to", "redis://localhost:6379/0"],
}
"""The arguments that each command needs. A command that is missing here fails the first test."""

OPTIONS = {
    "config": ("--config", "other.toml"),
    "data": ("--data", "elsewhere"),
    "host": ("--host", "localhost"),
    "port": ("--port", "12345"),
    "engine": ("--engine", "redis://127.0.0.1:7777/0"),
}
READERS = sorted(set(REQUIRED) - {"serve", "dashboard"})


def _commands() -> list[str]:
    (found,) = (
        action
        for action in parser()._actions
        if isinstance(action, argparse._SubParsersAction)  # every command, also one that is added
    )
    return list(found.choices)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder with a configuration that is told by its port of the dashboard, and a secret."""
    (tmp_path / "other.toml").write_text("[dashboard]\nport = 4242\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOSSIER_AUTH__SECRET", SECRET)


def _meant(arguments: Sequence[str], option: str) -> object:
    """The value in force, or "refused"."""
    try:
        asked = parse(arguments)
    except SystemExit as end:
        return "refused" if end.code == BAD_START else end
    config = cli._configuration(asked)
    here = config.dashboard if asked.command == "dashboard" else config.server
    return {
        "config": config.dashboard.port,
        "data": config.storage.data,
        "host": here.host,
        "port": here.port,
        "engine": config.storage.engine,
    }[option]


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("command", [None, *_commands()])
def test_an_option_is_honoured_or_refused_wherever_it_stands(command: str | None, option: str) -> None:
    given, value = list(OPTIONS[option]), OPTIONS[option][1]
    wanted = {"config": 4242, "port": 12345}.get(option, value)
    rest = [] if command is None else [command, *REQUIRED[command]]
    before, behind = _meant([*given, *rest], option), _meant([*rest, *given], option)
    assert before in (wanted, "refused")
    assert behind in (wanted, "refused")
    if option in ("config", "data"):
        assert before == behind == wanted  # common to all of them
    elif before != "refused":
        assert behind == wanted


@pytest.mark.parametrize("command", _commands())
def test_the_option_behind_the_command_wins(command: str) -> None:
    assert _meant(["--data", "first", command, *REQUIRED[command], "--data", "second"], "data") == "second"


@pytest.mark.parametrize("secret", [True, False])
@pytest.mark.parametrize("command", READERS)
def test_a_command_that_reads_makes_neither_folder_nor_secret(
    command: str, secret: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not secret:
        monkeypatch.delenv("DOSSIER_AUTH__SECRET")
    before = sorted(tmp_path.rglob("*"))
    done = subprocess.run(
        [sys.executable, str(ROOT / "run.py"), "--data", str(tmp_path / "none"), command, *REQUIRED[command]],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert sorted(tmp_path.rglob("*")) == before
    if command == "demo" and secret:
        return  # there is no service: it says so in its own way
    assert "Traceback" not in done.stderr
    good = command in ("calendar", "explain") or (command == "token" and secret)
    assert done.returncode == (0 if good else BAD_START), done.stderr
    if command in ("token", "demo"):
        assert secret or "DOSSIER_AUTH__SECRET" in done.stderr


def test_another_journal_is_verified_where_the_option_stands_before_the_command(tmp_path: Path) -> None:
    with Service(tmp_path / "data"):
        pass
    for arguments in (["--data", str(tmp_path / "data"), "verify"], ["verify", "--data", str(tmp_path / "data")]):
        assert cli.main(arguments) == 0
    for arguments in (["--data", str(tmp_path / "none"), "verify"], ["verify", "--data", str(tmp_path / "none")]):
        assert cli.main(arguments) == BAD_START


def test_a_configuration_that_stands_before_the_command_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    Path("wrong.toml").write_text("[server]\nnonsense = 1\n")
    assert cli.main(["--config", "wrong.toml", "serve"]) == BAD_START
    assert "server.nonsense" in capsys.readouterr().err

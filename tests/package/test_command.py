"""The `dossier-realtime` command of an installed wheel, far from any checkout."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from app.commands.arguments import parser
from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import ROOT
from tests.package.environments import Environment, install, run

pytestmark = pytest.mark.long

SETTINGS = {"DOSSIER_AUTH__SECRET": tokens.SECRET, "DOSSIER_DASHBOARD__PORT": "0"}


@contextmanager
def running(environment: Environment, folder: Path, *arguments: str) -> Iterator[Iterator[str]]:
    """Run the command in `folder` and give the lines that it prints; it must end with status 0 when it is asked to."""
    command = [str(environment.command), *arguments]
    path = f"{environment.folder}/bin:/usr/bin:/bin"
    with subprocess.Popen(
        command, cwd=folder, env={"PATH": path, **SETTINGS}, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield iter(process.stdout.readline, "")
        finally:
            process.terminate()
            process.stdout.read()
        assert process.wait(HANG_SECONDS) == 0


def address(lines: Iterator[str], said: str) -> str:
    """Return the HTTP address of the first line that begins with `said`."""
    line = next(line for line in lines if line.strip().startswith(said))
    (found,) = re.findall(r"http://\S+", line)
    return str(found)


def test_the_command_has_every_command_of_the_checkout(server: Environment, tmp_path: Path) -> None:
    said = run([str(server.command), "--help"], cwd=tmp_path).stdout
    assert said.startswith("usage: dossier-realtime ")
    listed = re.findall(r"^    ([a-z-]+)", said, re.MULTILINE)
    assert listed == re.findall(r"^    ([a-z-]+)", parser().format_help(), re.MULTILINE)
    assert {"serve", "dashboard", "token", "verify", "export", "backup", "restore", "rerun", "demo"} <= set(listed)


def test_an_installed_service_serves_with_the_defaults_of_the_wheel(server: Environment, tmp_path: Path) -> None:
    with running(server, tmp_path, "serve", "--port", "0") as lines:
        ready = address(lines, "health")
        with urlopen(ready, timeout=HANG_SECONDS) as answer:  # noqa: S310  the address that it printed
            assert answer.status == 200
    assert (tmp_path / "var" / "journal").is_dir()
    run([str(server.command), "verify"], cwd=tmp_path)
    token = run([str(server.command), "token", "--sub", "sara"], cwd=tmp_path, environment=SETTINGS).stdout
    assert token.count(".") == 2


def test_the_service_alone_says_once_which_extra_its_dashboard_needs(server: Environment, tmp_path: Path) -> None:
    with running(server, tmp_path, "--port", "0") as lines:
        ready = address(lines, "health")
        said = next(line for line in lines if line.startswith("  dashboard"))
        with urlopen(ready, timeout=HANG_SECONDS) as answer:  # noqa: S310  it answers once it heeds signals
            assert answer.status == 200
    assert said == "  dashboard is not started: it needs dossier-realtime[dashboard]\n"
    asked = [str(server.command), "dashboard", "--token-file", "none"]
    done = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.endswith("is not installed: the dashboard needs dossier-realtime[dashboard]\n")


def test_an_installed_dashboard_is_started_beside_its_service(wheel: Path, tmp_path: Path) -> None:
    environment = install(wheel, tmp_path / "venv", "dashboard")
    with running(environment, tmp_path, "--port", "0") as lines:
        page = address(lines, "Dossier dashboard at")
        with urlopen(page, timeout=HANG_SECONDS) as answer:  # noqa: S310  the address that it printed
            assert answer.status == 200


def test_the_command_and_the_script_of_the_checkout_find_the_same_folder() -> None:
    import dossier_realtime_server

    assert dossier_realtime_server.home() == ROOT

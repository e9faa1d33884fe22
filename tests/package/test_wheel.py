"""The package that programs install: what its wheel holds, and that it works where nothing else is installed."""

from __future__ import annotations

import email
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import dossier_realtime
from tests.harness.service import ROOT
from tests.package.environments import REMOVED, Environment, install, run
from tests.recording.recorded_scenario import play

pytestmark = pytest.mark.long

PROGRAM = """
import asyncio
from dossier_realtime import DossierRealtimeClient, PresenceState, DeniedError


async def main(token: str) -> int:
    async with DossierRealtimeClient(token, "wss://realtime.example.org/v1") as client:
        seen: list[PresenceState] = []
        subscription = client.subscribe("dossier:country:SA", on_presence=seen.append)
        try:
            ack = await client.send("global", {"type": "notification", "payload": {}})
        except DeniedError as refused:
            return len(refused.error_code)
        subscription.unsubscribe()
        return ack.offset or 0


if __name__ == "__main__":
    asyncio.run(main("a token"))
"""


def test_the_wheel_holds_every_file_of_the_sdk_and_of_the_server_and_nothing_else(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    listed = ["git", "ls-files", "dossier_realtime", "dossier_realtime_server", "app", "dashboard", "demo", "config"]
    ours = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    placed = {name if name.startswith("dossier_realtime") else f"dossier_realtime_server/{name}" for name in ours}
    assert names == placed
    assert "dossier_realtime/py.typed" in names
    assert f"dossier_realtime/{REMOVED}" not in names


def test_the_wheel_says_who_made_it_under_which_licence_and_what_it_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        (metadata,) = (name for name in opened.namelist() if name.endswith(".dist-info/METADATA"))
        (licence,) = (name for name in opened.namelist() if name.endswith("/licenses/LICENSE"))
        said = email.message_from_bytes(opened.read(metadata))
        assert b"Apache License" in opened.read(licence)
    assert said["Name"] == "dossier-realtime"
    assert said["Version"] == dossier_realtime.__version__
    assert said["License-Expression"] == "Apache-2.0"
    assert said["Author"] == "Dossier Realtime contributors"
    required = said.get_all("Requires-Dist", [])
    always = {re.split(r"[^a-z-]", text)[0] for text in required if "extra ==" not in text}
    assert always == {"tornado", "msgspec"}
    assert set(said.get_all("Provides-Extra", [])) == {"server", "dashboard", "recordings", "notebooks"}


def test_the_sdk_alone_brings_two_packages(sdk: Environment) -> None:
    assert sdk.names() == {"dossier-realtime", "tornado", "msgspec"}
    code = "import dossier_realtime as d; [getattr(d, n) for n in d.__all__]; import dossier_realtime.client.testing"
    run([str(sdk.python), "-W", "error", "-c", code], cwd=sdk.folder)


def test_a_program_may_have_an_app_of_its_own(sdk: Environment) -> None:
    code = (
        "from importlib.util import find_spec as f; print([n for n in ('app', 'dashboard', 'demo', 'config') if f(n)])"
    )
    assert run([str(sdk.python), "-c", code], cwd=sdk.folder).stdout.strip() == "[]"


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_a_users_program_passes_mypy_strict(sdk: Environment, tmp_path: Path, version: str) -> None:
    """The type checker reads the installed wheel as each version of Python would, though only one runs here."""
    (tmp_path / "program.py").write_text(PROGRAM)
    mypy = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--config-file=", "--python-version", version]
    done = run([*mypy, "--python-executable", str(sdk.python), "program.py"], cwd=tmp_path)
    assert "Success" in done.stdout


def test_a_wrong_program_does_not_pass_mypy_strict(sdk: Environment, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM.replace("ack.offset or 0", "ack.place"))
    mypy = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--config-file="]
    command = [*mypy, "--python-executable", str(sdk.python), "program.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert 'has no attribute "place"' in done.stdout


def test_the_command_without_its_extra_says_what_to_install(sdk: Environment) -> None:
    done = subprocess.run([sdk.command, "token", "--sub", "sara"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "install dossier-realtime[server]" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_installed_wheel_plays_recordings(wheel: Path, tmp_path: Path) -> None:
    """With the extra for recordings alone: without the dashboard's packages, and without `app` on the path."""
    environment = install(wheel, tmp_path / "venv", "recordings")
    play(tmp_path / "var")
    code = (
        "from importlib.util import find_spec\n"
        "from dossier_realtime.archive import open_journal\n"
        "from dossier_realtime_server import Player, svg_charts\n"
        f"Player(open_journal({str(tmp_path / 'var' / 'journal')!r}), language='ar').save('day.html')\n"
        "assert svg_charts.__name__ == 'dashboard.playback.svg_charts'\n"
        "print([name for name in ('app', 'demo', 'config', 'panel') if find_spec(name)])\n"
    )
    assert run([str(environment.python), "-W", "error", "-c", code], cwd=tmp_path).stdout.strip() == "[]"
    assert "<html" in (tmp_path / "day.html").read_text()


def test_a_program_with_a_dashboard_of_its_own_is_told_why_there_is_no_player(sdk: Environment, tmp_path: Path) -> None:
    (tmp_path / "dashboard.py").write_text("MINE = True\n")
    code = "import dashboard, dossier_realtime_server as server\ntry: server.Player\nexcept ImportError as e: print(e)"
    said = run([str(sdk.python), "-c", code], cwd=tmp_path, environment={"PYTHONPATH": str(tmp_path)}).stdout
    assert "rename yours" in said

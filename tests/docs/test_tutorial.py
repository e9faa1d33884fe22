"""The tutorial works: every file that it saves, every change and every command, in its order, in a copy of the tree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.harness import service as harness
from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import ROOT, Service

pytestmark = pytest.mark.long

_BLOCK = re.compile(r"([^\n]*(?:\n[^\n]+)*)\n\n```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_SAVED = re.compile(r"[Ss]ave as\s+`([^`]+)`:$")
_CHANGED = re.compile(r"In\s+`([^`]+)`:$")


_DONE = "=== done ==="
TAIL = """
import json
from pathlib import Path

from dashboard.state.store import DashboardState
from dossier_realtime.protocol import codec

received = json.loads(Path("tests/contract/examples/server/visit_announced.json").read_text())
received["payload"]["updated_by"]["user_id"] = "ali"
state = DashboardState()
state.heard(received["channel"], codec.decode_event(json.dumps(received).encode()), 0.0)
print(state.tail[-1].kind, state.tail[-1].user)
"""
"""The dashboard's state, as its live tail shows it, after the event came."""


class Block(NamedTuple):
    """A block of the page, and the paragraph before it."""

    before: str
    language: str
    text: str


BLOCKS = [Block(*found.groups()) for found in _BLOCK.finditer((ROOT / "docs" / "tutorial.md").read_text("utf-8"))]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Copy the tree as it is checked out, without installed packages, into a repository with one commit."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    place = tmp_path / "checkout"
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, place / name)
    author = ["-c", "user.name=a reader", "-c", "user.email=reader@example.org"]
    for command in (["init", "-q"], ["add", "-A"], [*author, "commit", "-q", "-m", "The tree as it was"]):
        subprocess.run(["git", *command], cwd=place, check=True)
    return place


@pytest.fixture
def service(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """Start the service of the copy, in place of the page's `make run`."""
    monkeypatch.setattr(harness, "ROOT", copy)
    with Service(tmp_path / "data") as running:
        yield running


class Shell:
    """The reader's second shell: one process from the first command to the last, which ends where a command fails."""

    def __init__(self, copy: Path, service: Service) -> None:
        self._service = service
        self._bash = subprocess.Popen(
            ["bash", "-euo", "pipefail"],
            cwd=copy,
            env=os.environ | {"DOSSIER_AUTH__SECRET": tokens.SECRET, "DOSSIER_STORAGE__DATA": str(service.data)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, text: str) -> str:
        """Run a block; return what it prints. Each of its commands must succeed."""
        text = self.local(text).replace(".venv/bin/python", sys.executable)
        text = text.replace("make generate", f"{sys.executable} -m tools.generate; {sys.executable} -m tools.diagrams")
        text = text.replace("make format", f"{sys.executable} -m ruff format -q .")
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.write(f"{text}\necho; echo {_DONE}\n")
        self._bash.stdin.flush()
        printed: list[str] = []
        for line in self._bash.stdout:
            if line.strip() == _DONE:
                return "".join(printed)
            printed.append(line)
        raise AssertionError(f"{text}\n{''.join(printed)}")

    def local(self, text: str) -> str:
        """Return the text with the address of this service."""
        return text.replace("localhost:8000", f"127.0.0.1:{self._service.port}")

    def close(self) -> None:
        """End the shell; its last command is over."""
        self._bash.communicate(timeout=HANG_SECONDS)


@pytest.fixture
def shell(copy: Path, service: Service) -> Iterator[Shell]:
    opened = Shell(copy, service)
    yield opened
    opened.close()


def change(file: Path, lines: str) -> None:
    """Replace the lines that a block shows as they were by those that it shows as they are to be."""
    old = "".join(f"{line[1:]}\n" for line in lines.splitlines() if line[:1] != "+")
    new = "".join(f"{line[1:]}\n" for line in lines.splitlines() if line[:1] != "-")
    text = file.read_text("utf-8")
    assert text.count(old) == 1, f"{file.name} has another form now: adapt the tutorial\n{old}"
    file.write_text(text.replace(old, new), "utf-8")


def test_every_step_works_in_its_order(copy: Path, service: Service, shell: Shell) -> None:
    printed = ""
    for block in BLOCKS:
        saved, changed = _SAVED.search(block.before), _CHANGED.search(block.before)
        if "Stop `make run`" in block.before:
            service.restart()
        if saved:
            file = copy / saved[1]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(shell.local(block.text), "utf-8")
        elif block.language == "diff":
            assert changed, block
            change(copy / changed[1], block.text)
        elif block.language == "text":
            assert block.text.strip() in printed, printed
        elif block.language == "bash" and not block.text.startswith("git checkout"):
            printed = shell.run(block.text)
    style = [sys.executable, "-m", "ruff"]
    for command in ([*style, "check", "-q", "."], [*style, "format", "--check", "-q", "."]):
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=HANG_SECONDS, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    tail = subprocess.run(
        [sys.executable, "-c", TAIL], cwd=copy, capture_output=True, text=True, timeout=HANG_SECONDS, check=False
    )
    assert tail.stdout.split() == ["visit_announced", "ali"], tail.stderr
    shell.run(next(block.text for block in BLOCKS if block.text.startswith("git checkout")))
    left = subprocess.run(["git", "status", "--porcelain"], cwd=copy, capture_output=True, text=True, check=True)
    assert left.stdout == ""


def test_every_block_is_run_or_said_not_to_be() -> None:
    assert {block.language for block in BLOCKS} == {"sh", "bash", "py", "text", "diff", "json"}
    assert [block.text for block in BLOCKS if block.language == "sh"] == ["make run\n"]
    assert [b for b in BLOCKS if b.language in ("py", "json") and not _SAVED.search(b.before)] == []

"""The commands of the pages work: every shell block and every Python example, against a running service."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import ROOT, Service
from tests.harness.wire import Client

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
IN_ORDER = {"tutorial", "testing"}  # pages whose blocks are run by tests of their own
_BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_NOT_HERE = re.compile(
    r"^\s*(make |\.venv/bin/python (run\.py (serve|demo|dashboard)|-m benchmarks\.documents\.beside)\b).*$",
    re.MULTILINE,
)
"""Run by other tests, and by CI itself; the servers that documents are measured beside come from another registry."""
_ELSEWHERE = re.compile(r"(?<=\s)/(?=(backups|var/lib)/)")
"""Folders of the pages' machine that a block writes to: a test has its own in their place."""


def blocks() -> Iterator[tuple[str, str, str]]:
    for page in (page for page in PAGES if page.stem not in IN_ORDER):
        for number, (language, text) in enumerate(_BLOCK.findall(page.read_text()), 1):
            yield f"{page.stem}-{number}", language, text


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("docs") / "data") as running:
        asyncio.run(_work(running))
        yield running


async def _work(service: Service) -> None:
    """Sara writes a sentence, so that the examples which ask for her find her."""
    sara = await Client.connect(service, service.token("sara", "write:document:*", name="Sara"))
    await sara.subscribe("document:strategy")
    edit = {"operation_type": "insert", "position": 0, "version": 0, "content": "Ports"}
    await sara.ask({"type": "edit_operation", "channel": "document:strategy", "payload": edit})
    await sara.close()


def run(command: list[str], service: Service, cwd: Path = ROOT) -> str:
    environment = os.environ | {
        "DOSSIER_AUTH__SECRET": tokens.SECRET,
        "DOSSIER_STORAGE__DATA": str(service.data),
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=HANG_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "error_code" not in done.stdout, done.stdout
    return done.stdout


@pytest.mark.parametrize(("language", "text"), [b[1:] for b in blocks()], ids=[b[0] for b in blocks()])
def test_a_snippet_of_the_pages_works(language: str, text: str, service: Service, tmp_path: Path) -> None:
    text = text.replace("localhost:8000", f"127.0.0.1:{service.port}")
    if language == "bash":
        for folder in ("backups", "var/lib"):
            (tmp_path / folder).mkdir(parents=True)
        script = _ELSEWHERE.sub(f"{tmp_path}/", _NOT_HERE.sub("", text)).replace(".venv/bin/python", sys.executable)
        run(["bash", "-euo", "pipefail", "-c", script], service)
    else:
        token = service.token("ali", "write:dossier:*", "write:document:*")
        shown = run([sys.executable, "-c", f"{text}\nasyncio.run(main({token!r}))"], service)
        promised = re.findall(r"^# prints: (.*)$", text, re.MULTILINE)
        assert promised
        assert [line for line in promised if line not in shown] == [], shown


def test_every_link_of_the_pages_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"

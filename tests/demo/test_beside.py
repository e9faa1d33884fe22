"""`run.py --demo`: the office at work beside the service, until the service ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from tests.harness.eventually import HANG_SECONDS, eventually
from tests.harness.service import ROOT


def test_one_command_starts_an_office_at_work_and_ends_it(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DOSSIER_")} | {
        "DOSSIER_SERVER__PORT": "0",
        "DOSSIER_SERVER__DRAIN_SECONDS": "0.2",
        "DOSSIER_DASHBOARD__PORT": "0",
        "DOSSIER_STORAGE__DATA": str(tmp_path / "data"),
    }
    log = tmp_path / "log"
    with (tmp_path / "output").open("wb") as output, log.open("wb") as written:
        service = subprocess.Popen(
            [sys.executable, "run.py", "--demo"], cwd=ROOT, env=environment, stdout=output, stderr=written
        )
    children: list[psutil.Process] = []
    try:
        eventually(lambda: "demo, " in log.read_text(), log.read_text)  # a line of what it does
        children = psutil.Process(service.pid).children(recursive=True)
        assert len(children) >= 2
        service.send_signal(signal.SIGTERM)
        assert service.wait(HANG_SECONDS) == 0
        eventually(lambda: not any(child.is_running() for child in children))
    finally:
        service.kill()
        service.wait()
        for child in children:
            if child.is_running():
                child.kill()

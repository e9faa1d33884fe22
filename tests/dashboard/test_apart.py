"""The dashboard is apart: nothing that becomes of it touches the service (P22), and it outlives the service (B13)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import psutil
from playwright.sync_api import Browser, expect

from tests.dashboard.background_clients import BackgroundClients
from tests.dashboard.browser_pages import logged_in, show
from tests.dashboard.dashboard_process import Dashboard
from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS, eventually
from tests.harness.service import ROOT, Service

UPDATE = {
    "type": "dossier_update",
    "channel": "dossier:country:SA",
    "payload": {"entity_type": "country", "entity_id": "SA", "operation": "update", "fields_changed": []},
}


def test_a_dashboard_that_stands_still_or_dies_holds_nobody_up(tmp_path: Path) -> None:
    with (
        Service(tmp_path / "data") as service,
        Dashboard(service, tmp_path) as watching,
        BackgroundClients(service) as people,
    ):
        people.connect("nora", "Nora", "dossier:country:SA")
        for blow in (signal.SIGSTOP, signal.SIGKILL):
            watching.process.send_signal(blow)
            for _ in range(20):
                people.publish(*[UPDATE] * 50)
            assert service.get("/readyz")[0] == 200
        watching.process.wait(HANG_SECONDS)
        people.publish(UPDATE)
        assert service.metrics()["dossier_events_published_total"] == 2 * 20 * 50 + 1
        service.assert_log_clean()


def test_the_dashboard_takes_what_the_service_leaves(service: Service, tmp_path: Path) -> None:
    niceness = psutil.Process(service.pid).nice()
    with Dashboard(service, tmp_path, gives_way=True) as dashboard:
        assert psutil.Process(dashboard.process.pid).nice() == min(19, niceness + 10)


def test_while_the_service_is_away_the_page_says_since_when(browser: Browser, tmp_path: Path) -> None:
    with (
        Service(tmp_path / "data") as service,
        Dashboard(service, tmp_path) as watching,
        logged_in(browser, watching) as page,
    ):
        show(page, watching, "overview")
        banner = page.locator(".banner")
        expect(banner).to_contain_text("All nodes are ready")
        service.stop()
        expect(banner).to_contain_text("figures are stale")
        service.start()
        expect(banner).to_contain_text("All nodes are ready")


def test_one_command_starts_both_and_ends_both(tmp_path: Path) -> None:
    environment = os.environ | {
        "DOSSIER_AUTH__SECRET": tokens.SECRET,
        "DOSSIER_SERVER__PORT": "0",
        "DOSSIER_SERVER__DRAIN_SECONDS": "0.2",
        "DOSSIER_DASHBOARD__PORT": "0",
        "DOSSIER_STORAGE__DATA": str(tmp_path / "data"),
    }
    output = tmp_path / "output"
    with output.open("wb") as told, (tmp_path / "log").open("wb") as log:
        both = subprocess.Popen([sys.executable, "run.py"], cwd=ROOT, env=environment, stdout=told, stderr=log)
    try:
        for times in (1, 2):  # the second time after its death
            eventually(
                partial(_said_so_often, output, "Dossier dashboard at http://localhost:", times),
                (tmp_path / "log").read_text,
            )
            if times == 1:
                psutil.Process(both.pid).children()[0].kill()
        (child,) = psutil.Process(both.pid).children()
        assert "serves ws://localhost:" in output.read_text()
        assert "a token for the user operator" in output.read_text()
        both.send_signal(signal.SIGTERM)
        assert both.wait(HANG_SECONDS) == 0
        assert not child.is_running()
    finally:
        both.kill()
        both.wait()


def _said_so_often(output: Path, text: str, times: int) -> bool:
    return output.read_text().count(text) >= times

"""The link that the start of both prints: it logs the operator in with one click, once."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.harness.eventually import HANG_SECONDS, eventually
from tests.harness.ports import reserve
from tests.harness.service import ROOT


def test_the_printed_link_logs_the_operator_in_once(browser: Browser, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DOSSIER_")} | {
        "DOSSIER_SERVER__PORT": "0",
        "DOSSIER_SERVER__DRAIN_SECONDS": "0.2",
        "DOSSIER_DASHBOARD__PORT": str(reserve()),
        "DOSSIER_STORAGE__DATA": str(tmp_path / "data"),
    }
    output, log = tmp_path / "output", tmp_path / "log"
    with output.open("wb") as told, log.open("wb") as written:
        both = subprocess.Popen([sys.executable, "run.py"], cwd=ROOT, env=environment, stdout=told, stderr=written)
    try:
        eventually(lambda: "Dossier dashboard at" in output.read_text(), log.read_text)
        found = re.search(r"operator +(http://\S+/login#\S+)", output.read_text())
        assert found is not None, output.read_text()
        link, errors = found[1], list[str]()
        with browser.new_context() as first:
            first.set_default_timeout(1000 * HANG_SECONDS)
            page = first.new_page()
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.goto(link)
            page.get_by_role("button", name="Log in").first.click()
            expect(page).to_have_url(re.compile("/overview"))
        with browser.new_context(locale="ar-SA") as second:
            second.set_default_timeout(1000 * HANG_SECONDS)
            page = second.new_page()
            page.goto(link)
            assert "#" not in page.url  # neither in the history nor where somebody may copy it from
            expect(page.locator("#by-link")).to_contain_text("وصلت برابط")
            page.locator("#by-link button").click()
            expect(page.get_by_role("alert")).to_be_visible()
            page.goto(link.split("#")[0])
            expect(page.locator("#by-link")).to_be_hidden()
        assert not errors
    finally:
        both.terminate()
        both.wait(HANG_SECONDS)

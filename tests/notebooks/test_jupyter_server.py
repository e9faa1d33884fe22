"""The player plays in JupyterLab, in a saved notebook without a kernel, and in a page that was made of one."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.harness.service import ROOT
from tests.notebooks.conftest import NOTEBOOKS
from tests.notebooks.jupyter_server import TOKEN, JupyterServer
from tests.notebooks.player_page import framed, plays, tab

NAME = "01_replay_a_session.ipynb"


def test_it_plays_in_jupyterlab(browser: Browser, jupyter: dict[str, str], tmp_path: Path) -> None:
    shutil.copy(NOTEBOOKS / NAME, tmp_path)
    with JupyterServer(tmp_path, jupyter, tmp_path / "lab.log") as server, tab(browser, errors=False) as page:
        page.goto(server.page(NAME))
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.locator("[data-command='runmenu:run-all']").click()
        page.locator("svg[aria-label*='sent and received']").wait_for()
        plays(framed(page))
        expect(page.get_by_text("Jupyter news")).to_have_count(0)
        (connection,) = Path(jupyter["JUPYTER_RUNTIME_DIR"]).glob("kernel-*.json")
        assert "curve_secretkey" in json.loads(connection.read_text())


def test_it_plays_without_a_kernel_once_the_notebook_is_trusted(
    browser: Browser, executed: Path, jupyter: dict[str, str], tmp_path: Path
) -> None:
    shutil.copy(executed / NAME, tmp_path)
    with JupyterServer(tmp_path, jupyter, tmp_path / "lab.log", kernels=False) as server:
        with tab(browser, errors=False) as page:
            page.goto(server.page(NAME))
            page.get_by_role("heading", name="Play it").wait_for()
            expect(page.locator("iframe[title='Recording']")).to_have_count(0)
        subprocess.run([sys.executable, "-m", "jupyter", "trust", str(tmp_path / NAME)], env=jupyter, check=True)
        with tab(browser, errors=False) as page:
            page.goto(server.page(NAME))
            page.get_by_role("heading", name="Play it").wait_for()
            page.get_by_role("dialog").get_by_role("button", name="No Kernel").click()
            plays(framed(page))
            answer = page.request.get(f"{server.url}/api/kernels", headers={"Authorization": f"token {TOKEN}"})
            assert answer.json() == []


@pytest.mark.parametrize("name", [NAME, "04_alerts_and_limits.ipynb"])
def test_it_plays_in_a_page_made_of_a_notebook_offline(
    name: str, browser: Browser, executed: Path, jupyter: dict[str, str], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "jupyter", "nbconvert", "--to", "html"]
    command += ["--output-dir", str(tmp_path), str(executed / name)]
    subprocess.run(command, cwd=ROOT, env=jupyter, check=True, capture_output=True)
    with tab(browser) as page:
        page.context.set_offline(True)
        page.goto((tmp_path / name).with_suffix(".html").as_uri())
        plays(framed(page))

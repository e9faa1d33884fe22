"""The dashboard's own pages in JupyterLab, live over a running service, and over a recording."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.dashboard.background_clients import BackgroundClients
from tests.harness import tokens
from tests.harness.eventually import eventually
from tests.harness.service import Service
from tests.notebooks.jupyter_server import JupyterServer
from tests.notebooks.player_page import framed, tab


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A running service, started before the browser."""
    with Service(tmp_path_factory.mktemp("live") / "data") as running:
        yield running


_STREAMED = """() => {
    const models = [...(window.Bokeh?.documents ?? [])].flatMap((document) => [...document._all_models.values()])
    return models.some(({ type, data }) => type === "ColumnDataSource" && (data?.at ?? data?.get?.("at"))?.length)
}"""
"""Whether the figure was told of a second."""


def notebook(folder: Path, name: str, *cells: str) -> None:
    """A notebook of these cells."""
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    nbformat.write(made, folder / name)


def _saved_anew(file: Path, before: str) -> str:
    """The file's text once it is another, and whole: it is written in pieces."""
    text = file.read_text()
    return text if text != before and text.rstrip().endswith("}") else ""


def run_all(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.locator("[data-command='runmenu:run-all']").click()


def test_a_page_is_live_in_jupyterlab(
    service: Service, browser: Browser, jupyter: dict[str, str], tmp_path: Path
) -> None:
    live = "from dashboard import Dashboard\nimport os\ndashboard = Dashboard(os.environ['URL'], os.environ['TOKEN'])"
    notebook(tmp_path, "live.ipynb", live, "dashboard.overview()", "dashboard.page('presence')")
    token = tokens.operator()
    environment = jupyter | {"URL": service.http, "TOKEN": token}
    with (
        BackgroundClients(service) as people,
        JupyterServer(tmp_path, environment, tmp_path / "lab.log") as server,
        tab(browser, errors=False) as page,
    ):
        run_all(page, server.page("live.ipynb"))
        banner = page.get_by_text("All nodes are ready")
        expect(banner).to_be_visible()
        people.connect("nora.alqahtani", "نورة القحطاني", "dossier:country:SA")
        expect(page.get_by_text("نورة القحطاني").first).to_be_visible()
        page.wait_for_function(_STREAMED)
        saved = (tmp_path / "live.ipynb").read_text()
        page.keyboard.press("Control+s")
        kept = eventually(lambda: _saved_anew(tmp_path / "live.ipynb", saved))
        assert "bokeh" in kept
        assert not [part for part in token.split(".")[1:] if part in kept]


def test_the_same_page_is_shown_over_a_recording(browser: Browser, jupyter: dict[str, str], tmp_path: Path) -> None:
    opened = "import os\nfrom dashboard import Dashboard\nfrom dossier_realtime.archive import open_journal"
    shown = "Dashboard(recording=open_journal(os.environ['DOSSIER_JOURNAL'])).overview()"
    notebook(tmp_path, "past.ipynb", opened, shown)
    with JupyterServer(tmp_path, jupyter, tmp_path / "lab.log") as server, tab(browser, errors=False) as page:
        run_all(page, server.page("past.ipynb"))
        player = framed(page)
        player.get_by_role("slider").press("End")
        expect(player.get_by_text("Events published", exact=True)).to_be_visible()

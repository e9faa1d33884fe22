"""A recording of an office at work, the notebooks executed on it, and a Chromium to open them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from playwright.sync_api import Browser

from dossier_realtime.archive import open_journal
from dossier_realtime.recording.recording import Recording
from tests.dashboard.chromium import chromium
from tests.demo.demo_run import record_demo
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import ROOT, Service

NOTEBOOKS = ROOT / "notebooks"
DAY_SECONDS = 20


@pytest.fixture(scope="session")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the journal of a service that a run of the demo has worked on."""
    with Service(tmp_path_factory.mktemp("day") / "data") as service:
        record_demo(service, DAY_SECONDS)
    return service.data / "journal"


@pytest.fixture(scope="session")
def recording(journal: Path) -> Recording:
    """Return the recording of that journal."""
    return open_journal(journal)


@pytest.fixture(scope="session")
def jupyter(journal: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of Jupyter's programs, with folders of these tests alone."""
    home = tmp_path_factory.mktemp("jupyter")
    places = {name: str(home / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}
    places |= {name: str(home / name.lower()) for name in ("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")}
    places |= {"JUPYTER_RUNTIME_DIR": str(home / "r"), "JUPYTER_PLATFORM_DIRS": "1"}
    places |= {"JUPYTER_CONFIG_PATH": str(NOTEBOOKS / "jupyter")}
    return os.environ | places | {"PYTHONPATH": str(ROOT), "DOSSIER_JOURNAL": str(journal)}


@pytest.fixture(scope="session")
def executed(jupyter: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Execute every notebook and return the folder of the results. Fails on the first error."""
    folder = tmp_path_factory.mktemp("executed")

    def execute() -> None:  # in a thread of its own: this one may have an event loop, of a browser
        for path in sorted(NOTEBOOKS.glob("*.ipynb")):
            notebook = nbformat.read(path, as_version=4)
            client = NotebookClient(
                notebook,
                timeout=int(HANG_SECONDS),
                kernel_name="python3",
                resources={"metadata": {"path": str(NOTEBOOKS)}},
            )
            asyncio.run(client.async_execute(env=jupyter | {"PYTHONWARNINGS": "default"}))
            nbformat.write(notebook, folder / path.name)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(execute).result()
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return the Chromium of the system, for one file at a time: while it runs, this thread has an event loop."""
    with chromium() as running:
        yield running

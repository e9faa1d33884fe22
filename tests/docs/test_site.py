"""The documentation's site: built from the pages and docstrings as `make docs` builds it, and whole by itself."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import sync_playwright

from tests.dashboard.chromium import CHROMIUM, FLAGS
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import ROOT
from tests.package.test_public_names import listed

MKDOCS = ROOT / ".venv-docs" / "bin" / "mkdocs"
REFERENCE = ("dossier_realtime.client", "dossier_realtime.archive", "dossier_realtime.client.testing")


def build(config: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build the site without a network: what it needs is installed, and a proxy that nobody serves leads nowhere."""
    assert MKDOCS.exists(), "run `make docs-site` once: it installs what builds the site"
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    return subprocess.run(
        # Never with --quiet: MkDocs counts the warnings that it prints, and prints none then.
        [MKDOCS, "build", "--strict", "--config-file", config, "--site-dir", site],
        cwd=config.parent,
        env=os.environ | nowhere | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(ROOT / "mkdocs.yml", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on a port of the loopback; give its address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name that is overridden
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()


def test_every_page_of_the_repository_is_on_the_site(site: Path) -> None:
    pages = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    assert {page for page in pages if not (site / page).exists()} == set()
    listing = (site / "decisions" / "index.html").read_text()
    for decision in (ROOT / "docs" / "decisions").glob("0*.md"):
        assert f'href="{decision.stem}.html"' in listing


@pytest.mark.parametrize("module", REFERENCE)
def test_the_reference_has_every_public_name(site: Path, module: str) -> None:
    page = (site / "sdk-reference.html").read_text()
    shown = set(re.findall(r'id="([\w.]+)"', page))
    assert [name for name in listed()[module] if f"{module}.{name}" not in shown] == []


def test_a_page_is_whole_without_another_host(site: Path) -> None:
    asked: list[str] = []
    faults: list[str] = []
    with served(site) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            page = browser.new_page()
            page.set_default_timeout(1000 * HANG_SECONDS)
            page.on("request", lambda request: asked.append(request.url))
            # The next page ends what the one before still loads (its icon): that is no fault of the site.
            page.on("requestfailed", lambda one: None if one.failure == "net::ERR_ABORTED" else faults.append(one.url))
            page.on("pageerror", lambda error: faults.append(str(error)))
            for name in ("index", "sdk-reference", "protocol"):
                page.goto(f"{address}/{name}.html")
                page.wait_for_selector("h1")
            page.goto(f"{address}/index.html?q=recovery")
            page.wait_for_selector(".md-search-result__item", state="attached")
        finally:
            browser.close()
    assert asked
    assert [url for url in asked if not url.startswith((f"{address}/", "data:", "blob:"))] == []
    assert faults == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[there](nowhere.md)", "nowhere.md"),
        ("[there](index.md#nowhere)", "#nowhere"),
        ("::: dossier_realtime.client.Nothing", "Nothing"),
    ],
)
def test_a_link_or_a_name_that_leads_nowhere_ends_the_build(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text(f"# A page\n\n{text}\n")
    whole = (ROOT / "mkdocs.yml").read_text()
    start, end = whole.index("\nnot_in_nav:"), len(whole)
    config = whole[:start].replace("hooks: [tools/site_pages.py]", "").replace("paths: [.]", f"paths: [{ROOT}]")
    assert len(config) < end
    (tmp_path / "mkdocs.yml").write_text(config)
    done = build(tmp_path / "mkdocs.yml", tmp_path / "site")
    assert done.returncode != 0
    assert said in done.stdout + done.stderr

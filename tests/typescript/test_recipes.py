"""The recipes of docs/typescript-recipes.md: each is compiled, and those of Node and plain HTML are run."""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.dashboard.chromium import chromium
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import ROOT, Service
from tests.typescript.conftest import PACKAGE, run, tool

pytestmark = pytest.mark.long

TEXT = (ROOT / "docs" / "typescript-recipes.md").read_text()
BLOCKS = re.findall(r"^```(tsx?|html)\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
ADDRESS = "ws://localhost:8000/v1"


def recipes(*languages: str) -> list[str]:
    return [text for language, text in BLOCKS if language in languages]


def test_every_recipe_compiles(tmp_path: Path) -> None:
    for number, (language, text) in enumerate(BLOCKS):
        if language != "html":
            (tmp_path / f"recipe{number}.{language}").write_text(text)
    (tmp_path / "node_modules").symlink_to(PACKAGE / "node_modules")
    source = str(PACKAGE / "src")
    options = {
        "target": "ES2022", "module": "ESNext", "moduleResolution": "bundler", "strict": True, "noEmit": True,
        "skipLibCheck": True, "jsx": "react-jsx", "types": ["node"], "lib": ["ES2023", "DOM", "DOM.AsyncIterable"],
        "noUnusedLocals": True, "exactOptionalPropertyTypes": True,
        "paths": {"@dossier/realtime": [f"{source}/index.ts"], "@dossier/realtime/*": [f"{source}/*/index.ts"]},
    }  # fmt: skip
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "include": ["recipe*"]}))
    assert len(list(tmp_path.glob("recipe*"))) >= 5
    tool("tsc", "-p", str(tmp_path / "tsconfig.json"))


@pytest.mark.parametrize(("title", "said"), [("The first message", ["stored"]), ("Node", ["true live"])])
def test_a_recipe_for_node_runs(tmp_path: Path, title: str, said: list[str]) -> None:
    section = TEXT.split(f"\n## {title}\n")[1].split("\n## ")[0]
    (text,) = re.findall(r"^```ts\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
    with Service(tmp_path / "data") as service:
        (tmp_path / "recipe.ts").write_text(text.replace(ADDRESS, service.url))
        (tmp_path / "node_modules").symlink_to(PACKAGE / "node_modules")
        source = str(PACKAGE / "src")
        entries = [f"--alias:@dossier/realtime/documents={source}/documents/index.ts"]
        program = tmp_path / "recipe.mjs"
        tool(
            "esbuild", str(tmp_path / "recipe.ts"), "--bundle", "--platform=node", "--format=esm", "--packages=bundle",
            *entries, f"--alias:@dossier/realtime={source}/index.ts", "--external:ws", f"--outfile={program}",
        )  # fmt: skip
        token = service.token("ali", "write:dossier:*", "write:document:*")
        printed = run("node", str(program), environment={**os.environ, "TOKEN": token}).splitlines()
        assert [line for line in printed if line in said] == said
        service.assert_log_clean()


class _Page(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""


def test_the_recipe_for_plain_html_runs(tmp_path: Path, tarball: Path) -> None:
    served = tmp_path / "site"
    shutil.copytree(tarball.parent / "dist" / "esm", served / "sdk")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Page, directory=str(served))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            origin = f"http://127.0.0.1:{server.server_port}"
            with Service(tmp_path / "data", {"server.allowed_origins": [origin]}) as service, chromium() as browser:
                (html,) = recipes("html")
                (served / "index.html").write_text(html.replace(ADDRESS, service.url))
                (served / "token").write_text(service.token("ali", "write:document:*"))
                page = browser.new_page()
                page.set_default_timeout(1000 * HANG_SECONDS)
                page.goto(origin)
                page.wait_for_selector("#paper:not([readonly])")
                page.locator("#paper").press_sequentially("مرحبا")
                page.wait_for_function("document.querySelector('#state').textContent === 'live'")
                reader = service.token("reader", "read:document:*")
                while json.loads(service.get("/v1/documents/strategy", reader)[1])["content"] != "مرحبا":
                    page.wait_for_timeout(20)
                service.assert_log_clean()
        finally:
            server.shutdown()
            thread.join()


def test_every_class_of_error_is_in_a_table() -> None:
    homes = [PACKAGE / "src" / "errors.ts", *(PACKAGE / "src" / "documents").glob("*.ts")]
    source = "".join(home.read_text() for home in homes)
    told = re.findall(r"^\| `(\w+)`", TEXT + (ROOT / "docs" / "typescript.md").read_text(), re.MULTILINE)
    assert set(re.findall(r"class (\w+) extends RealtimeError", source)) <= set(told)


def test_the_table_of_close_codes_says_what_the_client_does() -> None:
    protocol = (PACKAGE / "src" / "protocol.ts").read_text()
    codes = re.search(r"export const CloseCode = \{(.*?)\} as const", protocol, re.DOTALL)
    final = re.search(r"const FINAL = \[(.*?)\]", (PACKAGE / "src" / "client" / "backoff.ts").read_text())
    assert codes
    assert final
    rows = re.findall(r"^\| ([\d, ]+)(?: at once.*?)? \| (.*?) \|", TEXT.split("| close code |")[1], re.MULTILINE)
    ends = {code: does.startswith("ends") for named, does in rows for code in named.split(", ")}
    for code in re.findall(r": (\d{4}),", codes[1]):
        assert ends[code] == (code in final[1].split(", ") or code >= "4500"), code

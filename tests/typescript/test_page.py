"""The examples of the page for TypeScript compile, and those that are whole programs run against a service."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from tests.harness.service import ROOT, Service
from tests.typescript.conftest import PACKAGE, run, tool

EXAMPLES = re.findall(
    r"^```ts\n(.*?)^```", (ROOT / "docs" / "typescript.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
)
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def project(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with the packed package, and with the packages that the page names."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "package.json").write_text('{"name": "page", "private": true, "type": "module"}')
    run("npm", "install", "--offline", "--no-audit", "--no-fund", str(tarball), cwd=folder)
    for name in ("ws", "@types"):
        (folder / "node_modules" / name).symlink_to(PACKAGE / "node_modules" / name)
    return folder


def test_the_examples_compile(project: Path) -> None:
    assert len(EXAMPLES) >= 4
    for number, example in enumerate(EXAMPLES):
        (project / f"example{number}.ts").write_text(example)
    options = {
        "strict": True,
        "target": "es2022",
        "module": "nodenext",
        "types": ["node"],
        "skipLibCheck": True,
        "rootDir": ".",
        "outDir": "built",
    }
    (project / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "include": ["*.ts"]}))
    tool("tsc", "-p", str(project))


def test_the_first_example_sends_its_message(project: Path, tmp_path: Path) -> None:
    test_the_examples_compile(project)
    with Service(tmp_path / "data") as service:
        token = service.token("ali", "write:dossier:*", name="Ali")
        printed = run("node", "built/example0.js", service.url, token, cwd=project)
        assert "here now: [ 'Ali' ]" in printed
        published = service.get("/v1/channels/dossier:country:SA/history", service.token("op", "admin:*"))
        assert b"dossier_update" in published[1]
        service.assert_log_clean()


def test_the_example_of_versions_reads_signs_and_saves_them(project: Path, tmp_path: Path) -> None:
    test_the_examples_compile(project)
    (number,) = (at for at, example in enumerate(EXAMPLES) if "documentVersions" in example)
    with Service(tmp_path / "data") as service:
        token = service.token("ali", "write:document:*", name="Ali")
        printed = run("node", f"built/example{number}.js", service.url, token, cwd=project)
        assert "Ali" in printed
        assert "insert Draft: " in printed
        assert "equal The ministry pays. " in printed
        assert "as agreed with the ministry" in printed
        assert "404 0" in printed
        assert (project / "brief-42.docx").read_bytes().startswith(b"PK")
        file, key = str(project / "brief-42.json"), str(service.data / "journal-key.pub")
        verified = run(sys.executable, "run.py", "verify", "--snapshot", file, "--key", key, cwd=ROOT)
        assert "intact" in verified
        service.assert_log_clean()

"""The reference of the package: whole, and made anew from the comments of its types."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.typescript.conftest import PACKAGE, run, tool

pytestmark = pytest.mark.long

PARTS = ("src", "scripts", "package.json", "tsconfig.json")


@pytest.fixture(scope="module")
def reference() -> str:
    return run("node", "scripts/reference.mjs")


def _entries() -> dict[str, str]:
    exports = json.loads((PACKAGE / "package.json").read_text())["exports"]
    return {key: f"src/{key[2:]}/index.ts" if key != "." else "src/index.ts" for key in exports if "." not in key[1:]}


@pytest.mark.parametrize("entry", _entries())
def test_every_name_of_an_entry_is_in_its_chapter(reference: str, tmp_path: Path, entry: str) -> None:
    source = _entries()[entry]
    meta = tmp_path / "meta.json"
    tool(
        "esbuild", source, "--bundle", "--format=esm", "--external:react", "--external:react/*",
        "--external:@codemirror/*", f"--outfile={tmp_path / 'out.js'}", f"--metafile={meta}",
    )  # fmt: skip
    (made,) = json.loads(meta.read_text())["outputs"].values()
    assert made["exports"]
    chapter = reference.partition(f"## `@dossier/realtime{entry[1:]}`\n")[2].partition("\n## ")[0]
    assert [name for name in made["exports"] if f"`{name}`" not in chapter] == []


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("export function bare(): void {}\n", "bare has no comment"),
        (
            "interface Hidden { a: 1 }\n/** Leak. */\nexport function leak(): Hidden {\n  return { a: 1 };\n}\n",
            "Hidden",
        ),
        ("/** A box. */\nexport class Box {\n  open(): void {}\n}\n", "Box.open has no comment"),
        ("/** Old. @deprecated */\nexport function old(): void {}\n", "@deprecated"),
    ],
    ids=["no comment", "hidden type", "no comment of a member", "tag"],
)
def test_what_a_reader_would_miss_is_an_error(tmp_path: Path, added: str, said: str) -> None:
    for part in PARTS:
        copy = shutil.copytree if (PACKAGE / part).is_dir() else shutil.copy
        copy(PACKAGE / part, tmp_path / part)
    (tmp_path / "node_modules").symlink_to(PACKAGE / "node_modules")
    with (tmp_path / "src" / "index.ts").open("a") as source:
        source.write(added)
    made = subprocess.run(["node", "scripts/reference.mjs"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert made.returncode == 1
    assert said in made.stderr

"""The public names of the SDK: `public_names.txt` lists them, and to add or remove one is to change that file."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import dossier_realtime
from tests.harness.service import ROOT

LIST = Path(__file__).with_name("public_names.txt")


def listed() -> dict[str, list[str]]:
    """Return the names of each public module, as the file lists them."""
    found: dict[str, list[str]] = {}
    module = ""
    for line in LIST.read_text().splitlines():
        if line.startswith("[") and line.endswith("]"):
            module = line[1:-1]
            found[module] = []
        elif line and not line.startswith("#"):
            found[module].append(line)
    return found


def names_of(module: str) -> list[str]:
    """Return the public names of a module: its `__all__`, else what it defines without an underscore."""
    loaded = import_module(module)
    if hasattr(loaded, "__all__"):
        return sorted(loaded.__all__)
    assert loaded.__file__ is not None
    found: set[str] = set()
    for node in ast.parse(Path(loaded.__file__).read_text()).body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found.add(name)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
            case _:
                pass
    return sorted(name for name in found if not name.startswith("_"))


@pytest.mark.parametrize("module", listed())
def test_a_module_exports_the_listed_names_and_no_other(module: str) -> None:
    assert names_of(module) == listed()[module], f"change {LIST.name} if this is meant, and say so in the change log"


@pytest.mark.parametrize("name", dossier_realtime.__all__)
def test_a_name_of_the_root_is_that_of_the_package_that_holds_it(name: str) -> None:
    value = getattr(dossier_realtime, name)
    if name != "__version__":
        holders = [import_module("dossier_realtime.client"), import_module("dossier_realtime.archive")]
        assert value in [getattr(holder, name, None) for holder in holders]


def test_the_root_has_every_name_of_the_client_and_lists_them() -> None:
    assert (
        set(import_module("dossier_realtime.client").__all__)
        < set(dossier_realtime.__all__)
        <= set(dir(dossier_realtime))
    )
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = dossier_realtime.Nothing


def test_the_root_imports_nothing_before_it_is_asked_for() -> None:
    heavy = ("tornado", "pandas", "dossier_realtime.")
    code = f"import sys, dossier_realtime; print([name for name in sys.modules if name.startswith({heavy})])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_the_package_says_which_modules_are_public() -> None:
    said = set(re.findall(r"`([a-z_.]+)`", dossier_realtime.__doc__ or ""))
    assert {f"dossier_realtime.{name}" for name in said} == set(listed()) - {
        "dossier_realtime",
        "dossier_realtime_server",
    }


def examples() -> Iterator[tuple[str, str]]:
    """Give the Python that readers are shown: blocks of the pages and cells of the notebooks, by file."""
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for block in re.findall(r"^```py(?:thon)?\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE):
            yield page.name, block
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        for cell in json.loads(notebook.read_text())["cells"]:
            if cell["cell_type"] == "code":
                yield notebook.name, "".join(cell["source"])


def test_readers_are_shown_public_names_only() -> None:
    public = listed()
    seen = 0
    for file, text in examples():
        for module, names in re.findall(
            r"^\s*from (dossier_realtime[\w.]*) import (\([^)]*\)|[^\n]*)", text, re.MULTILINE
        ):
            assert module in public, f"{file} imports from the private {module}"
            for name in re.findall(r"\w+", names.partition("#")[0]):
                seen += 1
                submodule = f"{module}.{name}" in public
                assert submodule or name in public[module], f"{file} imports the private {module}.{name}"
    assert seen

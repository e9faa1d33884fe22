"""The notebooks answer on a real recording, without a word of complaint, and are kept without answers."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from tests.notebooks.conftest import NOTEBOOKS

NAMES = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))


def read(path: Path) -> nbformat.NotebookNode:
    notebook: nbformat.NotebookNode = nbformat.read(path, as_version=4)
    return notebook


def test_there_are_five() -> None:
    assert [name[:2] for name in NAMES] == ["01", "02", "03", "04", "05"]


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_kept_without_outputs_and_without_a_place_of_this_machine(name: str) -> None:
    notebook = read(NOTEBOOKS / name)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.id for cell in code if cell.outputs or cell.execution_count is not None or cell.metadata] == []
    assert not {"widgets", "papermill"} & notebook.metadata.keys()
    assert not re.search(r"[\"' (](/|[A-Z]:\\|~/)\w", "\n".join(cell.source for cell in code))
    assert 8 <= len(notebook.cells) <= 14
    assert notebook.cells[0].source.startswith("# ")


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_answers_and_ends_in_a_picture(name: str, executed: Path) -> None:
    notebook = read(executed / name)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert [output for output in outputs if output.output_type in ("stream", "error")] == []
    (last,) = notebook.cells[-1].outputs
    picture = last.data["text/html"]
    assert picture.startswith(("<svg", "<iframe"))
    assert picture.count("<rect") > 20 or len(picture) > 100_000

"""The threat model and the tests that it rests on."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| who ")
]
NAMED = sorted(set(re.findall(r"`(tests/[^`]+)`", PAGE)))


def test_every_threat_says_who_and_what_and_what_stops_them_and_names_a_test() -> None:
    assert len(ROWS) >= 18
    for row in ROWS:
        assert len(row) == 4, row
        assert all(row), row
        assert re.search(r"`tests/[^`]+`", row[3]), row


@pytest.mark.parametrize("named", NAMED)
def test_a_test_that_the_threat_model_names_exists(named: str) -> None:
    file, _, function = named.partition("::")
    path = ROOT / file
    assert path.exists(), f"{file} is not there; name the test that shows it"
    if function:
        nodes = ast.walk(ast.parse(path.read_text()))
        assert function in {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}

"""The vectors of the TypeScript SDK, which the Python one must agree with; the other way round vitest looks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.ot import properties
from tests.typescript.conftest import run, tool

pytestmark = pytest.mark.long


@pytest.mark.parametrize("seed", [20_260_925, 7])
def test_every_vector_of_the_other_sdk_holds(tmp_path: Path, seed: int) -> None:
    program = tmp_path / "make_vectors.mjs"
    tool("esbuild", "test/documents/make_vectors.ts", "--bundle", "--format=esm", f"--outfile={program}")
    vectors = json.loads(run("node", str(program), str(seed)))
    assert sum(map(len, vectors.values())) >= 5_000
    for kind, rows in vectors.items():
        for number, vector in enumerate(rows):
            try:
                properties.vector_holds(kind, vector)
            except AssertionError as wrong:
                raise AssertionError(f"{kind} vector {number}: {wrong}") from wrong

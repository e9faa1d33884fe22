"""vectors.json, which other implementations are held against."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.ot import properties
from tests.ot.make_vectors import COUNTS, FILE, rendered

VECTORS: dict[str, list[Any]] = json.loads(FILE.read_text(encoding="utf-8"))


def test_the_file_is_what_the_generator_makes() -> None:
    assert FILE.read_text(encoding="utf-8") == rendered(), "run python -m tests.ot.make_vectors, and read the change"
    assert {kind: len(rows) for kind, rows in VECTORS.items()} == COUNTS


@pytest.mark.parametrize("kind", COUNTS)
def test_every_vector_holds(kind: str) -> None:
    for number, vector in enumerate(VECTORS[kind]):
        try:
            properties.vector_holds(kind, vector)
        except AssertionError as wrong:
            raise AssertionError(f"{kind} vector {number}: {wrong}") from wrong

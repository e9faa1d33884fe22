"""A comment moves alike in both SDKs: `test/documents/anchors.test.ts` of the package reads the same table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dossier_realtime.ot.operations import Component, Delete, Insert, Operation, Retain, extend
from dossier_realtime.ot.places.anchors import TextAnchor, moved
from dossier_realtime.ot.units import to_units

FILE = Path(__file__).parent / "anchors.json"


def after(row: dict[str, Any]) -> TextAnchor:
    """Return the anchor of a row after its operation: `[3, "text", -2]` keeps three units, inserts, deletes two."""
    built: list[Component] = []
    for part in row["operation"]:
        if isinstance(part, str):
            extend(built, Insert(to_units(part)))
        else:
            extend(built, Retain(part) if part > 0 else Delete(-part))
    return moved(TextAnchor(*row["anchor"]), Operation(tuple(built)), to_units(row["quote"]))


def test_an_anchor_moves_as_the_table_says() -> None:
    for row in json.loads(FILE.read_text("utf-8")):
        assert list(after(row)) == row["then"], row


def test_the_table_has_every_turn() -> None:
    rows = json.loads(FILE.read_text("utf-8"))
    assert {(row["anchor"][2], row["then"][2]) for row in rows} == {
        (False, False), (False, True), (True, True), (True, False),
    }  # fmt: skip

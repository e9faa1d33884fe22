"""A user has one cursor colour in both SDKs: `test/documents/colors.test.ts` of the package reads the same table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dossier_realtime.protocol.documents.cursor_colors import CURSOR_COLORS, cursor_color

TABLE = json.loads((Path(__file__).parent / "cursor_colors.json").read_text("utf-8"))


@pytest.mark.parametrize(("user_id", "color"), TABLE.items())
def test_a_user_has_the_colour_of_the_table(user_id: str, color: str) -> None:
    assert cursor_color(user_id) == color


def test_the_table_has_most_colours() -> None:
    assert len(set(TABLE.values()) & set(CURSOR_COLORS)) > len(CURSOR_COLORS) / 2

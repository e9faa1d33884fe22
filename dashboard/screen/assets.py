"""The assets of the browser: scripts and styles that one page holds together, in this order; templates of pages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

ASSETS = Path(__file__).parents[1] / "assets"
SCRIPTS, STYLE_SHEETS, TEMPLATES = ASSETS / "js", ASSETS / "css", ASSETS / "templates"
PLAYER_SCRIPTS = (
    *("js/prose.js", "js/drawing.js", "js/document_text.js", "js/clause_rows.js", "js/timeline_marks.js"),
    "js/player.js",
)
PAGE_SCRIPTS = (*PLAYER_SCRIPTS, "js/strip.js", "js/page_component.js")
STYLES = ("css/theme.css", "css/page_component.css", "css/player.css")


def read(names: Sequence[str]) -> str:
    """Return the text of assets, one after the other."""
    return "\n".join((ASSETS / name).read_text(encoding="utf-8") for name in names)

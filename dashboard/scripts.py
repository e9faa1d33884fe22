"""The browser's own part: scripts and styles that stand in one page together, in this order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

ASSETS = Path(__file__).parent / "assets"
PLAYER = ("drawing.js", "writing.js", "lanes.js", "player.js")
CONSOLE = (*PLAYER, "strip.js", "console.js")
STYLES = ("theme.css", "console.css", "player.css")


def read(names: Sequence[str]) -> str:
    """Assets, one after the other."""
    return "\n".join((ASSETS / name).read_text(encoding="utf-8") for name in names)

"""The colours of cursors: one a user, the same in every document, on every device and after every restart. Pure."""

from __future__ import annotations

from zlib import crc32

CURSOR_COLORS = (
    "#b3261e",
    "#8c4a00",
    "#6b5900",
    "#3f6600",
    "#006d3b",
    "#006a6a",
    "#00639b",
    "#2f57c4",
    "#5b4bc4",
    "#8236ad",
    "#a1287f",
    "#7a4f3a",
)
"""Colours on which white text, and which on white paper, has a contrast of 4.5 to 1 or more (WCAG 2.2, 1.4.3)."""


def cursor_color(user_id: str) -> str:
    """Return the colour of a user's cursors, as `#rrggbb`."""
    return CURSOR_COLORS[crc32(user_id.encode()) % len(CURSOR_COLORS)]

"""Colours of charts, whose canvases style sheets do not reach; all other colours are in assets/css/theme.css."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.language.display_options import Theme


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one theme."""

    surface: str
    ink: str
    quiet: str
    edge: str
    first: str
    second: str


PALETTES: dict[Theme, Palette] = {
    "light": Palette(
        surface="#ffffff",
        ink="#17222c",
        quiet="#55636f",
        edge="#d5dce1",
        first="#0b6b66",
        second="#b45309",
    ),
    "dark": Palette(
        surface="#172028",
        ink="#e7edf2",
        quiet="#a3b1bd",
        edge="#2e3b46",
        first="#58c9c0",
        second="#f2c063",
    ),
}
FONT = '"Segoe UI", "Noto Sans", "Noto Sans Arabic", sans-serif'

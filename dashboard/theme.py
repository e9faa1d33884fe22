"""Colours of the figures that are drawn on canvases, where style sheets do not reach; the rest is assets/theme.css."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.looks import Theme


@dataclass(frozen=True, slots=True)
class Palette:
    """`steps`: from nobody to many."""

    surface: str
    ink: str
    quiet: str
    edge: str
    first: str
    second: str
    steps: tuple[str, ...]
    steps_ink: tuple[str, ...]


PALETTES: dict[Theme, Palette] = {
    "light": Palette(
        surface="#ffffff",
        ink="#17222c",
        quiet="#55636f",
        edge="#d5dce1",
        first="#0b6b66",
        second="#b45309",
        steps=("#eef2f4", "#cfe9e6", "#7cc5be", "#2b8f88", "#0b5c57"),
        steps_ink=("#55636f", "#17222c", "#0b2b29", "#ffffff", "#ffffff"),
    ),
    "dark": Palette(
        surface="#172028",
        ink="#e7edf2",
        quiet="#a3b1bd",
        edge="#2e3b46",
        first="#58c9c0",
        second="#f2c063",
        steps=("#1f2a33", "#164843", "#1f6f68", "#38a098", "#7be0d7"),
        steps_ink=("#a3b1bd", "#e7edf2", "#ffffff", "#06201e", "#06201e"),
    ),
}
FONT = '"Segoe UI", "Noto Sans", "Noto Sans Arabic", sans-serif'

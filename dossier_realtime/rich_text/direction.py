"""The direction of a paragraph, by its first strong character (UAX #9, rules P2 and P3).

An explicit direction is a mark at the beginning of the paragraph, U+200E (left to right) or U+200F (right to left): it
is a strong character like any other, and every program that follows UAX #9 understands it.
"""

from __future__ import annotations

import unicodedata

from dossier_realtime.protocol.fields import Direction

_STRONG: dict[str, Direction] = {"L": "ltr", "R": "rtl", "AL": "rtl"}
_ISOLATES = ("LRI", "RLI", "FSI")
_RIGHT_TO_LEFT = frozenset({"ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"})


def first_strong(text: str) -> Direction | None:
    """Return the direction of the first strong character outside of isolates; None where there is none."""
    depth = 0
    for character in text:
        kind = unicodedata.bidirectional(character)
        if kind in _ISOLATES:
            depth += 1
        elif kind == "PDI":
            depth = max(0, depth - 1)
        elif not depth and kind in _STRONG:
            return _STRONG[kind]
    return None


def of_language(language: str) -> Direction:
    """Return the direction in which a language is written, by its tag (BCP 47); a script in the tag decides."""
    first, *rest = language.lower().split("-")
    scripts = [part for part in rest if len(part) == 4 and part.isalpha()]
    if scripts:
        return "rtl" if scripts[0] in ("arab", "hebr", "thaa", "syrc", "nkoo") else "ltr"
    return "rtl" if first in _RIGHT_TO_LEFT else "ltr"

"""Text with one character per UTF-16 code unit, so that an offset of the wire is an index of the string.

A character beyond U+FFFF is stored as its two surrogates, each a character of its own. Slices and lengths are then
exact without counting, and an emoji in a long text costs two bytes a unit instead of four a character (CPython stores
a string at the width of its widest character). Such a text never leaves the package: before it is encoded or shown it
goes through `from_units`.
"""

from __future__ import annotations

import re
from typing import NewType

Units = NewType("Units", str)

_ASTRAL = re.compile("[\U00010000-\U0010ffff]")


def to_units(text: str) -> Units:
    """Return the units of `text`. Raises UnicodeEncodeError where it holds a lone surrogate."""
    if text.isascii() or len(text.encode("utf-16-le")) == 2 * len(text):
        return Units(text)
    return Units(_ASTRAL.sub(_surrogates, text))


def from_units(units: Units) -> str:
    """Return the text of whole characters of these units."""
    return units if units.isascii() else units.encode("utf-16-le", "surrogatepass").decode("utf-16-le")


def splits_pair(units: str, offset: int) -> bool:
    """Return True where a cut at `offset` would separate the two surrogates of a character."""
    return 0 < offset < len(units) and "\udc00" <= units[offset] <= "\udfff"


def is_whole(units: Units) -> bool:
    """Return True for units that are whole characters, without a lone surrogate."""
    if units.isascii():
        return True
    try:
        from_units(units)
    except UnicodeDecodeError:
        return False
    return True


def _surrogates(match: re.Match[str]) -> str:
    beyond = ord(match.group()) - 0x10000
    return chr(0xD800 + (beyond >> 10)) + chr(0xDC00 + (beyond & 0x3FF))

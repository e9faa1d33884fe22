"""The pieces that a difference compares: lines, then words, then characters as readers see them.

A text is cut in whole characters, not in UTF-16 units, and a mark (an Arabic vowel sign, the skin tone of an emoji)
stays with the character that it marks: so no difference has an edge inside one. Clusters follow UAX #29, and where its
tables are not at hand they are longer than its own, never shorter.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from itertools import groupby
from typing import Literal

Level = Literal["line", "word", "character"]

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_JOINER = "\u200d"  # the next character belongs to the same cluster
_MORE_MARKS = "\u200c\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f\U000e0100-\U000e01ef"
"""The non-joiner, skin tones, the tags of flags, and the variation selectors beyond `_END_OF_MARKS`."""
_END_OF_MARKS = 0x1F000
_PREPENDED = "[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2]*"
_JAMO = "[\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff]+"
_FLAG = "[\U0001f1e6-\U0001f1ff]{2}"


def cut(text: str, level: Level) -> list[str]:
    """Return the pieces of `text`; joined they are the text."""
    if level == "line":
        return _LINE.findall(text)
    words, characters = _patterns()
    found: list[str] = (words if level == "word" else characters).findall(text)
    return found


def is_mark(character: str) -> bool:
    """Return True for a character that belongs to the one before it."""
    return character == _JOINER or _marks().match(character) is not None


@cache
def _mark_class() -> str:
    """Return all combining marks as the inside of a character class."""
    marks = (code for code in range(0x300, _END_OF_MARKS) if unicodedata.category(chr(code))[0] == "M")
    ranges: list[str] = []
    for _, run in groupby(enumerate(marks), lambda pair: pair[1] - pair[0]):
        codes = [code for _, code in run]
        ranges.append(f"{chr(codes[0])}-{chr(codes[-1])}")
    return "".join(ranges) + _MORE_MARKS


@cache
def _marks() -> re.Pattern[str]:
    return re.compile(f"[{_mark_class()}]")


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    tail = rf"(?:[{_mark_class()}]|{_JOINER}[^\r\n]?)*"
    character = rf"\r\n|\n|{_FLAG}{tail}|{_PREPENDED}(?:{_JAMO}|.){tail}|."
    word = rf"(?:{_PREPENDED}\w{tail})+"
    blank = rf"(?:[^\S\r\n]|\r(?!\n))+{tail}"
    return re.compile(rf"\r\n|\n|{word}|{blank}|{character}"), re.compile(character)

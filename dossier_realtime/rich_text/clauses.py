"""The clauses of a document: where each begins, and a key that its translation has too.

A clause begins at a paragraph that is a heading, an item of an ordered list, or begins with a marker: "Article 3",
"المادة ٣", "المادة الثالثة", "1.", "1.2", "(4)", "٢-". It ends where the next one begins.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple

from .paragraphs import Paragraph, paragraphs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dossier_realtime.ot.document import Document
    from dossier_realtime.protocol.fields import Direction

MAX_CLAUSES: Final = 1_000  # of one document; what follows belongs to the last one
MAX_TITLE: Final = 120  # characters
PREAMBLE: Final = "preamble"

_KINDS = {
    **dict.fromkeys(("article", "art", "المادة", "مادة"), "article"),
    **dict.fromkeys(("section", "القسم", "قسم"), "section"),
    **dict.fromkeys(("chapter", "الفصل", "فصل"), "chapter"),
    **dict.fromkeys(("part", "الباب", "باب", "الجزء"), "part"),
    **dict.fromkeys(("clause", "البند", "بند"), "clause"),
    **dict.fromkeys(("annex", "appendix", "الملحق", "ملحق", "المرفق"), "annex"),
}
_ORDINALS = {
    word: number
    for number, words in enumerate(
        (
            ("الأولى", "الأول", "الاولى", "الاول"),
            ("الثانية", "الثاني"),
            ("الثالثة", "الثالث"),
            ("الرابعة", "الرابع"),
            ("الخامسة", "الخامس"),
            ("السادسة", "السادس"),
            ("السابعة", "السابع"),
            ("الثامنة", "الثامن"),
            ("التاسعة", "التاسع"),
            ("العاشرة", "العاشر"),
        ),
        1,
    )
    for word in words
}
_SCRIPT = r"[\u200e\u200f\u061c]*"  # marks of direction before a marker
_DIGITS = r"[0-9٠-٩۰-۹]{1,3}"
_NUMBER = rf"{_DIGITS}(?:\.{_DIGITS}){{0,5}}"
_WORD_MARKER = re.compile(
    rf"{_SCRIPT}\s*(?P<kind>{'|'.join(sorted(_KINDS, key=len, reverse=True))})\.?\s+"
    rf"\(?(?P<number>{_NUMBER}|[ivxlc]{{1,7}}\b|{'|'.join(sorted(_ORDINALS, key=len, reverse=True))})(?!\w)\)?"
    r"[\s.:：\-–—)]*",
    re.IGNORECASE,
)
_NUMBER_MARKER = re.compile(
    rf"{_SCRIPT}\s*(?:\((?P<inner>{_NUMBER})\)|(?P<single>{_DIGITS})\s?[.)\-–:](?![\w.])|"
    rf"(?P<many>{_DIGITS}(?:\.{_DIGITS}){{1,5}})[.)]?(?=\s|\Z))[\s.:\-–)]*"
)
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}


class Clause(NamedTuple):
    """One clause. `position` and `length` in UTF-16 code units; `digest` of its words, without its marker."""

    key: str
    title: str
    position: int
    length: int
    direction: Direction
    digest: str


def clauses(document: Document) -> list[Clause]:
    """Return the clauses in order; text before the first one is the clause "preamble". Each key occurs once."""
    keys = _Keys()
    found: list[Clause] = []
    key, marker, held = PREAMBLE, 0, list[Paragraph]()
    for line in paragraphs(document):
        begun = keys.begin(line) if len(found) < MAX_CLAUSES - 1 else None
        if begun is not None:
            found.extend(_clause(key, marker, held))
            (key, marker), held = begun, []
        held.append(line)
    found.extend(_clause(key, marker, held))
    return found


def _clause(key: str, marker: int, lines: list[Paragraph]) -> Iterator[Clause]:
    """Yield the clause of these lines; a preamble without a word is none."""
    texts = [line.text for line in lines]
    while len(texts) > 1 and not texts[-1].strip():
        texts.pop()
    if key == PREAMBLE and not "".join(texts).strip():
        return
    last = lines[len(texts) - 1]
    first = lines[0]
    words = " ".join(" ".join([texts[0][marker:], *texts[1:]]).split())
    digest = blake2b(words.encode(), digest_size=8).hexdigest() if words else ""
    title = texts[0].strip()
    title = title if len(title) <= MAX_TITLE else title[: MAX_TITLE - 1] + "…"
    yield Clause(key, title, first.position, last.position + last.length - first.position, first.direction, digest)


class _Keys:
    """The keys of clauses as they begin, one after the other."""

    def __init__(self) -> None:
        self._inside = ""  # the key of the article or heading that numbers are in
        self._headings = [0, 0, 0]
        self._item = 0  # of the ordered list that goes on
        self._used: dict[str, int] = {}

    def begin(self, line: Paragraph) -> tuple[str, int] | None:
        """Return the key of the clause that a line begins, and the length of its marker in characters."""
        found = _marked(line.text)
        self._item = self._item + 1 if line.list == "ordered" else 0
        if found is not None:
            kind, number, length = found
            if kind:
                self._inside = self._once(f"{kind}-{number}")
                return self._inside, length
            return self._once(self._within(number)), length
        if line.heading and line.text.strip():
            self._headings[line.heading - 1] += 1
            self._headings[line.heading :] = [0] * (3 - line.heading)
            numbers = ".".join(map(str, self._headings[: line.heading]))
            self._inside = self._once(f"heading-{numbers}")
            return self._inside, 0
        if self._item:
            return self._once(self._within(str(self._item))), 0
        return None

    def _within(self, number: str) -> str:
        return f"{self._inside}/{number}" if self._inside else number

    def _once(self, key: str) -> str:
        """Return the key; with the count of its occurrence behind it, where it is not the first."""
        self._used[key] = count = self._used.get(key, 0) + 1
        return key if count == 1 else f"{key}~{count}"


def _marked(text: str) -> tuple[str, str, int] | None:
    """Return kind ("" for a number alone), number, and length of the marker at the beginning of a line."""
    found = _WORD_MARKER.match(text)
    if found is not None:
        # Matching without case takes letters that only look like these: İ, ı, ſ. They make no marker.
        kind, number = _KINDS.get(found["kind"].lower()), _number(found["number"])
        if kind is not None and number:
            return kind, number, found.end()
    found = _NUMBER_MARKER.match(text)
    if found is None:
        return None
    return "", _number(found["inner"] or found["single"] or found["many"]), found.end()


def _number(text: str) -> str:
    """Return a number in the digits 0 to 9, without leading zeros; "" for letters that are no number."""
    if text in _ORDINALS:
        return str(_ORDINALS[text])
    if text[0].isdigit():
        return ".".join(str(int(part)) for part in text.split("."))
    values = [_ROMAN.get(letter, 0) for letter in text.lower()]
    if 0 in values:
        return ""
    after = [*values[1:], 0]
    return str(sum(-value if value < following else value for value, following in zip(values, after, strict=True)))

"""A document as Markdown (CommonMark, with the strike-through and the footnotes of GitHub).

A line of the text is a line of the Markdown; an empty line parts paragraphs, as in the text. Every character stands for
itself: what Markdown would read as markup is escaped. Where a delimiter would not be read as one (between two letters),
and for what Markdown has no markup, an HTML element is written.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .paragraphs import edges, paragraphs
from .remark_words import words_for
from .remarks import placed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dossier_realtime.ot.document import Document
    from dossier_realtime.protocol.commands import Attributes

    from .paragraphs import Paragraph, Span
    from .remark_words import RemarkWords
    from .remarks import Remark

_SPECIAL = re.compile(r"[\\`*_\[\]~|<>&\r\x0c]")
_AS = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "\r": "&#13;", "\x0c": "&#12;"}
_START = re.compile(r"[-+=#:]|[0-9]{1,9}(?=[.)])")
_BLANK = r"[\t\x20\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]"  # as CommonMark knows white space
_EDGES = re.compile(rf"\A({_BLANK}*)(.*?)({_BLANK}*)\Z", re.DOTALL)
_BORDERS = frozenset(".,;:!?()\"'،؛؟«»")
_LINK = {"<": "%3C", ">": "%3E", "\\": "%5C", "&": "&amp;"}
_DELIMITED = (("bold", "**", "strong"), ("italic", "*", "em"), ("strike", "~~", "s"))


def markdown(document: Document, remarks: Sequence[Remark] = ()) -> str:
    """Return the document as Markdown, remarks as footnotes."""
    remarks = placed(remarks, document)
    notes: dict[int, list[int]] = {}
    for number, remark in enumerate(remarks, 1):
        notes.setdefault(remark.end, []).append(number)
    cuts = edges([(remark.position, remark.length) for remark in remarks], document.length)
    lines: list[str] = []
    before: Paragraph | None = None
    number = 0
    for line in paragraphs(document, cuts):
        marks, inner = _inline(line, notes)
        number = number + 1 if line.list == "ordered" else 0
        if not inner and not marks:
            lines.append("")
            before = None
            number = 0
            continue
        if before is not None:
            if _is_text(before) and _is_text(line):
                lines[-1] += "\\"  # a line end that stays one
            elif before.list != line.list or before.heading or line.heading:
                lines.append("")
        lines.append(_started(line, number) + marks + inner)
        before = line
    text = "\n".join(lines)
    return text + "\n" + _footnotes(remarks, words_for(document.content)) if text or remarks else ""


def _is_text(line: Paragraph) -> bool:
    return line.heading is None and line.list is None


def _started(line: Paragraph, number: int) -> str:
    if line.heading:
        return "#" * line.heading + " "
    return {None: "", "bullet": "- ", "ordered": f"{number}. "}[line.list]


def _inline(line: Paragraph, notes: dict[int, list[int]]) -> tuple[str, str]:
    """Return the marks of the remarks on the beginning of a line, and its text with all other ones."""
    parts: list[str] = []
    marks = "".join(f"[^{number}]" for number in notes.pop(line.position, ()))
    spans = line.spans
    for place, span in enumerate(spans):
        before = spans[place - 1] if place else None
        after = spans[place + 1] if place + 1 < len(spans) else None
        text = _spelled(span, before, after, in_heading=line.heading is not None)
        parts.append(text)
        parts += [f"[^{number}]" for number in notes.pop(span.position + span.length, ())]
    inner = _guarded("".join(parts))  # as a whole: a number may be in one span, and its full stop in the next
    body = inner.rstrip()
    return marks, body + "".join(f"&#{ord(character)};" for character in inner[len(body) :])


def _guarded(text: str) -> str:
    """Return the beginning of a line so that it begins no list, heading, rule or code."""
    body = text.lstrip()
    blanks = "".join(f"&#{ord(character)};" for character in text[: len(text) - len(body)])
    found = _START.match(body)
    if found is None:
        return blanks + body
    digits = found.group() if found.group()[0].isdigit() else ""
    return f"{blanks}{digits}\\{body[len(digits) :]}"


def _spelled(span: Span, before: Span | None, after: Span | None, *, in_heading: bool) -> str:
    has = span.attributes
    if not _is_marked(has):
        return _escaped(span.text, in_heading=in_heading)
    found = _EDGES.match(span.text)
    assert found is not None  # noqa: S101  any text matches
    lead, core, tail = found.groups()
    if not core:
        return _escaped(span.text, in_heading=in_heading)
    clear = (bool(lead) or _is_border(before, -1)) and (bool(tail) or _is_border(after, 0))
    text = _escaped(core, in_heading=in_heading)
    for name, delimiter, tag in _DELIMITED:
        if getattr(has, name) is True:
            text = f"{delimiter}{text}{delimiter}" if clear else f"<{tag}>{text}</{tag}>"
    if has.underline is True:
        text = f"<u>{text}</u>"
    if isinstance(has.highlight, str):
        text = f"<mark>{text}</mark>"
    if isinstance(has.link, str):
        text = f"[{text}](<{''.join(_LINK.get(character, character) for character in has.link)}>)"
    return _escaped(lead, in_heading=False) + text + _escaped(tail, in_heading=False)


def _is_marked(attributes: Attributes) -> bool:
    names = ("bold", "italic", "strike", "underline")
    by_value = isinstance(attributes.link, str) or isinstance(attributes.highlight, str)
    return by_value or any(getattr(attributes, name) is True for name in names)


def _is_border(span: Span | None, at: int) -> bool:
    """Return whether a delimiter next to this end of a span is read as one, whatever stands on its other side."""
    if span is None:
        return True
    character = span.text[at]
    return not _is_marked(span.attributes) and (character.isspace() or character in _BORDERS)


def _escaped(text: str, *, in_heading: bool) -> str:
    text = _SPECIAL.sub(lambda found: _AS.get(found.group(), "\\" + found.group()), text)
    if text.endswith("!"):  # before a link it would begin a picture, which is fetched
        text = text[:-1] + "\\!"
    return text.replace("#", "\\#") if in_heading else text


def _footnotes(remarks: Sequence[Remark], words: RemarkWords) -> str:
    notes: list[str] = []
    for number, remark in enumerate(remarks, 1):
        lines = [line for line in remark.text.splitlines() if line.strip()]
        text = "\n\n    ".join(_guarded(_escaped(line, in_heading=False)) for line in lines)
        shown = (remark.author, remark.written, words.resolved if remark.resolved else "")
        facts = ", ".join(part for part in shown if part)
        notes.append(f"\n[^{number}]: {_escaped(facts, in_heading=False)}{': ' if facts else ''}{text}\n")
    return "".join(notes)

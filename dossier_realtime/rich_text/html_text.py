"""A document as HTML: every text escaped, every paragraph with its direction, nothing fetched from elsewhere."""

from __future__ import annotations

import html
from itertools import groupby
from typing import TYPE_CHECKING

from .direction import first_strong
from .paragraphs import edges, paragraphs
from .remark_words import words_for
from .remarks import placed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dossier_realtime.ot.document import Document
    from dossier_realtime.protocol.fields import Direction

    from .paragraphs import Paragraph, Span
    from .remark_words import RemarkWords
    from .remarks import Remark

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
STYLE = (
    "body{font:16px/1.6 'Noto Sans','Noto Naskh Arabic',sans-serif;max-width:46em;margin:2em auto;padding:0 1em}"
    "p,li,h1,h2,h3{white-space:pre-wrap;margin:.4em 0;min-height:1.2em}p:empty::before{content:'\\200b'}"
    "mark{background:#fff3a3}.green{background:#c7f0c2}.blue{background:#cfe4ff}.pink{background:#ffd6e7}"
    ".orange{background:#ffdfb8}sup{unicode-bidi:isolate}"
    ".remarks{border-block-start:1px solid;margin-block-start:2em;font-size:.9em}"
)
_TAGS = (("bold", "strong"), ("italic", "em"), ("underline", "u"), ("strike", "s"))
_LISTS = {"bullet": "ul", "ordered": "ol"}


def html_page(document: Document, title: str, remarks: Sequence[Remark] = (), language: str = "") -> str:
    """Return a whole page, which makes no request and runs no script. `language`: a tag of BCP 47."""
    remarks = placed(remarks, document)
    body = html_body(document, remarks)
    lang = f' lang="{html.escape(language)}"' if language else ""
    direction = first_strong(document.content) or "ltr"
    notes = _notes(remarks, words_for(document.content))
    return (
        f'<!doctype html>\n<html{lang} dir="{direction}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f'<meta name="referrer" content="no-referrer">\n<title>{escaped(title)}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<article>\n{body}</article>\n{notes}</body>\n</html>\n"
    )


def html_body(document: Document, remarks: Sequence[Remark] = (), default: Direction | None = None) -> str:
    """Return the paragraphs of a document as elements, each with its `dir`; behind what a remark is on, its number.

    The remarks are those of `placed`.
    """
    notes: dict[int, list[int]] = {}
    for number, remark in enumerate(remarks, 1):
        notes.setdefault(remark.end, []).append(number)
    cuts = edges([(remark.position, remark.length) for remark in remarks], document.length)
    parts: list[str] = []
    for listed, group in groupby(paragraphs(document, cuts, default), lambda paragraph: paragraph.list):
        lines = list(group)
        if listed is None:
            parts.extend(_element(f"h{line.heading}" if line.heading else "p", line, notes) for line in lines)
            continue
        tag = _LISTS[listed]
        items = "".join(_element("li", line, notes) for line in lines)
        parts.append(f'<{tag} dir="{lines[0].direction}">\n{items}</{tag}>\n')
    return "".join(parts)


def escaped(text: str) -> str:
    """Return text that stands for itself in HTML, in elements and in quoted attributes; a carriage return too."""
    return html.escape(text).replace("\r", "&#13;").replace("\x00", "\ufffd")


def _element(tag: str, line: Paragraph, notes: dict[int, list[int]]) -> str:
    inner = "".join(_inline(line, notes))
    return f'<{tag} dir="{line.direction}">{inner}</{tag}>\n'


def _inline(line: Paragraph, notes: dict[int, list[int]]) -> Iterator[str]:
    yield from _marks(notes.pop(line.position, ()))
    for span in line.spans:
        yield _spelled(span)
        yield from _marks(notes.pop(span.position + span.length, ()))


def _marks(numbers: Iterable[int]) -> Iterator[str]:
    for number in numbers:
        yield f'<sup><a id="mark-{number}" href="#remark-{number}">[{number}]</a></sup>'


def _spelled(span: Span) -> str:
    text, attributes = escaped(span.text), span.attributes
    if isinstance(attributes.highlight, str):
        text = f'<mark class="{attributes.highlight}">{text}</mark>'
    for name, tag in _TAGS:
        if getattr(attributes, name) is True:
            text = f"<{tag}>{text}</{tag}>"
    if isinstance(attributes.link, str):
        text = f'<a href="{escaped(attributes.link)}" rel="noopener noreferrer">{text}</a>'
    return text


def _notes(remarks: Sequence[Remark], words: RemarkWords) -> str:
    if not remarks:
        return ""
    items: list[str] = []
    for number, remark in enumerate(remarks, 1):
        facts = " · ".join(part for part in (remark.written, words.resolved if remark.resolved else "") if part)
        items.append(
            f'<li id="remark-{number}"><p><bdi>{escaped(remark.author)}</bdi> <small>{facts}</small></p>\n'
            f"{''.join(_said(line, words.direction) for line in remark.text.splitlines())}"
            f'<p><a href="#mark-{number}">↩</a></p></li>\n'
        )
    return (
        f'<section class="remarks" lang="{words.language}" dir="{words.direction}">\n<h2>{words.comments}</h2>\n'
        f"<ol>\n{''.join(items)}</ol>\n</section>\n"
    )


def _said(line: str, direction: Direction) -> str:
    """Return a line of a remark: one in two languages may have lines of both directions."""
    return f'<p dir="{first_strong(line) or direction}">{escaped(line)}</p>\n'

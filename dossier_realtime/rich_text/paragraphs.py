"""A document cut into paragraphs, and each of them into spans of the same formatting.

A line of the text is a paragraph; it ends with a line feed, or with a carriage return and a line feed, as texts from
Windows have it. It is a heading or a list item by the first attribute in it that says so: plain text which is
typed in front of a heading becomes part of the heading. In an empty line those of the end of the line count.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Literal, NamedTuple

from msgspec import UNSET

from dossier_realtime.ot.attributes import PLAIN
from dossier_realtime.ot.units import Units, from_units

from .direction import first_strong

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dossier_realtime.ot.document import Document, Run
    from dossier_realtime.protocol.commands import Attributes
    from dossier_realtime.protocol.fields import Direction


class Span(NamedTuple):
    """A stretch of one paragraph with the same attributes; `position` and `length` in UTF-16 code units."""

    position: int
    length: int
    text: str
    attributes: Attributes


class Paragraph(NamedTuple):
    """One line of a document, without its end. `position` and `length` in UTF-16 code units."""

    position: int
    length: int
    spans: tuple[Span, ...]
    direction: Direction
    heading: int | None = None
    list: Literal["bullet", "ordered"] | None = None

    @property
    def text(self) -> str:
        """The text of the line."""
        return "".join(span.text for span in self.spans)


def paragraphs(document: Document, cuts: Sequence[int] = (), default: Direction | None = None) -> Iterator[Paragraph]:
    """Yield the paragraphs of a document, in order; joined with their line ends their texts are its text.

    Spans also end at `cuts`: positions in ascending order, each between two characters. A paragraph without a strong
    character has the direction `default`, or that of the whole document.
    """
    text = document.text
    general: Direction = default or first_strong(from_units(text)) or "ltr"
    runs, ends = document.runs, _ends(document.runs)
    begin = 0
    while True:
        feed = text.find("\n", begin)
        feed = len(text) if feed < 0 else feed
        end = line_end(text, feed)
        spans = tuple(_spans(text, begin, end, runs, ends, cuts))
        said = [span.attributes for span in spans] or [_attributes_at(begin, runs, ends)]
        heading, listed = _block(next(filter(_is_block, said), PLAIN))
        line = from_units(Units(text[begin:end]))
        yield Paragraph(begin, end - begin, spans, first_strong(line) or general, heading, listed)
        if feed == len(text):
            return
        begin = feed + 1


def line_end(text: Units, position: int) -> int:
    """Return `position`; in a line end of two units (CR LF), the place before it."""
    return position - (0 < position < len(text) and text[position - 1 : position + 1] == "\r\n")


def _ends(runs: Sequence[Run]) -> list[int]:
    ends: list[int] = []
    for run in runs:
        ends.append((ends[-1] if ends else 0) + run.length)
    return ends


def _attributes_at(position: int, runs: Sequence[Run], ends: Sequence[int]) -> Attributes:
    number = bisect_right(ends, position)
    return runs[number].attributes if number < len(runs) else PLAIN


def _is_block(attributes: Attributes) -> bool:
    return any(_block(attributes))


def _block(attributes: Attributes) -> tuple[int | None, Literal["bullet", "ordered"] | None]:
    """Return the level of the heading, or the kind of list; a heading is no list item."""
    heading = None if attributes.heading is UNSET else attributes.heading
    listed = None if attributes.list is UNSET else attributes.list
    return heading, None if heading else listed


def _spans(
    text: Units, begin: int, end: int, runs: Sequence[Run], ends: Sequence[int], cuts: Sequence[int]
) -> Iterator[Span]:
    run, cut = bisect_right(ends, begin), bisect_right(cuts, begin)
    while begin < end:
        until = min(end, ends[run] if run < len(ends) else end, cuts[cut] if cut < len(cuts) else end)
        attributes = runs[run].attributes if run < len(runs) else PLAIN
        yield Span(begin, until - begin, from_units(Units(text[begin:until])), attributes)
        begin = until
        run, cut = bisect_right(ends, begin, run), bisect_right(cuts, begin, cut)


def edges(places: Sequence[tuple[int, int]], length: int) -> list[int]:
    """Return both ends of each (position, length) within a text of `length` units, ascending, each once."""
    found = sorted({edge for position, size in places for edge in (position, position + size)})
    return found[bisect_left(found, 0) : bisect_right(found, length)]

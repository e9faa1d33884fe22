"""Comments on a document, as an export shows them; the name of a bracketed alternative is one too."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from dossier_realtime.ot.units import splits_pair

from .paragraphs import line_end
from .remark_words import words_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dossier_realtime.ot.document import Document


class Remark(Struct, frozen=True):
    """One comment, or one reply to it, on the text from `position` on, `length` units long, of the exported version.

    `at`: Unix seconds. Those of one thread follow each other, with the same place.
    """

    position: int
    length: int
    author: str
    text: str
    at: int = 0
    resolved: bool = False

    @property
    def end(self) -> int:
        """The position after the commented text."""
        return self.position + self.length

    @property
    def written(self) -> str:
        """The time as a person reads it (UTC); empty where it is not known."""
        return datetime.fromtimestamp(self.at, UTC).strftime("%Y-%m-%d %H:%M UTC") if self.at else ""


def placed(remarks: Iterable[Remark], document: Document) -> list[Remark]:
    """Return the remarks with places within the text, their edges between two characters, and in no line end."""
    found: list[Remark] = []
    for remark in remarks:
        text = document.text
        begin, end = (line_end(text, min(edge, document.length)) for edge in (remark.position, remark.end))
        begin -= splits_pair(text, begin)
        end += splits_pair(text, end)
        found.append(structs.replace(remark, position=begin, length=end - begin))
    return found


def alternatives(document: Document) -> Iterator[Remark]:
    """Yield a remark with the name of each bracketed alternative, on its text: the text itself gets no bracket."""
    at, named = 0, words_for(document.content).alternative
    for name, runs in groupby(document.runs, lambda run: run.attributes.alternative):
        length = sum(run.length for run in runs)
        if isinstance(name, str):
            yield Remark(at, length, "", named.format(name))
        at += length

"""Two texts side by side, one row a clause with its status, each in its direction; a notebook shows them as a table."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from dossier_realtime.ot.document import Document, Run
from dossier_realtime.ot.units import Units

from .clause_words import CLAUSE_WORDS
from .clauses import clauses
from .html_text import escaped, html_body
from .known_clauses import NO_MARKS, clause_rows

if TYPE_CHECKING:
    from .clause_words import ClauseWords, WordLanguage
    from .clauses import Clause
    from .known_clauses import ClauseRow, KnownMarks

_TABLE = "width:100%;table-layout:fixed;border-collapse:collapse"
_ANY = "vertical-align:top;overflow-wrap:anywhere;padding:.4em .8em;text-align:start"
_CELL = f"white-space:pre-wrap;{_ANY}"
_NARROW = f"width:9em;{_ANY}"
_MARKED = ";background:#fff3a3;color:#1a1a1a"  # of a status that asks for a translator


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Two documents in two columns, one row a clause, with its key and its status.

    `titles` stand above the columns. `marks` are those that are known, None where the texts themselves may have been
    others. The words are in `language`, and the table runs in its direction, whatever that of the page is.
    """

    first: Document
    second: Document
    titles: tuple[str, str] = ("", "")
    marks: KnownMarks | None = NO_MARKS
    language: WordLanguage = "en"

    def rows(self) -> list[ClauseRow]:
        """Return the clauses of both, by the keys of their headings and markers, each with its status."""
        return clause_rows(clauses(self.first), clauses(self.second), self.marks)

    def html(self) -> str:
        """Return the table. It holds no script, makes no request, and every text in it is escaped."""
        words = CLAUSE_WORDS[self.language]
        narrow = "".join(f'<th scope="col" style="{_NARROW}">{word}</th>' for word in (words.clause, words.status))
        heads = "".join(f'<th scope="col" dir="auto" style="{_CELL}">{escaped(title)}</th>' for title in self.titles)
        one, other = _Column(self.first), _Column(self.second)
        body = "".join(
            f"<tr>{_head(row, words)}{one.cell(row.first)}{other.cell(row.second)}</tr>\n" for row in self.rows()
        )
        return (
            f'<table lang="{words.language}" dir="{words.direction}" style="{_TABLE}">\n'
            f"<thead><tr>{narrow}{heads}</tr></thead>\n<tbody>\n{body}</tbody></table>"
        )

    def _repr_html_(self) -> str:
        return self.html()


def _head(row: ClauseRow, words: ClauseWords) -> str:
    """Return the cells of a clause's key and status."""
    style = _NARROW + (_MARKED if row.status in ("changed", "missing") else "")
    return (
        f'<th scope="row" style="{_NARROW}"><bdi dir="ltr">{escaped(row.key)}</bdi></th>'
        f'<td style="{style}">{escaped(words.of(row))}</td>'
    )


class _Column:
    """The cells of one document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._ends = list(accumulate(run.length for run in document.runs))

    def cell(self, clause: Clause | None) -> str:
        """Return the cell of a clause; an empty one where this side has none."""
        if clause is None:
            return f'<td style="{_CELL}"></td>'
        text = html_body(self._part(clause.position, clause.position + clause.length), default=clause.direction)
        return f'<td dir="{clause.direction}" style="{_CELL}">{text}</td>'

    def _part(self, begin: int, end: int) -> Document:
        runs: list[Run] = []
        number = bisect_right(self._ends, begin)
        at = begin
        while at < end and number < len(self._ends):
            until = min(end, self._ends[number])
            runs.append(Run(until - at, self._document.runs[number].attributes))
            at, number = until, number + 1
        return Document(Units(self._document.text[begin:end]), tuple(runs))

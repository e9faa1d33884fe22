"""Two texts side by side, clause by clause, each in its direction; a notebook shows them as a table."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from dossier_realtime.ot.document import Document, Run
from dossier_realtime.ot.units import Units

from .clauses import clauses
from .html_text import escaped, html_body
from .pairing import aligned

if TYPE_CHECKING:
    from .clauses import Clause

_TABLE = "width:100%;table-layout:fixed;border-collapse:collapse"
_CELL = "width:50%;vertical-align:top;white-space:pre-wrap;overflow-wrap:anywhere;padding:.4em .8em;text-align:start"


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Two documents in two columns: what belongs together is on one row.

    `titles` stand above the columns. The columns keep their places, whatever the direction of the page is.
    """

    first: Document
    second: Document
    titles: tuple[str, str] = ("", "")

    def rows(self) -> list[tuple[Clause | None, Clause | None]]:
        """Return the clauses of both, by the keys of their headings and markers."""
        return aligned(clauses(self.first), clauses(self.second))

    def html(self) -> str:
        """Return the table. It holds no script, makes no request, and every text in it is escaped."""
        heads = "".join(f'<th scope="col" dir="auto" style="{_CELL}">{escaped(title)}</th>' for title in self.titles)
        head = f"<thead><tr>{heads}</tr></thead>\n" if any(self.titles) else ""
        one, other = _Column(self.first), _Column(self.second)
        body = "".join(f"<tr>{one.cell(own)}{other.cell(theirs)}</tr>\n" for own, theirs in self.rows())
        return f'<table dir="ltr" style="{_TABLE}">\n{head}<tbody>\n{body}</tbody></table>'

    def _repr_html_(self) -> str:
        return self.html()


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

"""Two texts side by side: what belongs together on one row, each in its direction, whatever the texts hold."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given

from dossier_realtime.ot.document import Document
from dossier_realtime.protocol.commands import Attributes
from dossier_realtime.rich_text.clause_words import CLAUSE_WORDS
from dossier_realtime.rich_text.side_by_side import SideBySide
from tests.rich_text.rich_documents import documents, rich


class _Table(HTMLParser):
    """The rows of a table: of each cell its direction and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[tuple[str | None, str]]] = []
        self.tags: set[str] = set()
        self._in_cell = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append((dict(attrs).get("dir"), ""))
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            direction, text = self.rows[-1][-1]
            self.rows[-1][-1] = direction, text + data


def test_clauses_that_belong_together_are_on_one_row_each_in_its_direction() -> None:
    first = rich([("Article 1 Scope\n", Attributes(heading=2)), ("Five <b>years.\nArticle 2\nx", Attributes())])
    second = Document.of("المادة ١ النطاق\nخمس سنوات.\nالمادة ٣\nس")
    page = SideBySide(first, second, ("English & more", "العربية")).html()
    rows = _Table(page).rows
    assert [row[0][1] for row in rows] == ["Clause", "article-1", "article-3", "article-2"]
    assert [row[1][1] for row in rows] == ["Status", "unknown", "missing on one side", "missing on one side"]
    titles, scope, other, lone = (row[2:] for row in rows)
    assert titles == [("auto", "English & more"), ("auto", "العربية")]
    assert [direction for direction, _ in scope] == ["ltr", "rtl"]
    assert [text.split("\n") for _, text in scope] == [
        ["Article 1 Scope", "Five <b>years.", ""],
        ["المادة ١ النطاق", "خمس سنوات.", ""],
    ]
    assert (lone[0][1].split(), lone[1]) == (["Article", "2", "x"], (None, ""))
    assert (other[0], other[1][0]) == ((None, ""), "rtl")
    assert '<h2 dir="ltr">Article 1 Scope</h2>' in page


def test_the_table_runs_in_the_direction_of_its_words() -> None:
    page = SideBySide(Document.of("1. a"), Document.of("1. b"), language="ar").html()
    assert page.startswith('<table lang="ar" dir="rtl"')
    assert CLAUSE_WORDS["ar"].unknown in page


@given(documents, documents)
def test_both_texts_are_whole_in_the_table_and_nothing_in_them_is_markup(first: Document, second: Document) -> None:
    table = _Table(SideBySide(first, second).html())
    assert table.tags <= {
        *("table", "thead", "tbody", "tr", "th", "td", "bdi", "p", "h1", "h2", "h3", "ul", "ol", "li"),
        *("strong", "em", "u", "s", "mark", "a"),
    }
    for column, document in enumerate((first, second)):
        shown = "".join(row[2 + column][1] for row in table.rows)
        assert sorted("".join(shown.split())) == sorted("".join(document.content.split()))

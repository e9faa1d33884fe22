"""The text of an export is the text of the document: read back by a parser of its format, whatever the text holds."""

from __future__ import annotations

import itertools
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import example, given
from markdown_it import MarkdownIt
from markdown_it.token import Token

from dossier_realtime.ot.document import Document
from dossier_realtime.protocol.commands import Attributes
from dossier_realtime.rich_text.clauses import clauses
from dossier_realtime.rich_text.html_text import html_page
from dossier_realtime.rich_text.markdown_text import markdown
from dossier_realtime.rich_text.paragraphs import paragraphs
from dossier_realtime.rich_text.remark_words import words_for
from dossier_realtime.rich_text.remarks import Remark, alternatives
from tests.rich_text.rich_documents import documents, one_line_end, rich

_BLOCKS = {"p", "li", "h1", "h2", "h3"}


class _Page(HTMLParser):
    """The lines of an exported page, and everything in it that could fetch or run something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._open = self._apart = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("section", "sup"):
            self._apart = True
        if tag in _BLOCKS and not self._apart:
            self.lines.append("")
            self._open = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "sup":
            self._apart = False
        if tag in _BLOCKS:
            self._open = False

    def handle_data(self, data: str) -> None:
        if self._open and not self._apart:
            self.lines[-1] += data


def _markdown_lines(text: str) -> list[str]:
    """Return the lines of the text that a parser of Markdown reads. Fails on a picture and on code."""
    parser = MarkdownIt("commonmark", {"html": True}).enable("strikethrough")
    lines: list[str] = []
    for token in parser.parse(text):
        assert token.type not in ("fence", "code_block", "html_block", "hr"), token
        if token.type == "inline":
            lines += _inline(token)
    return lines


def _inline(block: Token) -> list[str]:
    lines = [""]
    for token in block.children or ():
        if token.type == "hardbreak":
            lines.append("")
        elif token.type == "text":
            lines[-1] += token.content
        else:
            assert token.type.endswith(("_open", "_close")) or token.type == "html_inline", token
    return lines


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([("The ", {}), ("scope", {"heading": 1}), ("\n", {}), ("text", {})], [(1, None), (None, None)]),
        ([("بند ", {"bold": True}), ("one", {"list": "bullet"})], [(None, "bullet")]),
        ([("a", {"heading": 2}), ("b", {"heading": 1})], [(2, None)]),
        ([("a", {"list": "ordered"}), ("b", {"heading": 1})], [(None, "ordered")]),
        ([("text", {}), ("\n", {"heading": 1}), ("\n", {"heading": 3})], [(None, None), (3, None), (None, None)]),
        ([("text", {})], [(None, None)]),
    ],
)
def test_a_line_is_a_heading_or_an_item_by_the_first_unit_that_says_so(
    runs: list[tuple[str, dict[str, Any]]], expected: list[tuple[int | None, str | None]]
) -> None:
    document = rich([(text, Attributes(**said)) for text, said in runs])
    assert [(line.heading, line.list) for line in paragraphs(document)] == expected


@given(documents)
def test_paragraphs_joined_are_the_text(document: Document) -> None:
    found = list(
        paragraphs(document, cuts=[cut for cut in (1, 3, 5) if cut < document.length and _whole(document, cut)])
    )
    assert "\n".join(line.text for line in found) == one_line_end(document)
    ends = [document.text[a.position + a.length : b.position] for a, b in itertools.pairwise(found)]
    assert set(ends) <= {"\n", "\r\n"}
    assert len(ends) == document.text.count("\n")


def _whole(document: Document, cut: int) -> bool:
    return not "\udc00" <= document.text[cut] <= "\udfff"


@given(documents)
@example(rich([("!", Attributes()), ("x", Attributes(link="https://e.org"))]))
@example(
    rich([("a", Attributes(bold=True)), ("b", Attributes(bold=True, italic=True)), ("c", Attributes(italic=True))])
)
@example(rich([("1. one\n- two\n# three\n    four\n---\n===\n> five\n```\n~~~\n[a]: https://e.org", Attributes())]))
def test_markdown_is_read_back_as_the_text(document: Document) -> None:
    lines = [line for line in one_line_end(document).split("\n") if line]
    assert _markdown_lines(markdown(document)) == lines


@given(documents)
def test_html_is_read_back_as_the_text(document: Document) -> None:
    page = _Page(html_page(document, "a title"))
    assert "\n".join(page.lines) == one_line_end(document)


@given(documents)
def test_html_fetches_and_runs_nothing_and_gives_each_paragraph_its_direction(document: Document) -> None:
    page = _Page(html_page(document, "</title><script>", [Remark(1, 1, "<img src=x>", "<script>\nمرحبا", 1)]))
    for tag, has in page.elements:
        assert tag not in (
            "script",
            "img",
            "iframe",
            "object",
            "embed",
            "link",
            "base",
            "form",
            "svg",
            "video",
            "audio",
        )
        assert not {"src", "srcset", "style", "background", "ping"} & has.keys()
        assert not any(name.startswith("on") for name in has)
        if "href" in has:
            assert tag == "a"
            assert str(has["href"]).startswith(("https://", "/documents/", "#"))
        if tag in _BLOCKS and tag != "li" and "dir" in has:
            assert has["dir"] in ("ltr", "rtl")


@pytest.mark.parametrize(
    ("attributes", "html", "said"),
    [
        (Attributes(bold=True), "<strong>word</strong>", "**word**"),
        (Attributes(italic=True), "<em>word</em>", "*word*"),
        (Attributes(underline=True), "<u>word</u>", "<u>word</u>"),
        (Attributes(strike=True), "<s>word</s>", "~~word~~"),
        (Attributes(highlight="green"), '<mark class="green">word</mark>', "<mark>word</mark>"),
        (
            Attributes(link="https://example.org/a?b&c"),
            '<a href="https://example.org/a?b&amp;c" rel="noopener noreferrer">word</a>',
            "[word](<https://example.org/a?b&amp;c>)",
        ),
        (Attributes(heading=1), '<h1 dir="ltr">word</h1>', "# word"),
        (Attributes(heading=3), '<h3 dir="ltr">word</h3>', "### word"),
        (Attributes(list="bullet"), '<ul dir="ltr">\n<li dir="ltr">word</li>\n</ul>', "- word"),
        (Attributes(list="ordered"), '<ol dir="ltr">\n<li dir="ltr">word</li>\n</ol>', "1. word"),
    ],
)
def test_every_attribute_has_its_form(attributes: Attributes, html: str, said: str) -> None:
    document = rich([("word", attributes), ("\nplain", Attributes())])
    assert html in html_page(document, "t")
    assert markdown(document).startswith(said)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("un", "able", "un<strong>word</strong>able\n"),
        ("(", ")", "(**word**)\n"),
        ("قال ", "، ثم", "قال **word**، ثم\n"),
    ],
)
def test_a_delimiter_is_written_only_where_it_is_read_as_one(before: str, after: str, said: str) -> None:
    document = rich([(before, Attributes()), ("word", Attributes(bold=True)), (after, Attributes())])
    assert markdown(document) == said


def test_remarks_and_alternatives_stand_beside_the_text() -> None:
    document = rich([("keep ", Attributes()), ("this", Attributes(alternative="B")), (" one", Attributes())])
    remarks = [
        Remark(0, 4, "Ali", "why?", 1_700_000_000),
        Remark(2, 0, "Bea", "لماذا", resolved=True),
        *alternatives(document),
    ]
    assert markdown(document, remarks) == (
        "ke[^2]ep[^1] this[^3] one\n"
        "\n[^1]: Ali, 2023-11-14 22:13 UTC: why?\n\n[^2]: Bea, resolved: لماذا\n\n[^3]: Alternative: B\n"
    )
    page = html_page(document, "t", remarks)
    assert _Page(page).lines == ["keep this one"]
    assert '<p dir="rtl">لماذا</p>' in page
    assert "<bdi>Ali</bdi> <small>2023-11-14 22:13 UTC</small>" in page


def test_a_paragraph_has_the_direction_of_its_first_strong_character_or_its_mark() -> None:
    text = "Hello مرحبا\nمرحبا Hello\n12 - 3\n\u200f12 Hello\n\u2067Hello\u2069 مرحبا\n"
    assert [line.direction for line in paragraphs(Document.of(text))] == ["ltr", "rtl", "ltr", "rtl", "rtl", "ltr"]
    assert [line.direction for line in paragraphs(Document.of("12\nمرحبا"))] == ["rtl", "rtl"]


@pytest.mark.parametrize("cut", [Attributes(alternative="A"), Attributes(bold=False)])
@pytest.mark.parametrize(
    "parts", [("1", ". item"), ("12", ") item"), ("  ", "# word"), ("\t", "- item"), ("1", "2. item")]
)
def test_what_a_line_begins_with_is_no_markup_where_it_is_cut_into_spans(
    parts: tuple[str, str], cut: Attributes
) -> None:
    """The cut is by formatting that Markdown has no sign for."""
    written = markdown(rich([(parts[0], cut), (parts[1], Attributes())]))
    body = MarkdownIt("commonmark").render(written)
    assert not any(tag in body for tag in ("<ol", "<ul", "<h1", "<code")), (written, body)


def test_lines_that_end_as_in_windows_are_as_any_other() -> None:
    text = "Article 1\r\nTrade is free.\r\n\r\nالمادة ٢\r\nalone\rhere\r\n"
    windows, unix = Document.of(text), Document.of(text.replace("\r\n", "\n"))
    assert markdown(windows) == markdown(unix)
    assert html_page(windows, "t") == html_page(unix, "t")
    found = [(each.key, each.title, each.digest) for each in clauses(windows)]
    assert found == [(each.key, each.title, each.digest) for each in clauses(unix)]
    for each in clauses(windows):
        assert not text[each.position : each.position + each.length].endswith("\r")


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize("length", range(5))
def test_a_remark_in_a_line_end_is_marked_once(place: int, length: int) -> None:
    document = Document.of("a\r\n\r\nb")
    remarks = [Remark(place, length, "Ali", "why")]
    assert markdown(document, remarks).count("[^1]") == 2
    assert html_page(document, "t", remarks).count('id="mark-1"') == 1


def test_an_alternative_of_an_arabic_text_is_named_in_arabic() -> None:
    document = rich([("النص ", Attributes()), ("هذا", Attributes(alternative="B"))])
    assert [remark.text for remark in alternatives(document)] == ["صيغة بديلة: B"]
    assert "[^1]: منتهٍ: x" in markdown(document, [Remark(0, 4, "", "x", resolved=True)])
    assert words_for("123 — !").language == "en"


def test_both_languages_have_places_for_the_same_words() -> None:
    english, arabic = words_for("a"), words_for("ا")
    assert [said.count("{}") for said in english] == [said.count("{}") for said in arabic]
    assert not set(english) & set(arabic)

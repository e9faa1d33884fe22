"""Word files, opened again by python-docx: text, formatting, directions, lists and comments."""

from __future__ import annotations

import io
import itertools
import re
import time

import docx
import pytest
from docx.document import Document as WordDocument
from docx.oxml.ns import qn
from hypothesis import given, settings

from app.services.exports.docx_file import word_file
from app.services.exports.job import ExportJob
from dossier_realtime.ot.document import Document
from dossier_realtime.protocol.commands import Attributes
from dossier_realtime.rich_text.remarks import Remark
from tests.rich_text.rich_documents import documents, one_line_end, rich


def _opened(file: bytes) -> WordDocument:
    return docx.Document(io.BytesIO(file))


def _text(file: WordDocument) -> str:
    return "\n".join(paragraph.text for paragraph in file.paragraphs)


@settings(max_examples=40)  # a file takes 30 ms
@given(documents)
def test_a_word_file_is_read_back_as_the_text(document: Document) -> None:
    assert _text(_opened(word_file(document, "t"))) == one_line_end(document)


def test_lines_that_end_as_in_windows_have_no_break_more() -> None:
    document = Document.of("Article 1\r\n\r\nمرحبا\r\n")
    for place, length in itertools.product(range(12), range(5)):
        file = _opened(word_file(document, "t", [Remark(place, length, "Ali", "why")]))
        assert [paragraph.text for paragraph in file.paragraphs] == ["Article 1", "", "مرحبا", ""]
        body = file.element.xml
        assert [body.count(f"w:comment{each}") for each in ("RangeStart", "RangeEnd", "Reference")] == [1, 1, 1]


def test_what_xml_cannot_hold_is_replaced_and_the_rest_stays() -> None:
    text = "a\x01b\x0bc\ufffe\ttab &amp; <w:p/> ]]> \u202eevil\u202c"
    assert _text(_opened(word_file(Document.of(text), "\x00"))) == (
        "a\ufffdb\ufffdc\ufffd\ttab &amp; <w:p/> ]]> \u202eevil\u202c"
    )
    assert _text(_opened(word_file(Document.of("one\rtwo"), "t"))) == "one\ntwo"


def test_every_attribute_is_in_the_file() -> None:
    plain = ("\n", Attributes())
    document = rich(
        [
            ("Title", Attributes(heading=2)),
            plain,
            ("bold", Attributes(bold=True)),
            ("italic", Attributes(italic=True)),
            ("under", Attributes(underline=True)),
            ("strike", Attributes(strike=True)),
            ("high", Attributes(highlight="pink")),
            ("link", Attributes(link="https://example.org/?a&b")),
            plain,
            ("one", Attributes(list="bullet")),
        ]
    )
    file = _opened(word_file(document, "t"))
    title, line, item = file.paragraphs
    assert (title.style.name, item.style.name) == ("Heading 2", "List Bullet") if title.style and item.style else False
    bold, italic, under, strike, high = line.runs
    assert (bold.font.bold, bold.font.cs_bold) == (True, True)
    assert (italic.font.italic, italic.font.cs_italic) == (True, True)
    assert (under.font.underline, strike.font.strike, str(high.font.highlight_color)) == (True, True, "PINK (5)")
    assert [(link.text, link.url) for link in line.hyperlinks] == [("link", "https://example.org/?a&b")]


def test_a_paragraph_from_right_to_left_is_marked_so_and_each_ordered_list_counts_from_one() -> None:
    ordered = Attributes(list="ordered")
    document = rich(
        [("المادة ١", ordered), ("\n", ordered), ("two", ordered), ("\nplain\n", Attributes()), ("one", ordered)]
    )
    first, second, _, third = _opened(word_file(document, "t")).paragraphs
    assert first._p.pPr is not None
    assert second._p.pPr is not None
    assert first._p.pPr.find(qn("w:bidi")) is not None
    assert first.runs[0].font.rtl is True
    assert second._p.pPr.find(qn("w:bidi")) is None
    numbers = [re.findall(r'w:numId w:val="(\d+)"', each._p.xml) for each in (first, second, third)]
    assert numbers[0] == numbers[1] != numbers[2]


def test_comments_are_comments_of_the_file_on_their_text() -> None:
    document = rich([("keep ", Attributes()), ("this", Attributes(alternative="B")), ("\n\nend", Attributes())])
    remarks = [
        Remark(0, 7, "Ali <b>", "why?\nلماذا", 1_700_000_000),
        Remark(10, 0, "Bea", "an empty line"),
        Remark(0, 7, "Cem", "تم", resolved=True),
        Remark(900, 5, "Dan", "beyond"),
    ]
    job = ExportJob("docx", "t", document.content, document.format, remarks)
    file = _opened(job.made())
    assert _text(file) == document.content
    assert [(each.author, each.text) for each in file.comments] == [
        ("Ali <b>", "why?\nلماذا"),
        ("Bea", "an empty line"),
        ("Cem", "[resolved] تم"),
        ("Dan", "beyond"),
        ("", "Alternative: B"),
    ]
    right_to_left = [[line._p.pPr.find(qn("w:bidi")) is not None for line in each.paragraphs] for each in file.comments]
    assert right_to_left == [[False, True], [False], [True], [False], [False]], "as its author wrote"
    first = next(iter(file.comments))
    assert first.timestamp is not None
    assert first.timestamp.timestamp() == 1_700_000_000
    body = file.element.body.xml
    for comment in file.comments:
        places = [
            body.index(f'<w:comment{part} w:id="{comment.comment_id}"')
            for part in ("RangeStart", "RangeEnd", "Reference")
        ]
        assert places == sorted(places)


@pytest.mark.usefixtures("no_collection")
def test_four_times_the_comments_take_no_more_than_a_few_times_as_long() -> None:
    document = Document.of("word " * 100)

    def seconds(comments: int) -> float:
        remarks = [
            Remark(5 * (number % 100), 4, "Ali", "why?\nلماذا", 1, number % 2 == 0) for number in range(comments)
        ]
        before = time.process_time()
        word_file(document, "Title", remarks)
        return time.process_time() - before

    few, many = min(seconds(1_500) for _ in range(3)), min(seconds(6_000) for _ in range(3))
    assert many < 9 * few, "each comment looked at all others"

"""A document as a Word file (Office Open XML), remarks as its comments, right-to-left paragraphs marked so.

python-docx makes the package, its styles and its comments. Paragraphs are written as XML and parsed once: through its
objects a paragraph takes a millisecond and more.
"""

from __future__ import annotations

import html
import io
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import docx
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.opc.oxml import serialize_part_xml
from docx.oxml.ns import nsdecls
from docx.oxml.parser import parse_xml

from dossier_realtime.rich_text.direction import first_strong
from dossier_realtime.rich_text.paragraphs import edges, paragraphs
from dossier_realtime.rich_text.remark_words import words_for
from dossier_realtime.rich_text.remarks import placed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from docx.document import Document as WordDocument

    from dossier_realtime.ot.document import Document
    from dossier_realtime.rich_text.paragraphs import Paragraph, Span
    from dossier_realtime.rich_text.remarks import Remark

_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Characters that XML 1.0 cannot hold, not even escaped."""
_PIECES = re.compile(r"[^\t\r]+|\t|\r")
_BREAKS = {"\t": "<w:tab/>", "\r": "<w:br/>"}
_STYLES = {"bullet": "ListBullet", "ordered": "ListNumber"}
_HIGHLIGHTS = {"yellow": "yellow", "green": "green", "blue": "cyan", "pink": "magenta", "orange": "darkYellow"}
"""The colours nearest to ours among those that Word has."""
_LINK_COLOR = "0563C1"
_NAMESPACES = nsdecls("w", "r")


def word_file(document: Document, title: str, remarks: Sequence[Remark] = ()) -> bytes:
    """Return the file. A character that XML cannot hold is replaced by U+FFFD, a carriage return by a line break."""
    file: WordDocument = docx.Document()
    remarks = placed(remarks, document)
    about = file.core_properties
    about.title, about.author, about.comments = _NO_XML.sub("\ufffd", title), "", ""
    about.created = about.modified = datetime(2000, 1, 1, tzinfo=UTC)  # the same export is the same file
    begins, ends = _comments(file, remarks, words_for(document.content).resolved)
    written = _Body(file, begins, ends)
    cuts = edges([(remark.position, remark.length) for remark in remarks], document.length)
    body = "".join(written.paragraph(line) for line in paragraphs(document, cuts))
    whole = serialize_part_xml(file.element).decode()
    before, section = whole[: whole.index("<w:sectPr")], whole[whole.index("<w:sectPr") :]
    declared, _, before = before.rpartition("?>")
    assert declared  # noqa: S101  it declares UTF-8, as the string does not
    # Parsed as a whole: lxml takes the square of the time to move a long paragraph into another tree.
    file.part._element = parse_xml(before + body + section)  # noqa: SLF001  python-docx has no call to replace it
    _number(file, written.lists)
    packed = io.BytesIO()
    file.save(packed)
    return packed.getvalue()


def _comments(
    file: WordDocument, remarks: Sequence[Remark], resolved: str
) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    """Add the comments; return their numbers by the position at which the commented text begins, and ends."""
    begins: dict[int, list[int]] = {}
    ends: dict[int, list[int]] = {}
    for number, remark in enumerate(remarks):
        begins.setdefault(remark.position, []).append(number)
        ends.setdefault(remark.end, []).append(number)
    if remarks:
        # Written and parsed as a whole: python-docx looks through all comments before it adds one.
        made = "".join(_comment(number, remark, resolved) for number, remark in enumerate(remarks))
        part = file.comments._comments_part  # noqa: SLF001  it has no call to replace them
        part._element = parse_xml(f"<w:comments {_NAMESPACES}>{made}</w:comments>")  # noqa: SLF001  likewise
    return begins, ends


def _comment(number: int, remark: Remark, resolved: str) -> str:
    """Return a comment as XML."""
    author = _NO_XML.sub("\ufffd", remark.author)
    at = datetime.fromtimestamp(remark.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if remark.at else ""
    said = remark.text.replace("\r\n", "\n").split("\n")
    tag = f"[{resolved}] " if remark.resolved else ""
    lines = "".join(_comment_line(line, "" if place else tag, is_first=not place) for place, line in enumerate(said))
    dated = f' w:date="{at}"' if at else ""
    about = f'w:id="{number}" w:author="{html.escape(author)}" w:initials="{html.escape(author[:1])}"{dated}'
    return f"<w:comment {about}>{lines}</w:comment>"


def _comment_line(text: str, tag: str, *, is_first: bool) -> str:
    is_rtl = first_strong(text or tag) == "rtl"  # of what the author wrote: the tag is in the language of the file
    bidi, rtl = ("<w:bidi/>", "<w:rtl/>") if is_rtl else ("", "")
    mark = f'<w:r><w:rPr><w:rStyle w:val="CommentReference"/>{rtl}</w:rPr><w:annotationRef/></w:r>' if is_first else ""
    said = f"<w:r><w:rPr>{rtl}</w:rPr>{_text(tag + text)}</w:r>" if tag + text else ""
    return f'<w:p><w:pPr><w:pStyle w:val="CommentText"/>{bidi}</w:pPr>{mark}{said}</w:p>'


class _Body:
    """The paragraphs as they are written. `lists`: the number of ordered lists so far."""

    def __init__(self, file: WordDocument, begins: dict[int, list[int]], ends: dict[int, list[int]]) -> None:
        self._part, self._begins, self._ends = file.part, begins, ends
        self._links: dict[str, str] = {}
        self.lists = 0
        self._in_list = False
        self._first_list = _last_number(file) + 1

    def paragraph(self, line: Paragraph) -> str:
        """Return one paragraph as XML."""
        runs = "".join(self._runs(line))
        return f"<w:p><w:pPr>{self._properties(line)}</w:pPr>{runs}</w:p>"

    def _properties(self, line: Paragraph) -> str:
        ordered = line.list == "ordered"
        if ordered and not self._in_list:
            self.lists += 1
        self._in_list = ordered
        made = ""
        if line.heading:
            made = f'<w:pStyle w:val="Heading{line.heading}"/>'
        elif line.list:
            made = f'<w:pStyle w:val="{_STYLES[line.list]}"/>'
        if ordered:
            number = self._first_list + self.lists - 1
            made += f'<w:numPr><w:ilvl w:val="0"/><w:numId w:val="{number}"/></w:numPr>'
        return made + ("<w:bidi/>" if line.direction == "rtl" else "")

    def _runs(self, line: Paragraph) -> Iterator[str]:
        yield from self._edge(line.position)
        for span in line.spans:
            yield self._run(span, line)
            yield from self._edge(span.position + span.length)

    def _edge(self, position: int) -> Iterator[str]:
        """Yield the ends of comments at a position, then the beginnings; those of no length in the other order."""
        begins, ends = self._begins.pop(position, []), self._ends.pop(position, [])
        begun, ended = set(begins), set(ends)
        for number in ends:
            if number in begun:
                yield f'<w:commentRangeStart w:id="{number}"/>'
            yield f'<w:commentRangeEnd w:id="{number}"/><w:r><w:commentReference w:id="{number}"/></w:r>'
        for number in begins:
            if number not in ended:
                yield f'<w:commentRangeStart w:id="{number}"/>'

    def _run(self, span: Span, line: Paragraph) -> str:
        has = span.attributes
        linked, highlight = isinstance(has.link, str), has.highlight
        properties = [
            "<w:b/><w:bCs/>" if has.bold is True else "",  # `Cs`: of Arabic and Hebrew letters
            "<w:i/><w:iCs/>" if has.italic is True else "",
            "<w:strike/>" if has.strike is True else "",
            f'<w:color w:val="{_LINK_COLOR}"/>' if linked else "",
            f'<w:highlight w:val="{_HIGHLIGHTS[highlight]}"/>' if isinstance(highlight, str) else "",
            '<w:u w:val="single"/>' if has.underline is True or linked else "",
            "<w:rtl/>" if (first_strong(span.text) or line.direction) == "rtl" else "",
        ]
        run = f"<w:r><w:rPr>{''.join(properties)}</w:rPr>{_text(span.text)}</w:r>"
        if not isinstance(has.link, str):
            return run
        return f'<w:hyperlink r:id="{self._relation(has.link)}">{run}</w:hyperlink>'

    def _relation(self, target: str) -> str:
        """Return the name of a link in the package. It is followed only by a click."""
        name = self._links.get(target)
        if name is None:
            name = self._links[target] = f"link{len(self._links)}"
            self._part.rels.add_relationship(RELATIONSHIP_TYPE.HYPERLINK, target, name, is_external=True)
        return name


def _text(text: str) -> str:
    pieces: Iterable[str] = _PIECES.findall(_NO_XML.sub("\ufffd", text))
    return "".join(_BREAKS.get(piece) or f'<w:t xml:space="preserve">{html.escape(piece)}</w:t>' for piece in pieces)


def _last_number(file: WordDocument) -> int:
    return max(map(int, file.part.numbering_part.element.xpath("./w:num/@w:numId")), default=0)


def _number(file: WordDocument, lists: int) -> None:
    """Add the numbering of each ordered list, so that each counts from 1."""
    numbering = file.part.numbering_part.element
    style = file.styles["List Number"].element.xpath("./w:pPr/w:numPr/w:numId/@w:val")[0]
    abstract = numbering.xpath(f'./w:num[@w:numId="{int(style)}"]/w:abstractNumId/@w:val')[0]
    first = _last_number(file) + 1
    made = "".join(
        f'<w:num w:numId="{number}"><w:abstractNumId w:val="{int(abstract)}"/>'
        '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="1"/></w:lvlOverride></w:num>'
        for number in range(first, first + lists)
    )
    for each in list(parse_xml(f"<w:numbering {_NAMESPACES}>{made}</w:numbering>")):
        numbering.append(each)

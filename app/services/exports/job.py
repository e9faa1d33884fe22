"""One export: the document and what its file is to be."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from dossier_realtime.ot.document import Document
from dossier_realtime.protocol.responses import FormatRun
from dossier_realtime.rich_text.html_text import html_page
from dossier_realtime.rich_text.markdown_text import markdown
from dossier_realtime.rich_text.remarks import Remark, alternatives

Format = Literal["markdown", "html", "docx"]


class ExportJob(Struct, frozen=True):
    """The text with its formatting and the remarks on it, and the format of the file."""

    form: Format
    title: str
    content: str
    format: list[FormatRun]
    remarks: list[Remark] = []
    language: str = ""

    @property
    def pieces(self) -> int:
        """A bound of the number of paragraphs and spans that are written."""
        return self.content.count("\n") + 2 * len(self.format) + 2 * len(self.remarks) + 1

    def made(self) -> bytes:
        """Return the file."""
        document = Document.of(self.content, self.format)
        remarks = [*self.remarks, *alternatives(document)]
        if self.form == "docx":
            from .docx_file import word_file  # noqa: PLC0415  it loads lxml, which a service without exports never needs

            return word_file(document, self.title, remarks)
        if self.form == "html":
            return html_page(document, self.title, remarks, self.language).encode()
        return markdown(document, remarks).encode()

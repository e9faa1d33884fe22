"""`GET /v1/documents/{id}/export`: a document as a Markdown, HTML or Word file.

Source: docs/protocol.md#export-of-a-document.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.journal.calls import Read
from app.services.errors import Unavailable
from app.services.exports.exports import MAX_PIECES, TooManyPiecesError
from app.services.revisions.revisions import VersionNotKeptError
from app.web.domain.document_call_handler import DocumentCallHandler
from dossier_realtime.protocol.errors import ErrorCode

if TYPE_CHECKING:
    from app.services.exports.job import Format

_FORMATS: Final[dict[str, tuple[Format, str, str]]] = {
    "markdown": ("markdown", "text/markdown; charset=utf-8", "md"),
    "html": ("html", "text/html; charset=utf-8", "html"),
    "docx": ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
}


class DocumentExportHandler(DocumentCallHandler):
    """A document as a file, now or at a version."""

    async def get(self, document_id: str) -> None:
        """Answer with the file, to be saved: it is never shown as a page of the service's own address."""
        channel, identity = await self.open_existing(document_id)
        if identity is None:
            return
        form = _FORMATS.get(self.get_query_argument("format", ""))
        if form is None:
            text = f"format is one of {', '.join(_FORMATS)}"
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, text)
            return
        asked = self.version_argument("version")
        if asked == "":
            return
        name, media, ending = form
        revisions = self.context.domain.revisions
        try:
            if asked is None:
                version, written = await self.context.domain.exports.present(name, document_id, channel)
            else:
                versioned = await revisions.at(channel, await revisions.version_of(channel, asked))
                version = versioned.version
                written = await self.context.domain.exports.file(name, document_id, versioned.document)
        except VersionNotKeptError as absent:
            self.refuse_version(absent)
            return
        except TooManyPiecesError:
            text = f"The document has more than {MAX_PIECES:,} paragraphs and stretches of formatting; read its text"
            self.refuse(413, ErrorCode.INVALID_MESSAGE_FORMAT, text)
            return
        except Unavailable:
            self.unavailable()
            return
        self.read_of = Read(channel, 1, version)  # the text at a version holds all before it
        # The id has only letters, digits, dots and dashes; with a word before it, it is no name that a system reserves.
        self.set_header("Content-Disposition", f'attachment; filename="document-{document_id}-v{version}.{ending}"')
        await self.answer_parts((written,), media)

"""The HTTP calls about one document beside its text and its versions."""

from __future__ import annotations

from app.core.schema.call_forms import HTML, MARKDOWN, WORD, HttpCallForm, Parameter, Said, path_id
from dossier_realtime.protocol.http.revisions import MAX_VERSION_NAME

_DOCUMENT = path_id("document", "The id of the document; its channel is document:{document}.")

DOCUMENT_CALLS: tuple[HttpCallForm, ...] = (
    HttpCallForm(
        "get",
        "/v1/documents/{document}/export",
        "export_document",
        "Save a document, now or as it was, as a Markdown, HTML or Word file.",
        Said("text", MARKDOWN, headers=("Content-Disposition",), other_media=(HTML, WORD)),
        "token",
        (
            _DOCUMENT,
            Parameter(
                "format",
                "query",
                {"type": "string", "enum": ["markdown", "html", "docx"]},
                "The kind of file.",
                required=True,
            ),
            Parameter(
                "version",
                "query",
                {"type": "string", "minLength": 1, "maxLength": MAX_VERSION_NAME},
                "The text at this version: its number or its name.",
            ),
        ),
        (403, 404, 413),
    ),
)

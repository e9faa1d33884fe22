"""The HTTP calls about one document beside its text and its versions."""

from __future__ import annotations

from app.core.schema.call_forms import (
    HTML,
    MARKDOWN,
    REASON,
    WORD,
    HttpCallForm,
    Parameter,
    Said,
    path_id,
    query_flag,
    query_number,
    query_text,
)
from dossier_realtime.protocol.documents import snapshots
from dossier_realtime.protocol.http import pair_forms as forms
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
    HttpCallForm(
        "get",
        "/v1/documents/{document}/pair",
        "read_pair",
        "Read a document and its counterpart in another language, clause by clause.",
        Said(forms.DocumentPairAnswer),
        "token",
        (_DOCUMENT, query_flag("text", "Also the texts of the clauses.")),
        (403, 404),
    ),
    HttpCallForm(
        "put",
        "/v1/documents/{document}/pair",
        "pair_documents",
        "Name the counterpart of a document, and the languages of both.",
        Said(forms.PairSettings, body=forms.PairSettings),
        "token",
        (_DOCUMENT, REASON),
        (403, 409),
    ),
    HttpCallForm(
        "delete",
        "/v1/documents/{document}/pair",
        "part_documents",
        "Take a document and its counterpart apart.",
        Said(forms.PairRemoved),
        "token",
        (_DOCUMENT, REASON),
        (403, 404),
    ),
    HttpCallForm(
        "post",
        "/v1/documents/{document}/pair/translated",
        "mark_translated",
        "Mark clauses as translated, at the versions that were compared.",
        Said(forms.MarkedClauses, body=forms.TranslatedClauses, body_optional=True),
        "token",
        (_DOCUMENT, REASON),
        (403, 404),
    ),
    HttpCallForm(
        "post",
        "/v1/documents/{document}/snapshots",
        "sign_snapshot",
        "Sign a version of a document, with those who have it open; the answer is a file that is verified offline.",
        Said(snapshots.SignedSnapshot, body=snapshots.SnapshotRequest, body_optional=True),
        "token",
        (_DOCUMENT, REASON),
        (403, 404, 409),
    ),
    HttpCallForm(
        "get",
        "/v1/documents/{document}/snapshots",
        "list_snapshots",
        "List the signed statements about versions of a document.",
        Said(snapshots.KeptSnapshots),
        "token",
        (
            _DOCUMENT,
            query_text("after", "The `next` of the page before."),
            query_number("limit", "Statements in one page.", 1, 100, 100),
        ),
        (403,),
    ),
    HttpCallForm(
        "get",
        "/v1/documents/{document}/snapshots/{snapshot}",
        "read_snapshot",
        "Read a signed snapshot with its text, byte for byte as when it was signed.",
        Said(snapshots.SignedSnapshot),
        "token",
        (_DOCUMENT, path_id("snapshot", "The id of a snapshot.")),
        (403, 404),
    ),
)

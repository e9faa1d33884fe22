"""The HTTP calls about comments and suggestions, in the table of all calls."""

from __future__ import annotations

from app.core.schema.call_forms import KEY, REASON, HttpCallForm, Parameter, Said, path_id, query_number
from dossier_realtime.protocol.documents.comments import DocumentCommentPayload
from dossier_realtime.protocol.fields import MAX_SAFE_INTEGER
from dossier_realtime.protocol.http import comments as forms

_DOCUMENT = path_id("document", "The id of a document.")
_COMMENT = Parameter(
    "comment", "path", {"type": "string", "pattern": "^[0-9a-f]{16}$"}, "The id of a comment.", required=True
)
_STEP = Parameter(
    "step",
    "path",
    {"type": "string", "enum": ["resolve", "reopen", "accept", "reject"]},
    "`accept` and `reject` are for suggestions, `resolve` for comments.",
    required=True,
)
_STATUS = Parameter(
    "status",
    "query",
    {"type": "string", "enum": ["open", "all"], "default": "all"},
    "Which of them.",
)
_COMMENTS = "/v1/documents/{document}/comments"

COMMENT_CALLS: tuple[HttpCallForm, ...] = (
    HttpCallForm(
        "get",
        _COMMENTS,
        "list_comments",
        "List the comments and suggestions on a document, at their places in the present text.",
        Said(forms.CommentPage),
        "token",
        (
            _DOCUMENT,
            query_number("after", "`next` of the page before.", 0, MAX_SAFE_INTEGER, 0),
            query_number("limit", "Rows in one page.", 1, 100, 100),
            _STATUS,
        ),
        (403,),
    ),
    HttpCallForm(
        "post",
        _COMMENTS,
        "add_comment",
        "Comment on a stretch of text, or suggest a replacement for it.",
        Said(DocumentCommentPayload, body=forms.NewComment),
        "token",
        (_DOCUMENT, KEY, REASON),
        (403, 404, 409),
    ),
    HttpCallForm(
        "delete",
        f"{_COMMENTS}/{{comment}}",
        "remove_comment",
        "Remove a comment with its replies: one's own, or any with `admin` on the document.",
        Said(DocumentCommentPayload),
        "token",
        (_DOCUMENT, _COMMENT, REASON),
        (403, 404),
    ),
    HttpCallForm(
        "post",
        f"{_COMMENTS}/{{comment}}/replies",
        "reply_comment",
        "Reply to a comment.",
        Said(DocumentCommentPayload, body=forms.NewReply),
        "token",
        (_DOCUMENT, _COMMENT, KEY, REASON),
        (403, 404, 409),
    ),
    HttpCallForm(
        "post",
        f"{_COMMENTS}/{{comment}}/{{step}}",
        "change_comment",
        "Resolve or reopen a comment; accept a suggestion, which edits the document, or reject it.",
        Said(DocumentCommentPayload),
        "token",
        (_DOCUMENT, _COMMENT, _STEP, REASON),
        (403, 404, 409),
    ),
)

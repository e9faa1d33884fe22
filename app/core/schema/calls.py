"""Every HTTP call of the service: its path, parameters, bodies and refusals. One row a method of a route.

`tests/contract/test_openapi.py` holds this table and the routing table to each other.
"""

from __future__ import annotations

from app.core.schema.brief_calls import BRIEF_CALLS
from app.core.schema.call_forms import (
    KEY,
    LIMIT,
    NDJSON,
    PAGE,
    REASON,
    TEXT,
    HttpCallForm,
    Parameter,
    Said,
    path_id,
    query_number,
    query_text,
)
from app.core.schema.commitment_calls import COMMITMENT_CALLS
from app.core.schema.document_calls import DOCUMENT_CALLS
from app.core.schema.documents.comment_calls import COMMENT_CALLS
from app.core.schema.domain.relationship_calls import RELATIONSHIP_CALLS
from app.core.schema.inbox_calls import INBOX_CALLS
from app.core.schema.portable import JsonSchema, channel_name
from dossier_realtime.protocol.classification import Clearance
from dossier_realtime.protocol.commands import SettingsChange
from dossier_realtime.protocol.explanations.explanation import ACTIONS, Explanation
from dossier_realtime.protocol.fields import MAX_SAFE_INTEGER
from dossier_realtime.protocol.http import forms, operator_lists, revisions
from dossier_realtime.protocol.http.revisions import MAX_VERSION_NAME
from dossier_realtime.protocol.namespaces import NAMESPACES


def _version(name: str, description: str, *, required: bool = False) -> Parameter:
    schema: JsonSchema = {"type": "string", "minLength": 1, "maxLength": MAX_VERSION_NAME}
    return Parameter(name, "query", schema, f"{description}: its number or its name.", required)


_DOCUMENT = path_id("document", "The id of the document; its channel is document:{document}.")
_USER = path_id("user", "The id of a user.")
_CHANNEL = Parameter("channel", "path", channel_name(*NAMESPACES), "The name of a channel.", required=True)
_VERSION_NAME: JsonSchema = {"type": "string", "minLength": 1, "maxLength": MAX_VERSION_NAME}
_NAME = Parameter("name", "path", _VERSION_NAME, "A version's name.", required=True)
_SESSION = path_id("session", "The id of a session.")

CALLS: tuple[HttpCallForm, ...] = (
    HttpCallForm(
        "get",
        "/v1",
        "connect",
        "Open a WebSocket (RFC 6455); AsyncAPI describes its messages. The token is sent in the first message.",
        Said("nothing", status=101),
        refusals=(426,),
    ),
    HttpCallForm(
        "post",
        "/v1/publish",
        "publish",
        "Publish events, all or none.",
        Said(forms.PublishAnswer, body="PublishBatch"),
        "token",
        (KEY,),
        (403, 409),
    ),
    HttpCallForm(
        "get",
        "/v1/documents/{document}",
        "read_document",
        "Read a document, now or as it was.",
        Said(forms.DocumentAnswer, headers=("ETag",)),
        "token",
        (_DOCUMENT, _version("version", "The text at this version")),
        (403, 404),
    ),
    HttpCallForm(
        "put",
        "/v1/documents/{document}",
        "write_document",
        "Replace a document's text, or merge a new one; editors receive what changed as operations. Above version 0 it"
        " needs If-Match or `base`.",
        Said(forms.DocumentVersion, body=forms.DocumentText, headers=("ETag",)),
        "token",
        (
            _DOCUMENT,
            Parameter("If-Match", "header", {"type": "string"}, "The version that the document must be at."),
            KEY,
            REASON,
        ),
        (403, 409, 412, 428),
    ),
    HttpCallForm(
        "delete",
        "/v1/documents/{document}",
        "delete_document",
        "Delete a document, as an administrator of its channel; the journal keeps it.",
        Said(forms.DocumentDeleted),
        "token",
        (
            _DOCUMENT,
            Parameter("If-Match", "header", {"type": "string"}, "The version that the document must be at."),
            REASON,
        ),
        (403, 404, 412),
    ),
    HttpCallForm(
        "get",
        "/v1/documents/{document}/history",
        "read_document_history",
        "List a document's versions with author and time, oldest first.",
        Said(revisions.DocumentRevisions),
        "token",
        (
            _DOCUMENT,
            query_number("after", "Versions after this one.", 0, MAX_SAFE_INTEGER, 0),
            LIMIT,
            Parameter("joined", "query", {"type": "boolean"}, "One row for consecutive versions of one author."),
        ),
        (403,),
    ),
    HttpCallForm(
        "get",
        "/v1/documents/{document}/versions",
        "list_named_versions",
        "List the versions of a document that have a name.",
        Said(revisions.NamedDocumentVersions),
        "token",
        (_DOCUMENT,),
        (403,),
    ),
    HttpCallForm(
        "put",
        "/v1/documents/{document}/versions/{name}",
        "name_version",
        "Give a version of a document a name, or move the name to it.",
        Said(revisions.NamedDocumentVersion, body=revisions.VersionName, body_optional=True),
        "token",
        (_DOCUMENT, _NAME, REASON),
        (403, 404, 409),
    ),
    HttpCallForm(
        "post",
        "/v1/documents/{document}/restore",
        "restore_document",
        "Make a document as it was at a version, formatting too; editors receive the difference as operations.",
        Said(revisions.RestoredVersion, body=revisions.DocumentRestore, headers=("ETag",)),
        "token",
        (_DOCUMENT, REASON),
        (403, 404),
    ),
    HttpCallForm(
        "get",
        "/v1/documents/{document}/diff",
        "compare_versions",
        "Compare two versions of a document by word.",
        Said(revisions.DocumentDifference),
        "token",
        (
            _DOCUMENT,
            _version("from", "The old version", required=True),
            _version("to", "The new version; the present one where it is left out"),
        ),
        (403, 404),
    ),
    *DOCUMENT_CALLS,
    *COMMENT_CALLS,
    *COMMITMENT_CALLS,
    *RELATIONSHIP_CALLS,
    *BRIEF_CALLS,
    *INBOX_CALLS,
    HttpCallForm(
        "get", "/v1/sessions", "list_sessions", "List open sessions.", Said(forms.SessionPage), "operator", PAGE
    ),
    HttpCallForm(
        "delete",
        "/v1/sessions/{session}",
        "end_session",
        "End a session (close code 4501).",
        Said(forms.EndedSessions),
        "operator",
        (_SESSION, REASON),
        (404,),
    ),
    HttpCallForm(
        "post",
        "/v1/users/{user}/disconnect",
        "disconnect_user",
        "End all sessions of a user (close code 4501).",
        Said(forms.EndedSessions),
        "operator",
        (_USER, REASON),
    ),
    HttpCallForm(
        "post",
        "/v1/users/{user}/limits/lift",
        "lift_limits",
        "Give a user ten times the limits for a while.",
        Said(forms.LiftedLimits, body=forms.LimitsLift),
        "operator",
        (_USER, REASON),
    ),
    HttpCallForm(
        "delete",
        "/v1/users/{user}/limits/lift",
        "restore_limits",
        "Give a user the usual limits again.",
        Said(forms.LiftedLimits),
        "operator",
        (_USER, REASON),
    ),
    HttpCallForm(
        "post",
        "/v1/tokens/revoke",
        "revoke_tokens",
        "Shut a token out, or all tokens of a user.",
        Said(forms.Revoked, body=forms.Revocation),
        "operator",
        (REASON,),
    ),
    HttpCallForm("get", "/v1/nodes", "list_nodes", "List the nodes.", Said(operator_lists.NodePage), "operator", PAGE),
    HttpCallForm(
        "get",
        "/v1/limits",
        "list_limits",
        "List the limits that users are at or past, and those that are lifted.",
        Said(operator_lists.LimitPage),
        "operator",
        PAGE,
    ),
    HttpCallForm("get", "/v1/channels", "list_channels", "List channels.", Said(forms.ChannelPage), "operator", PAGE),
    HttpCallForm(
        "get",
        "/v1/channels/{channel}",
        "read_channel",
        "Read a channel's settings.",
        Said(forms.ChannelAnswer),
        "operator",
        (_CHANNEL,),
        (404,),
    ),
    HttpCallForm(
        "put",
        "/v1/channels/{channel}",
        "change_channel",
        "Change a channel's settings; a field left out stays as it was.",
        Said(forms.ChannelAnswer, body=SettingsChange, body_optional=True),
        "operator",
        (_CHANNEL, REASON),
        (404,),
    ),
    HttpCallForm(
        "get",
        "/v1/channels/{channel}/presence",
        "read_presence",
        "Read who is present on a channel.",
        Said(forms.PresenceAnswer),
        "operator",
        (_CHANNEL,),
        (404,),
    ),
    HttpCallForm(
        "get",
        "/v1/channels/{channel}/history",
        "read_history",
        "Read what was published on a channel; without `after`, the latest events.",
        Said(forms.HistoryAnswer),
        "operator",
        (
            _CHANNEL,
            query_number("after", "The offset before the first event.", 0, MAX_SAFE_INTEGER),
            query_number("limit", "Events in one page.", 1, 200, 100),
        ),
        (404,),
    ),
    HttpCallForm(
        "get",
        "/v1/journal",
        "export_journal",
        "Export the journal, signed: one JSON object a line.",
        Said("text", NDJSON),
        "operator",
        (
            *(query_text(name, f"Entries of one {name}.") for name in ("session", "user", "channel")),
            *(query_text(name, "A time: ISO 8601 text, or Unix seconds.") for name in ("since", "until")),
            Parameter("context", "query", {"type": "boolean"}, "Also how things stood when `since` came."),
            query_number("after", "Entries after this one, for a page.", 0, MAX_SAFE_INTEGER),
            query_number("limit", "Entries in one page.", 1, MAX_SAFE_INTEGER),
            query_text("node", "Only the journal of this node, whole; by default of all nodes in the folder, as one."),
            REASON,
        ),
        (404, 500),
    ),
    HttpCallForm(
        "get",
        "/v1/explain",
        "explain",
        "Explain why a user may or may not do something on a channel.",
        Said(Explanation),
        "token",
        (
            query_text("user", "The user asked about; yourself where it is left out."),
            Parameter("action", "query", {"type": "string", "enum": [*ACTIONS]}, "What is asked.", required=True),
            Parameter("channel", "query", channel_name(*NAMESPACES), "The channel.", required=True),
            Parameter(
                "permission",
                "query",
                {"type": "array", "items": {"type": "string"}},
                "A permission to suppose; may repeat.",
            ),
            Parameter(
                "clearance",
                "query",
                {"type": "string", "enum": [level.label for level in Clearance]},
                "A clearance to suppose.",
            ),
        ),
        (403, 404),
    ),
    *(
        HttpCallForm("get", f"/v1/{name}.json", f"describe_{name}", summary, Said("object"))
        for name, summary in (
            ("schema", "Read the JSON Schema of every message."),
            ("asyncapi", "Read the AsyncAPI document of the WebSocket."),
            ("openapi", "Read the OpenAPI document of the HTTP calls."),
        )
    ),
    HttpCallForm("get", "/healthz", "read_health", "Ask whether the process answers.", Said(forms.Health)),
    HttpCallForm("head", "/healthz", "probe_health", "Ask whether the process answers.", Said("nothing")),
    HttpCallForm(
        "get",
        "/readyz",
        "read_readiness",
        "Ask whether the service may be given clients: engine, journal, accepting, keys. 503 has the same body.",
        Said(forms.Readiness),
    ),
    HttpCallForm(
        "head", "/readyz", "probe_readiness", "Ask whether the service may be given clients.", Said("nothing")
    ),
    HttpCallForm("get", "/metrics", "read_metrics", "Read the metrics (Prometheus).", Said("text", TEXT), "metrics"),
    HttpCallForm(
        "get",
        "/.well-known/security.txt",
        "read_security_txt",
        "Read where to report a hole (RFC 9116).",
        Said("text", TEXT),
        refusals=(404,),
    ),
    HttpCallForm(
        "head",
        "/.well-known/security.txt",
        "probe_security_txt",
        "Ask whether a contact is configured.",
        Said("nothing"),
        refusals=(404,),
    ),
)
"""Every call, in the order of the routing table."""

"""Every HTTP call of the service: its path, parameters, bodies and refusals. One row a method of a route.

`tests/contract/test_openapi.py` holds this table and the routing table to each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from app.core.schema.portable import JsonSchema, channel_name
from dossier_realtime.protocol.classification import Clearance
from dossier_realtime.protocol.commands import BriefRequestPayload, SettingsChange
from dossier_realtime.protocol.events import AlertStatePayload
from dossier_realtime.protocol.explanations.explanation import ACTIONS, Explanation
from dossier_realtime.protocol.fields import MAX_SAFE_INTEGER, SEGMENT
from dossier_realtime.protocol.http import forms, revisions
from dossier_realtime.protocol.http.revisions import MAX_VERSION_NAME
from dossier_realtime.protocol.namespaces import NAMESPACES

if TYPE_CHECKING:
    from msgspec import Struct

Access = Literal["open", "token", "operator", "metrics"]
"""Open to everybody; a user's token; a token with `admin`; open or a token, as the metrics are configured."""

JSON, NDJSON, TEXT = "application/json", "application/x-ndjson", "text/plain"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A part of the path, a field of the query or a header."""

    name: str
    place: Literal["path", "query", "header"]
    schema: JsonSchema
    description: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """The contents of a call and of its answer where it succeeds. `body` "PublishBatch": one event or more."""

    answer: type[Struct] | Literal["text", "object", "nothing"]
    media: str = JSON
    body: type[Struct] | Literal["PublishBatch"] | None = None
    body_optional: bool = False
    headers: tuple[str, ...] = ()
    status: int = 200


@dataclass(frozen=True, slots=True)
class HttpCallForm:
    """One method of one path. `refusals`: statuses beside those that every call of its access may get."""

    method: Literal["get", "head", "post", "put", "delete"]
    path: str
    name: str
    summary: str
    said: Said
    access: Access = "open"
    parameters: tuple[Parameter, ...] = ()
    refusals: tuple[int, ...] = ()


def _id(name: str, description: str) -> Parameter:
    return Parameter(name, "path", {"type": "string", "pattern": f"^{SEGMENT}$"}, description, required=True)


def _number(name: str, description: str, least: int, most: int, default: int | None = None) -> Parameter:
    schema: JsonSchema = {"type": "integer", "minimum": least, "maximum": most}
    return Parameter(name, "query", schema if default is None else schema | {"default": default}, description)


def _text(name: str, description: str) -> Parameter:
    return Parameter(name, "query", {"type": "string"}, description)


def _version(name: str, description: str, *, required: bool = False) -> Parameter:
    schema: JsonSchema = {"type": "string", "minLength": 1, "maxLength": MAX_VERSION_NAME}
    return Parameter(name, "query", schema, f"{description}: its number or its name.", required)


_DOCUMENT = _id("document", "The id of the document; its channel is document:{document}.")
_USER = _id("user", "The id of a user.")
_CHANNEL = Parameter("channel", "path", channel_name(*NAMESPACES), "The name of a channel.", required=True)
_REASON = Parameter(
    "X-Reason",
    "header",
    {"type": "string"},
    "Why it is done, percent-encoded UTF-8, for the journal. Cut at 500 characters.",
)
_KEY = Parameter(
    "Idempotency-Key",
    "header",
    {"type": "string", "pattern": "^[\\x21-\\x7e]{1,64}$"},
    "The same key within 24 hours has one effect and gets the first answer.",
)
_LIMIT = _number("limit", "Rows in one page.", 1, 1000, 1000)
_VERSION_NAME: JsonSchema = {"type": "string", "minLength": 1, "maxLength": MAX_VERSION_NAME}
_NAME = Parameter("name", "path", _VERSION_NAME, "A version's name.", required=True)
_PAGE = (_text("after", "`next` of the page before."), _LIMIT)
_SESSION = _id("session", "The id of a session.")

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
        (_KEY,),
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
            _KEY,
            _REASON,
        ),
        (403, 409, 412, 428),
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
            _number("after", "Versions after this one.", 0, MAX_SAFE_INTEGER, 0),
            _LIMIT,
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
        (_DOCUMENT, _NAME, _REASON),
        (403, 404, 409),
    ),
    HttpCallForm(
        "post",
        "/v1/documents/{document}/restore",
        "restore_document",
        "Make a document as it was at a version, formatting too; editors receive the difference as operations.",
        Said(revisions.RestoredVersion, body=revisions.DocumentRestore, headers=("ETag",)),
        "token",
        (_DOCUMENT, _REASON),
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
    HttpCallForm(
        "post",
        "/v1/commitments/{commitment}/ack",
        "acknowledge_commitment",
        "Take a commitment in hand, as a user who was alerted or as an operator.",
        Said(AlertStatePayload, body=forms.Nothing, body_optional=True),
        "token",
        (_id("commitment", "The id of a commitment."), _REASON),
        (403, 404),
    ),
    HttpCallForm(
        "post",
        "/v1/briefs",
        "request_brief",
        "Ask for a brief about an entity that you may read; its progress comes on your own channel.",
        Said(forms.RequestedBriefAnswer, body=BriefRequestPayload, status=202),
        "token",
        (_KEY, _REASON),
        (403, 409),
    ),
    HttpCallForm(
        "get",
        "/v1/briefs",
        "list_briefs",
        "List your own briefs, or all with `admin:*`: open ones first, then the newest.",
        Said(forms.BriefPageAnswer),
        "token",
        _PAGE,
    ),
    HttpCallForm(
        "get",
        "/v1/briefs/{request}",
        "read_brief",
        "Read a brief, with its text and sources once it is complete.",
        Said(forms.BriefAnswer),
        "token",
        (_id("request", "The `request_id` of the brief."),),
        (403, 404),
    ),
    HttpCallForm(
        "post",
        "/v1/briefs/{request}/cancel",
        "cancel_brief",
        "Stop a brief, as its owner or as an operator.",
        Said(forms.BriefEnded, body=forms.Nothing, body_optional=True),
        "token",
        (_id("request", "The `request_id` of the brief."), _REASON),
        (403, 404),
    ),
    HttpCallForm(
        "get", "/v1/sessions", "list_sessions", "List open sessions.", Said(forms.SessionPage), "operator", _PAGE
    ),
    HttpCallForm(
        "delete",
        "/v1/sessions/{session}",
        "end_session",
        "End a session (close code 4501).",
        Said(forms.EndedSessions),
        "operator",
        (_SESSION, _REASON),
        (404,),
    ),
    HttpCallForm(
        "post",
        "/v1/users/{user}/disconnect",
        "disconnect_user",
        "End all sessions of a user (close code 4501).",
        Said(forms.EndedSessions),
        "operator",
        (_USER, _REASON),
    ),
    HttpCallForm(
        "post",
        "/v1/users/{user}/limits/lift",
        "lift_limits",
        "Give a user ten times the limits for a while.",
        Said(forms.LiftedLimits, body=forms.LimitsLift),
        "operator",
        (_USER, _REASON),
    ),
    HttpCallForm(
        "delete",
        "/v1/users/{user}/limits/lift",
        "restore_limits",
        "Give a user the usual limits again.",
        Said(forms.LiftedLimits),
        "operator",
        (_USER, _REASON),
    ),
    HttpCallForm(
        "post",
        "/v1/tokens/revoke",
        "revoke_tokens",
        "Shut a token out, or all tokens of a user.",
        Said(forms.Revoked, body=forms.Revocation),
        "operator",
        (_REASON,),
    ),
    HttpCallForm("get", "/v1/channels", "list_channels", "List channels.", Said(forms.ChannelPage), "operator", _PAGE),
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
        (_CHANNEL, _REASON),
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
            _number("after", "The offset before the first event.", 0, MAX_SAFE_INTEGER),
            _number("limit", "Events in one page.", 1, 200, 100),
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
            *(_text(name, f"Entries of one {name}.") for name in ("session", "user", "channel")),
            *(_text(name, "A time: ISO 8601 text, or Unix seconds.") for name in ("since", "until")),
            Parameter("context", "query", {"type": "boolean"}, "Also how things stood when `since` came."),
            _number("after", "Entries after this one, for a page.", 0, MAX_SAFE_INTEGER),
            _number("limit", "Entries in one page.", 1, MAX_SAFE_INTEGER),
            _REASON,
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
            _text("user", "The user asked about; yourself where it is left out."),
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
        "Ask whether the service may be given clients. 503 has the same body.",
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

"""The forms of HTTP calls, and the parameters that many of them share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from app.core.schema.portable import JsonSchema
from dossier_realtime.protocol.fields import SEGMENT

if TYPE_CHECKING:
    from msgspec import Struct

Access = Literal["open", "token", "operator", "metrics"]
"""Open to everybody; a user's token; a token with `admin`; open or a token, as the metrics are configured."""

JSON, NDJSON, TEXT = "application/json", "application/x-ndjson", "text/plain"
MARKDOWN, HTML = "text/markdown", "text/html"
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


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
    """The contents of a call and of its answer where it succeeds. `body` "PublishBatch": one event or more.

    `other_media`: types of content that the answer may have instead of `media`.
    """

    answer: type[Struct] | Literal["text", "object", "nothing"]
    media: str = JSON
    body: type[Struct] | Literal["PublishBatch"] | None = None
    body_optional: bool = False
    headers: tuple[str, ...] = ()
    status: int = 200
    other_media: tuple[str, ...] = ()


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


def path_id(name: str, description: str) -> Parameter:
    """Return the parameter of an id in the path."""
    return Parameter(name, "path", {"type": "string", "pattern": f"^{SEGMENT}$"}, description, required=True)


def query_number(name: str, description: str, least: int, most: int, default: int | None = None) -> Parameter:
    """Return the parameter of a whole number in the query."""
    schema: JsonSchema = {"type": "integer", "minimum": least, "maximum": most}
    return Parameter(name, "query", schema if default is None else schema | {"default": default}, description)


def query_flag(name: str, description: str) -> Parameter:
    """Return the parameter of a truth value in the query, false by default."""
    return Parameter(name, "query", {"type": "boolean", "default": False}, description)


def query_text(name: str, description: str) -> Parameter:
    """Return the parameter of a text in the query."""
    return Parameter(name, "query", {"type": "string"}, description)


REASON = Parameter(
    "X-Reason",
    "header",
    {"type": "string"},
    "Why it is done, percent-encoded UTF-8, for the journal. Cut at 500 characters.",
)
KEY = Parameter(
    "Idempotency-Key",
    "header",
    {"type": "string", "pattern": "^[\\x21-\\x7e]{1,64}$"},
    "The same key within 24 hours has one effect and gets the first answer.",
)
LIMIT = query_number("limit", "Rows in one page.", 1, 1000, 1000)
PAGE = (query_text("after", "`next` of the page before."), LIMIT)

"""The HTTP calls of the service as an OpenAPI 3.1 document."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import msgspec

from app.core.schema.call_forms import JSON, HttpCallForm, Parameter
from app.core.schema.calls import CALLS
from app.core.schema.json_schema import definitions
from app.core.schema.messages import CONTRACT_VERSION, HOST, Message, camel_case
from app.core.schema.portable import JsonSchema, described_defaults, portable, text
from dossier_realtime.protocol.errors import MEANINGS, ErrorCode
from dossier_realtime.protocol.http import forms
from dossier_realtime.protocol.inbound import INBOUND

if TYPE_CHECKING:
    from msgspec import Struct

_SCHEMAS = "#/components/schemas/"
_NULL: JsonSchema = {"type": "null"}
_C = ErrorCode
MAX_EVENTS = 100

REFUSALS: dict[int, tuple[str, tuple[ErrorCode, ...]]] = {
    400: ("The request is not of its form; `path` says where.", (_C.INVALID_MESSAGE_FORMAT, _C.CHANNEL_NOT_FOUND)),
    401: ("The token is missing or not valid.", (_C.INVALID_TOKEN,)),
    403: ("The token or the origin does not allow it.", (_C.PERMISSION_DENIED,)),
    404: ("There is no such thing, or none that is kept.", (_C.NOT_FOUND, _C.CHANNEL_NOT_FOUND)),
    409: (
        "The Idempotency-Key was used with another body, or `base` is no version that edits are kept since.",
        (_C.INVALID_MESSAGE_FORMAT, _C.VERSION_CONFLICT),
    ),
    412: ("The document is at another version.", (_C.VERSION_CONFLICT,)),
    413: ("The body is too big, or the document for this call.", (_C.INVALID_MESSAGE_FORMAT,)),
    415: ("The body is not application/json, or is compressed.", (_C.INVALID_MESSAGE_FORMAT,)),
    421: ("The Host header is not one of the service's.", (_C.INVALID_MESSAGE_FORMAT,)),
    426: ("The address speaks WebSocket only.", (_C.INVALID_MESSAGE_FORMAT,)),
    428: ("If-Match or `base` is needed: the document has a text.", (_C.VERSION_CONFLICT,)),
    429: ("Too many calls, bytes or connections.", (_C.RATE_LIMIT_EXCEEDED,)),
    431: ("Too many headers.", (_C.INVALID_MESSAGE_FORMAT,)),
    500: ("A fault of the service, in its log.", (_C.INTERNAL_ERROR,)),
    503: ("The service is full, cannot store changes, or cannot verify tokens.", (_C.SERVICE_UNAVAILABLE,)),
}
"""Each status of a refusal: when, and the error codes that come with it."""

_ALWAYS = (400, 403, 421, 429, 431, 500, 503)
_OF_ACCESS: dict[str, tuple[int, ...]] = {"open": (), "token": (401,), "operator": (401, 403), "metrics": (401, 403)}
_RETRY = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}}
_HEADERS: dict[int, JsonSchema] = {
    401: {"WWW-Authenticate": {"description": "Bearer", "schema": {"type": "string"}}},
    429: _RETRY,
    503: _RETRY,
}


def openapi() -> JsonSchema:
    """Return the document."""
    paths: dict[str, JsonSchema] = {}
    for call in CALLS:
        paths.setdefault(call.path, {})[call.method] = _operation(call)
    responses = {f"Refused{status}": _refusal(status) for status in REFUSALS}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Dossier real-time service: HTTP calls",
            "version": CONTRACT_VERSION,
            "description": "Publishing, documents, and the calls of operators. A path that is none of these is 404, a "
            "method that a path does not have 405 with `Allow`; every refusal has the body HttpError.",
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "servers": [{"url": f"https://{HOST}"}, {"url": "http://127.0.0.1:8000"}],
        "paths": paths,
        "components": {
            "schemas": _schemas([paths, responses]),
            "responses": responses,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The same token as on the socket.",
                }
            },
        },
    }


def _operation(call: HttpCallForm) -> JsonSchema:
    said = call.said
    operation: JsonSchema = {
        "operationId": call.name,
        "summary": call.summary,
        "tags": [_tag(call)],
        "security": {"open": [], "metrics": [{}, {"token": []}]}.get(call.access, [{"token": []}]),
        "responses": {str(said.status): _success(call)},
    }
    if call.parameters:
        operation["parameters"] = [_parameter(each) for each in call.parameters]
    if said.body is not None:
        name = said.body if isinstance(said.body, str) else said.body.__name__
        operation["requestBody"] = {"required": not said.body_optional, "content": _content(JSON, _reference(name))}
    for status in refusals_of(call):
        operation["responses"][str(status)] = {"$ref": f"#/components/responses/Refused{status}"}
    if call.name == "read_readiness":
        operation["responses"]["503"] = _success(call) | {"description": "Not ready.", "headers": _RETRY}
    return operation


def refusals_of(call: HttpCallForm) -> list[int]:
    """Return the statuses with which a call may be refused."""
    of_body = (413, 415) if call.said.body is not None else ()
    return sorted({*_ALWAYS, *_OF_ACCESS[call.access], *of_body, *call.refusals})


def _tag(call: HttpCallForm) -> str:
    parts = call.path.strip("/").split("/")
    return parts[1].removesuffix(".json") if len(parts) > 1 and parts[0] == "v1" else "service"


def _parameter(parameter: Parameter) -> JsonSchema:
    described: JsonSchema = {"name": parameter.name, "in": parameter.place, "required": parameter.required}
    if parameter.description:
        described["description"] = parameter.description
    return described | {"schema": parameter.schema}


def _success(call: HttpCallForm) -> JsonSchema:
    said = call.said
    described: JsonSchema = {"description": "Switching protocols." if said.status == 101 else "Done."}
    if said.headers:
        described["headers"] = {name: {"required": True, "schema": {"type": "string"}} for name in said.headers}
    if said.answer == "text":
        described["content"] = {media: {"schema": {"type": "string"}} for media in (said.media, *said.other_media)}
    elif said.answer == "object":
        described["content"] = _content(said.media, {"type": "object"})
    elif said.answer != "nothing":
        described["content"] = _content(said.media, _reference(said.answer.__name__))
    return described


def _refusal(status: int) -> JsonSchema:
    description, codes = REFUSALS[status]
    meanings = " ".join(f"`{code}`: {MEANINGS[code]}" for code in codes)
    schema = {"allOf": [_reference("HttpError")], "properties": {"error_code": {"enum": [str(code) for code in codes]}}}
    refusal: JsonSchema = {"description": f"{description} {meanings}", "content": _content(JSON, schema)}
    if status in _HEADERS:
        refusal["headers"] = _HEADERS[status]
    return refusal


def _content(media: str, schema: JsonSchema) -> JsonSchema:
    return {media: {"schema": schema}}


def _reference(name: str) -> JsonSchema:
    return {"$ref": f"{_SCHEMAS}{name}"}


def _schemas(used: list[JsonSchema]) -> dict[str, JsonSchema]:
    """Return the schemas that the document refers to, and those that these refer to."""
    whole = definitions(_SCHEMAS) | _events() | _forms()
    wanted: dict[str, JsonSchema] = {}
    waiting = sorted(_names(used))
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted[name] = whole[name]
            waiting += sorted(_names([whole[name]]))
    made: dict[str, JsonSchema] = described_defaults(dict(sorted(wanted.items())))
    return made


def _names(parts: list[JsonSchema]) -> set[str]:
    return set(re.findall(rf'"{re.escape(_SCHEMAS)}(\w+)"', json.dumps(parts)))


def _forms() -> dict[str, JsonSchema]:
    said = {each for call in CALLS for each in (call.said.answer, call.said.body) if isinstance(each, type)}
    structs: list[type[Struct]] = [forms.HttpError, *sorted(said, key=lambda struct: struct.__name__)]
    _, parts = msgspec.json.schema_components(structs, ref_template=_SCHEMAS + "{name}")
    made: dict[str, JsonSchema] = portable(parts)
    for part in made.values():
        if "description" in part:
            part["description"] = text(part["description"])
    made["Revocation"]["oneOf"] = [
        {"required": [name], "properties": {name: {"type": "string"}, other: {"type": "null"}}}
        for name, other in (("jti", "user"), ("user", "jti"))
    ]
    return made


def _events() -> dict[str, JsonSchema]:
    """Return the events that may be published, each with `channel` or `channels`, and the batch of them."""
    described, whole = {}, definitions(_SCHEMAS)
    mapping: dict[str, str] = {}
    for inbound in INBOUND.values():
        message = Message("client", inbound)
        fields = dict(whole[message.title]["properties"])
        channel = fields["channel"]
        for name in ("ref", "idempotency_key"):
            fields[name] = {**fields[name], "description": "Of the socket; over HTTP it means nothing."}
        fields["channel"] = {"anyOf": [channel, _NULL]}
        fields["channels"] = {"anyOf": [{"type": "array", "items": channel}, _NULL]}
        title = camel_case(f"publish_{message.type}")
        described[title] = {
            "title": title,
            "description": message.summary,
            "type": "object",
            "properties": fields,
            "required": [name for name in whole[message.title]["required"] if name != "channel"],
            "oneOf": [
                {
                    "required": ["channel"],
                    "properties": {
                        "channel": {"type": "string"},
                        "channels": {"type": ["array", "null"], "maxItems": 0},
                    },
                },
                {
                    "required": ["channels"],
                    "properties": {"channels": {"type": "array", "minItems": 1}, "channel": _NULL},
                },
            ],
        }
        mapping[message.type] = f"{_SCHEMAS}{title}"
    described["PublishEvent"] = {
        "title": "PublishEvent",
        "description": "An event, and the channel or the channels that it goes to.",
        "oneOf": [{"$ref": reference} for reference in mapping.values()],
        "discriminator": {"propertyName": "type", "mapping": mapping},
    }
    described["PublishBatch"] = {
        "title": "PublishBatch",
        "description": f"1 to {MAX_EVENTS} events.",
        "type": "object",
        "properties": {
            "events": {"type": "array", "items": _reference("PublishEvent"), "minItems": 1, "maxItems": MAX_EVENTS}
        },
        "required": ["events"],
    }
    return described

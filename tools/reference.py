"""`docs/messages.md`: messages, codes and limits for people, from schema, examples and settings."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, get_args

from app.core.schema.messages import CONTRACT_VERSION, messages
from dossier_realtime.protocol import codec, fields
from dossier_realtime.protocol.errors import MEANINGS, CloseCode, ErrorCode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from app.core.schema.messages import Message

_FORMS: dict[str, tuple[Any, str]] = {
    "id": (fields.Id, "`A-Z a-z 0-9 . _ -`, 1 to 64"),
    "word": (fields.Name, "a letter, then `A-Z a-z 0-9 _`, up to 64 in all"),
    "field name": (fields.FieldName, "`a-z 0-9 _ .`, 1 to 64"),
    "line": (fields.Line, "1 to 500 characters, no NUL"),
    "paragraph": (fields.Paragraph, "1 to 4,000 characters, no NUL"),
    "content": (fields.Content, f"up to {fields.MAX_INSERT:,} UTF-16 code units, no NUL"),
    "link": (
        fields.Link,
        "a path of the product (`/mous/1`) or an `https://` address, up to 2,048 characters",
    ),
    "date": (fields.Date, "`YYYY-MM-DD`"),
}
"""Strings with a grammar: the name they have in the tables, the type, the grammar in words."""

_INTRODUCTION = f"""\
<!-- Made by `make generate` from the message types: change those, not this page. -->
# Messages

Version {CONTRACT_VERSION} of the protocol: JSON text frames over a WebSocket at `/v1`, one message a frame.
`?` marks a field that may be absent. `ref` is the sender's own id for a message and comes back in its answer.
`timestamp` is Unix time in whole seconds; positions and lengths in texts are UTF-16 code units; the unit of
any other duration stands beside it. Unknown fields at the top of a message are ignored on both sides; inside
`payload` and `params` the service refuses them.
"""

_FIXED = [
    ("one frame", "65,536 bytes"),
    ("nesting", f"{codec.MAX_DEPTH} levels"),
    ("integers", f"±{fields.MAX_SAFE_INTEGER:,} (2^53 − 1)"),
    ("text of an insert", f"{fields.MAX_INSERT:,} UTF-16 code units"),
    ("text of a document", f"{fields.MAX_DOCUMENT:,} UTF-16 code units"),
    ("events in one `POST /v1/publish`", "100"),
    ("token", "4,096 bytes"),
]
_LIMITING = ("session", "limits", "outbox", "history", "presence")


def page(definitions: dict[str, Any], examples: Mapping[str, list[Any]], settings: str) -> str:
    """Return the whole page.

    `definitions`: of each message as its types alone have it, by title. `settings`: the text of the default
    configuration, whose comments explain its keys.
    """
    return "\n".join(
        [
            _INTRODUCTION,
            *_contents(),
            *_forms(),
            *_of("client", "Client to server", definitions, examples),
            *_of("server", "Server to client", definitions, examples),
            *_codes(),
            *_limits(settings),
        ]
    )


def _contents() -> Iterator[str]:
    for direction in ("client", "server"):
        links = (f"[`{each.type}`](#{_anchor(each)})" for each in messages() if each.direction == direction)
        yield f"From the {direction}: {', '.join(links)}.\n"


def _forms() -> Iterator[str]:
    yield "| word in the tables | what it stands for |\n|---|---|"
    for name, (_, grammar) in _FORMS.items():
        yield f"| {name} | {grammar} |"
    yield ""


def _of(direction: str, title: str, definitions: dict[str, Any], examples: Mapping[str, list[Any]]) -> Iterator[str]:
    yield f"## {title}\n"
    for message in messages():
        if message.direction == direction:
            yield f'<a id="{_anchor(message)}"></a>\n### `{message.type}`\n'
            yield f"{message.summary}\n"
            yield "| field | type | |\n|---|---|---|"
            for path, kind, note in _rows(definitions[message.title], definitions):
                yield f"| `{path}` | {kind} | {note} |"
            for example in examples[message.name]:
                yield f"\n```json\n{json.dumps(example, ensure_ascii=False, indent=2)}\n```"
            yield ""


def _anchor(message: Message) -> str:
    return f"{message.direction}-{message.type}"


def _rows(definition: dict[str, Any], definitions: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield path, type and note of each field, then those of the fields inside it."""
    for name, field in definition["properties"].items():
        if prefix or name != "type":
            path = f"{prefix}{name}"
            optional = name not in definition.get("required", ())
            inner, brackets = _inner(field, definitions)
            note = " ".join(inner["description"].split()) if inner else ""
            if field.get("default") not in (None, [], {}):
                note = f"{note} Default: `{json.dumps(field['default'])}`.".strip()
            kind = _kind(field, definitions, nullable=not _null_is_absent(field))
            yield f"{path}{'?' * optional}", kind, note
            if inner:
                yield from _rows(inner, definitions, f"{path}{brackets}.")


def _null_is_absent(field: dict[str, Any]) -> bool:
    return field.get("default", "") is None or field.get("nullIsAbsent", False)


def _inner(field: dict[str, Any], definitions: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """Return the object that a field holds, None if it holds none, and `[]` if it holds a list of objects."""
    for part in field.get("anyOf", [field]):
        if part.get("type") == "array":
            return _inner(part["items"], definitions)[0], "[]"
        if "$ref" in part:
            target = definitions[part["$ref"].removeprefix("#/$defs/")]
            if "properties" in target:
                return {"description": "", **target}, ""
    return None, ""


def _kind(field: dict[str, Any], definitions: dict[str, Any], *, nullable: bool = True) -> str:
    if "anyOf" in field:
        parts = [part for part in field["anyOf"] if nullable or part.get("type") != "null"]
        return " or ".join(dict.fromkeys(_kind(part, definitions) for part in parts))
    if "$ref" in field:
        target = definitions[field["$ref"].removeprefix("#/$defs/")]
        if target.get("title") == ErrorCode.__name__:
            return "[error code](#error-codes)"
        return _kind({**target, "title": None}, definitions)
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    match field.get("type"):
        case "integer" | "number":
            return str(field["type"]) + _range(field)
        case "string":
            return _string(field)
        case "array":
            most = f", at most {field['maxItems']}" if "maxItems" in field else ""
            return f"list of {_kind(field['items'], definitions)}{most}"
        case kind:
            return str(kind or "any")


def _range(field: dict[str, Any]) -> str:
    low, high = field.get("minimum"), field.get("maximum")
    if high in (None, fields.MAX_SAFE_INTEGER):
        return f" ≥ {low}" if low in (0, 1) else ""
    return f" {low} to {high}"


def _string(field: dict[str, Any]) -> str:
    for name, (form, _) in _FORMS.items():
        meta = get_args(form)[1]
        if (meta.pattern, meta.max_length) == (field.get("pattern"), field.get("maxLength")):
            return name
    return f"string, up to {field['maxLength']}" if "maxLength" in field else "string"


def _codes() -> Iterator[str]:
    yield "## Error codes\n\nOf `error.error_code`, and of every HTTP error body.\n\n| code | |\n|---|---|"
    for error in ErrorCode:
        yield f"| `{error}` | {MEANINGS[error]} |"
    yield "\n## Close codes\n\nA client that comes back does so after a random delay that grows.\n"
    yield "| code | then | |\n|---|---|---|"
    for close in CloseCode:
        yield f"| {close:d} | {'come back' if close.come_back else 'stay away'} | {MEANINGS[close]} |"
    yield ""


def _limits(settings: str) -> Iterator[str]:
    yield "## Limits\n\nOf the protocol:\n\n| | |\n|---|---|"
    for what, bound in _FIXED:
        yield f"| {what} | {bound} |"
    yield "\nOf a service, as `config/default.toml` has them:\n\n| key | default | |\n|---|---|---|"
    table, comment = "", ""
    for line in settings.splitlines():
        if heading := re.fullmatch(r"\[(.+)\]", line):
            table, comment = heading[1], ""
        elif line.startswith("#"):
            comment = f"{comment} {line.lstrip('# ')}"
        elif setting := re.fullmatch(r"(\w+) = (.+)", line):
            if table in _LIMITING:
                yield f"| `{table}.{setting[1]}` | {setting[2]} |{comment} |"
            comment = ""
    yield ""

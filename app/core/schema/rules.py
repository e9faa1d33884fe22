"""Rules of the service that the types of fields do not hold, as parts of a schema.

The channels that carry a message; the fields that each kind of edit needs; the places that `since` may name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.schema.portable import JsonSchema, channel_name, non_null
from dossier_realtime.protocol import commands
from dossier_realtime.protocol.inbound import INBOUND
from dossier_realtime.protocol.namespaces import NAMESPACES

if TYPE_CHECKING:
    from msgspec import Struct

_NULL = {"type": "null"}
_EVENTS = {inbound: event for event, inbound in INBOUND.items()}


def namespaces_of(struct: type[Struct]) -> list[str]:
    """Return the namespaces of the channels that a client's message may name."""
    if struct in _EVENTS:
        return [row.name for row in NAMESPACES.values() if _EVENTS[struct] in row.carries]
    if struct is commands.UpdatePresence:
        return [row.name for row in NAMESPACES.values() if row.presence]
    if struct in (commands.EditOperation, commands.MoveCursor):
        return ["document"]
    return list(NAMESPACES)


def name_channels(definition: JsonSchema, struct: type[Struct]) -> None:
    """Put the names of the channels that carry a client's message into its definition: `channel` is required there."""
    definition["properties"]["channel"] = channel_name(*namespaces_of(struct))
    if "channel" not in definition["required"]:
        definition["required"] = [*definition["required"], "channel"]


def split_edits(definitions: dict[str, JsonSchema], prefix: str) -> None:
    """Replace EditPayload by one definition for each kind of edit."""
    whole = definitions["EditPayload"]
    variants = {
        "InsertPayload": _variant(whole, "insert", ["content"], attributes=_NULL, content={"minLength": 1}),
        "DeleteLengthPayload": _variant(whole, "delete", ["length"], attributes=_NULL, content={"minLength": 1}),
        "DeleteContentPayload": _variant(
            whole, "delete", ["content"], attributes=_NULL, length=_NULL, content={"minLength": 1}
        ),
        "FormatPayload": _variant(whole, "format", ["length", "attributes"], attributes={"minProperties": 1}),
    }
    definitions["EditPayload"] = {
        "title": "EditPayload",
        "description": whole["description"],
        "oneOf": [{"$ref": f"{prefix}{name}"} for name in variants],
    }
    for name, variant in variants.items():
        definitions[name] = {"title": name, **variant}


def _variant(whole: JsonSchema, kind: str, needed: list[str], **changes: JsonSchema) -> JsonSchema:
    """Return EditPayload for one `operation_type`: `needed` are required and not null, `changes` are added."""
    fields: dict[str, JsonSchema] = dict(whole["properties"])
    fields["operation_type"] = {"type": "string", "const": kind}
    for name in needed:
        fields[name] = non_null(fields[name])
    for name, change in changes.items():
        if change is _NULL:
            fields[name] = _NULL
        elif name in needed:
            fields[name] = fields[name] | change
        else:
            parts = [part if part == _NULL else part | change for part in fields[name]["anyOf"]]
            fields[name] = fields[name] | {"anyOf": parts}
    return {
        "description": f"An edit that is an {kind}." if kind == "insert" else f"An edit that is a {kind}.",
        "type": "object",
        "properties": fields,
        "required": [*whole["required"], *needed],
        "additionalProperties": False,
    }


def split_places(definitions: dict[str, JsonSchema], prefix: str) -> None:
    """Replace Since by a place in a history and a place in a document; forbid `last` beside it."""
    whole = definitions["Since"]
    for title, needed, about in (
        ("HistoryPlace", "offset", "After the event with this number of the channel's history."),
        ("DocumentPlace", "version", "After this version of the document."),
    ):
        fields = whole["properties"]
        definitions[title] = {
            **whole,
            "title": title,
            "description": about,
            "properties": fields | {needed: non_null(fields[needed])},
            "required": [needed],
        }
    definitions["Since"] = {
        "title": "Since",
        "description": whole["description"],
        "anyOf": [{"$ref": f"{prefix}HistoryPlace"}, {"$ref": f"{prefix}DocumentPlace"}],
    }
    definitions["SubscribeParams"]["not"] = {
        "properties": {"since": {"type": "object"}, "last": {"type": "integer"}},
        "required": ["since", "last"],
    }

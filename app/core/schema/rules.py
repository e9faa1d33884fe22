"""Rules of the service that the types of fields do not hold, as parts of a schema.

The channels that carry a message; the fields that each kind of edit needs; the places that `since` may name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.schema.portable import JsonSchema, channel_name, non_null
from dossier_realtime.protocol import commands
from dossier_realtime.protocol.documents.field_locks import LockField, UnlockField
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
    if struct in (commands.UpdatePresence, LockField, UnlockField):
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
    """Replace the payload of an edit by one definition for each kind of edit, in both directions."""
    whole, one = definitions["EditPayload"], definitions["FlatOperation"]
    for payload in (whole, definitions["RemoteOperationPayload"]):
        for field in payload["properties"].values():
            field.pop("default", None)  # a sentinel of the code is never on the wire
    own = dict.fromkeys(("content", "length", "attributes"), _NULL)
    batch = _variant(whole, "batch", ["version", "operations"], **own)
    del batch["properties"]["position"]
    batch["properties"]["operations"]["items"] = {"$ref": f"{prefix}BatchOperation"}
    single = _variants(whole, "Payload", ["position", "version"], operations=_NULL)
    _split(definitions, prefix, "EditPayload", whole["description"], {**single, "BatchPayload": batch})
    _split(definitions, prefix, "BatchOperation", one["description"], _variants(one, "Batched", []))
    _split_committed(definitions, prefix)


def _variants(whole: JsonSchema, suffix: str, needed: list[str], **changes: JsonSchema) -> dict[str, JsonSchema]:
    """Return the forms of a single operation by title."""
    filled = {"content": {"minLength": 1}}
    forms = {
        "Insert": _variant(whole, "insert", [*needed, "content"], **changes, **filled),
        "DeleteLength": _variant(whole, "delete", [*needed, "length"], **changes, **filled, attributes=_NULL),
        "DeleteContent": _variant(
            whole, "delete", [*needed, "content"], **changes, **filled, attributes=_NULL, length=_NULL
        ),
        "Format": _variant(
            whole, "format", [*needed, "length", "attributes"], **changes, attributes={"minProperties": 1}
        ),
    }
    return {f"{suffix}{name}" if suffix == "Batched" else f"{name}{suffix}": form for name, form in forms.items()}


def _split(
    definitions: dict[str, JsonSchema], prefix: str, title: str, description: str, variants: dict[str, JsonSchema]
) -> None:
    """Define `title` as one of the variants, and each of them under its own title."""
    references = [{"$ref": f"{prefix}{name}"} for name in variants]
    definitions[title] = {"title": title, "description": description, "oneOf": references}
    for name, variant in variants.items():
        definitions[name] = {"title": name, **variant}


def _split_committed(definitions: dict[str, JsonSchema], prefix: str) -> None:
    """Replace the payload of a committed edit by a single operation and a batch."""
    whole = definitions["RemoteOperationPayload"]
    fields = whole["properties"]
    kinds = [kind for kind in fields["operation_type"]["enum"] if kind != "batch"]
    single = {
        **whole,
        "description": "One committed operation.",
        "properties": {**fields, "operation_type": {"enum": kinds}, "position": non_null(fields["position"])},
        "required": [*whole["required"], "position"],
    }
    batch = {
        **whole,
        "description": "A committed batch: each operation is on the text after those before it.",
        "properties": {
            **fields,
            "operation_type": {"type": "string", "const": "batch"},
            "operations": non_null(fields["operations"]),
        },
        "required": [*whole["required"], "operations"],
    }
    variants = {"RemoteSinglePayload": single, "RemoteBatchPayload": batch}
    for name, variant in variants.items():
        variant["title"] = name
    _split(definitions, prefix, "RemoteOperationPayload", whole["description"], variants)


def _variant(whole: JsonSchema, kind: str, needed: list[str], **changes: JsonSchema) -> JsonSchema:
    """Return an edit of one `operation_type`: `needed` are required and not null, `changes` are added."""
    fields: dict[str, JsonSchema] = dict(whole["properties"])
    fields["operation_type"] = {"type": "string", "const": kind}
    for name in needed:
        fields[name] = non_null(fields[name]) if "anyOf" in fields[name] else fields[name]
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

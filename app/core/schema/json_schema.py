"""The JSON Schema (2020-12) of every message, as the service reads and writes it."""

from __future__ import annotations

import msgspec

from app.core.schema import rules
from app.core.schema.messages import HOST, messages
from app.core.schema.portable import JsonSchema, portable, text


def struct_definitions(prefix: str = "#/$defs/") -> dict[str, JsonSchema]:
    """Return the definition of each message and each of its parts as the types alone have it, by title.

    `prefix`: where references among them point to.
    """
    everything = messages()
    _, parts = msgspec.json.schema_components([each.struct for each in everything], ref_template=prefix + "{name}")
    for each in everything:
        definition = parts.pop(each.struct.__name__)
        definition["title"] = each.title
        definition.setdefault("description", each.summary)
        if each.direction == "client":
            definition["properties"].pop("offset", None)  # the server's own; it is never read from a client
        parts[each.title] = definition
    return dict(sorted(parts.items()))


def definitions(prefix: str = "#/$defs/") -> dict[str, JsonSchema]:
    """Return the definition of each message and each of its parts, with the rules that types do not hold."""
    made: dict[str, JsonSchema] = portable(struct_definitions(prefix))
    for each in messages():
        if each.direction == "client" and each.names_channel:
            rules.name_channels(made[each.title], each.struct)
    rules.split_edits(made, prefix)
    rules.split_places(made, prefix)
    for definition in made.values():
        if "description" in definition:
            definition["description"] = text(definition["description"])
    return dict(sorted(made.items()))


def directions(prefix: str = "#/$defs/") -> dict[str, JsonSchema]:
    """Return the schemas ClientMessage and ServerMessage: one of the messages, which `type` tells apart."""
    return {
        f"{direction.capitalize()}Message": {
            "title": f"{direction.capitalize()}Message",
            "description": description,
            "oneOf": [{"$ref": f"{prefix}{each.title}"} for each in messages() if each.direction == direction],
            "discriminator": {
                "propertyName": "type",
                "mapping": {each.type: f"{prefix}{each.title}" for each in messages() if each.direction == direction},
            },
        }
        for direction, description in (("client", "Client to server."), ("server", "Server to client."))
    }


def json_schema() -> JsonSchema:
    """Return a schema that every message of the protocol fits; each has its own entry in `$defs`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"https://{HOST}/v1/schema.json",
        "title": "RealtimeMessage",
        "description": "A message of the dossier real-time protocol, in either direction.",
        "anyOf": [{"$ref": "#/$defs/ClientMessage"}, {"$ref": "#/$defs/ServerMessage"}],
        "$defs": directions() | definitions(),
    }

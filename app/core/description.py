"""The protocol described for machines, made from the message types: JSON Schema 2020-12 and AsyncAPI 3.0.

Messages are named `client.<type>` and `server.<type>`: a type may have a form in each direction.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import msgspec

from dossier_realtime.protocol import commands, events
from dossier_realtime.protocol.channels import SHAPES
from dossier_realtime.protocol.inbound import INBOUND
from dossier_realtime.protocol.namespaces import NAMESPACES, Namespace
from dossier_realtime.protocol.responses import Response

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from msgspec import Struct

CONTRACT_VERSION = "1.0.0"
HOST = "realtime.intl-dossier.gastat.gov.sa"

_PRESENCE = (events.PresenceJoin, events.PresenceLeave, events.PresenceUpdate)
# What comes on a namespace beside the events that are published there.
_SERVED: dict[str, tuple[type[Struct], ...]] = {
    "document": (events.RemoteOperation, events.CursorPosition),
    "user": (events.AlertState,),
    "ops": (events.OpsStats,),
}


@dataclass(frozen=True, slots=True)
class Message:
    """One message type in one direction: `client` sends it, or `server` does."""

    direction: Literal["client", "server"]
    struct: type[Struct]

    @property
    def type(self) -> str:
        """The `type` on the wire."""
        return str(self.struct.__struct_config__.tag)

    @property
    def name(self) -> str:
        """The name in schema, AsyncAPI and examples."""
        return f"{self.direction}.{self.type}"

    @property
    def summary(self) -> str:
        """When it is sent, from the docstring."""
        return inspect.getdoc(self.struct) or ""


def messages() -> list[Message]:
    """Every message, in the order of the contract: first the client's, then the server's."""
    said = (*get_args(commands.Command), *INBOUND.values())
    return [
        *(Message("client", struct) for struct in said),
        *(Message("server", struct) for struct in get_args(events.Event)),
    ]


def schema() -> dict[str, Any]:
    """A JSON Schema (2020-12) that every message of the protocol fits; each has its own entry in `$defs`."""
    definitions = _definitions("#/$defs/{name}")
    directions = {
        title: {
            "description": description,
            "oneOf": [{"$ref": f"#/$defs/{each.name}"} for each in messages() if each.direction == direction],
        }
        for title, direction, description in (
            ("Command", "client", "Client to server."),
            ("Event", "server", "Server to client."),
        )
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"https://{HOST}/v1/schema.json",
        "title": "Messages of the dossier real-time protocol",
        "anyOf": [{"$ref": "#/$defs/Command"}, {"$ref": "#/$defs/Event"}],
        "$defs": directions | definitions,
    }


def asyncapi(examples: Mapping[str, Sequence[object]] | None = None) -> dict[str, Any]:
    """The service as an AsyncAPI 3.0 document; `receive` and `send` are the service's.

    `examples`: payloads by message name, to stand beside the messages.
    """
    placed = {"connection": _on_connection()} | {row.name: _on_channel(row) for row in NAMESPACES.values()}
    return {
        "asyncapi": "3.0.0",
        "id": f"https://{HOST}/v1",
        "info": {
            "title": "Dossier real-time service",
            "version": CONTRACT_VERSION,
            "description": "JSON messages over one WebSocket. The first is `auth`; then `subscribe` opens "
            "channels. A channel's name stands in the `channel` field of its messages.",
        },
        "defaultContentType": "application/json",
        "servers": {
            "production": {"host": HOST, "pathname": "/v1", "protocol": "wss"},
            "local": {"host": "127.0.0.1:8000", "pathname": "/v1", "protocol": "ws"},
        },
        "channels": {name: _channel(name, carried) for name, carried in placed.items()},
        "operations": {
            f"{name}.{action}": _operation(name, action, carried)
            for name, carried in placed.items()
            for action in ("receive", "send")
            if any(_action(each) == action for each in carried)
        },
        "components": {
            "messages": {each.name: _described(each, (examples or {}).get(each.name)) for each in messages()},
            "schemas": _definitions("#/components/schemas/{name}"),
        },
    }


def _definitions(reference: str) -> dict[str, Any]:
    everything = messages()
    _, parts = msgspec.json.schema_components([each.struct for each in everything], ref_template=reference)
    for each in everything:
        definition = parts.pop(each.struct.__name__)
        definition.setdefault("description", each.summary)
        if each.direction == "client":
            definition["properties"].pop("offset", None)  # the server's own; nobody reads it from a client
        parts[each.name] = definition
    return dict(sorted(parts.items()))


def _on_connection() -> list[Message]:
    answers = get_args(Response)
    return [
        each
        for each in messages()
        if (each.struct in answers if each.direction == "server" else not _names_channel(each.struct))
    ]


def _on_channel(row: Namespace) -> list[Message]:
    said: set[type[Struct]] = {INBOUND[event] for event in row.carries}
    said |= {commands.Subscribe, commands.Unsubscribe, commands.ChangeSettings}
    heard = {*row.carries, *_SERVED.get(row.name, ())}
    if row.presence:
        said.add(commands.UpdatePresence)
        heard.update(_PRESENCE)
    if row.name == "document":
        said |= {commands.EditOperation, commands.MoveCursor}
    return [each for each in messages() if each.struct in (said if each.direction == "client" else heard)]


def _names_channel(struct: type[Struct]) -> bool:
    return "channel" in struct.__struct_fields__


def _action(message: Message) -> str:
    return "receive" if message.direction == "client" else "send"


def _channel(name: str, carried: Iterable[Message]) -> dict[str, Any]:
    references = {each.name: {"$ref": f"#/components/messages/{each.name}"} for each in carried}
    if name == "connection":
        summary = "What concerns one connection alone: it has no channel name."
        return {"address": None, "summary": summary, "messages": references}
    row, segments = NAMESPACES[name], SHAPES[name]
    keeps = [word for word, kept in (("history", row.history), ("presence", row.presence)) if kept]
    channel: dict[str, Any] = {
        "address": ":".join((name, *(f"{{{segment}}}" for segment in segments))),
        "summary": f"Keeps {' and '.join(keeps)}." if keeps else "Keeps neither history nor presence.",
        "messages": references,
    }
    if segments:
        about = {"description": "One to 64 of A-Z a-z 0-9 . _ -", "location": "$message.payload#/channel"}
        channel["parameters"] = {segment: dict(about) for segment in segments}
    return channel


def _operation(name: str, action: str, carried: Iterable[Message]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{name}"},
        "messages": [
            {"$ref": f"#/channels/{name}/messages/{each.name}"} for each in carried if _action(each) == action
        ],
    }


def _described(message: Message, examples: Sequence[object] | None) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": message.type,
        "title": message.struct.__name__,
        "summary": message.summary,
        "payload": {"$ref": f"#/components/schemas/{message.name}"},
    }
    if examples:
        described["examples"] = [{"payload": payload} for payload in examples]
    return described

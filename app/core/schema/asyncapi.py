"""The WebSocket of the service as an AsyncAPI 3.0 document; `receive` and `send` are the service's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from app.core.schema.json_schema import definitions
from app.core.schema.messages import CONTRACT_VERSION, HOST, Message, messages
from app.core.schema.portable import JsonSchema
from dossier_realtime.protocol import commands, events, responses
from dossier_realtime.protocol.channels import SHAPES
from dossier_realtime.protocol.documents import document_events, field_locks
from dossier_realtime.protocol.documents.comments import DocumentComment
from dossier_realtime.protocol.domain.inbox import InboxState
from dossier_realtime.protocol.inbound import INBOUND
from dossier_realtime.protocol.namespaces import NAMESPACES, Namespace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from msgspec import Struct

_PRESENCE = (events.PresenceJoin, events.PresenceLeave, events.PresenceUpdate, field_locks.LockState)
# Messages of a namespace beside the events that are published there.
_SERVED: dict[str, tuple[type[Struct], ...]] = {
    "document": (
        events.RemoteOperation,
        events.CursorPosition,
        document_events.CursorGone,
        document_events.DocumentStateEvent,
        DocumentComment,
    ),
    "user": (events.AlertState, InboxState),
    "ops": (events.OpsStats,),
}
_SCHEMAS = "#/components/schemas/"
_CONNECTION = "connection"


@dataclass(frozen=True, slots=True)
class Reply:
    """The messages of which one answers a client's message that has a `ref`, beside `error`."""

    messages: tuple[type[Struct], ...]
    channel: str = _CONNECTION


REPLIES: dict[type[Struct], Reply] = {
    commands.Auth: Reply((responses.AuthSuccess,)),
    commands.Ping: Reply((responses.Pong,)),
    commands.Subscribe: Reply((responses.Subscribed,)),
    commands.Unsubscribe: Reply((responses.Unsubscribed,)),
    commands.UpdatePresence: Reply((responses.Ack,)),
    commands.ChangeSettings: Reply((responses.ChannelSettingsReply,)),
    commands.EditOperation: Reply((responses.OperationAck,)),
    commands.MoveCursor: Reply((responses.Ack,)),
    field_locks.LockField: Reply((field_locks.LockState,)),
    field_locks.UnlockField: Reply((field_locks.LockState,)),
    commands.AcknowledgeAlert: Reply((responses.Ack, events.AlertState)),
    commands.RequestBrief: Reply((responses.Ack,)),
    commands.CancelBrief: Reply((responses.Ack,)),
    commands.AcknowledgeNotifications: Reply((responses.Ack,)),
    commands.SnoozeNotification: Reply((responses.Ack,)),
    **{inbound: Reply((responses.Ack,)) for inbound in INBOUND.values()},
}
"""The answers to each message of a client."""


def asyncapi(examples: Mapping[str, Sequence[object]] | None = None) -> JsonSchema:
    """Return the document. `examples`: payloads by message name, to stand beside the messages."""
    placed = {_CONNECTION: _on_connection()} | {row.name: _on_channel(row) for row in NAMESPACES.values()}
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
            "production": _server(HOST, "wss"),
            "local": _server("127.0.0.1:8000", "ws"),
        },
        "channels": {name: _channel(name, carried) for name, carried in placed.items()},
        "operations": {
            name: operation for channel, carried in placed.items() for name, operation in _operations(channel, carried)
        },
        "components": {
            "messages": {each.name: _described(each, (examples or {}).get(each.name)) for each in messages()},
            "schemas": definitions(_SCHEMAS),
            "correlationIds": {
                "ref": {
                    "description": "The client's own id of a message; the direct answer carries it.",
                    "location": "$message.payload#/ref",
                }
            },
            "securitySchemes": {
                "token": {
                    "type": "apiKey",
                    "in": "password",
                    "description": "A JWT as `payload.token` of `auth`, the first message of a connection. A token in "
                    "the address or in a header does not authenticate a socket.",
                }
            },
        },
    }


def _server(host: str, protocol: str) -> JsonSchema:
    security = [{"$ref": "#/components/securitySchemes/token"}]
    return {"host": host, "pathname": "/v1", "protocol": protocol, "security": security}


def _on_connection() -> list[Message]:
    answers = {*get_args(responses.Response), *(struct for reply in REPLIES.values() for struct in reply.messages)}
    return [
        each
        for each in messages()
        if (each.struct in answers if each.direction == "server" else not each.names_channel)
    ]


def _on_channel(row: Namespace) -> list[Message]:
    sent: set[type[Struct]] = {INBOUND[event] for event in row.carries}
    sent |= {commands.Subscribe, commands.Unsubscribe, commands.ChangeSettings}
    received = {*row.carries, *_SERVED.get(row.name, ())}
    if row.presence:
        sent |= {commands.UpdatePresence, field_locks.LockField, field_locks.UnlockField}
        received.update(_PRESENCE)
    if row.name == "document":
        sent |= {commands.EditOperation, commands.MoveCursor}
    return [each for each in messages() if each.struct in (sent if each.direction == "client" else received)]


def _channel(name: str, carried: Iterable[Message]) -> JsonSchema:
    references = {each.name: {"$ref": f"#/components/messages/{each.name}"} for each in carried}
    if name == _CONNECTION:
        summary = "What concerns one connection alone: it has no channel name."
        return {"address": None, "summary": summary, "messages": references}
    row, segments = NAMESPACES[name], SHAPES[name]
    keeps = [word for word, kept in (("history", row.history), ("presence", row.presence)) if kept]
    channel: JsonSchema = {
        "address": ":".join((name, *(f"{{{segment}}}" for segment in segments))),
        "summary": f"Keeps {' and '.join(keeps)}." if keeps else "Keeps neither history nor presence.",
        "messages": references,
    }
    if segments:
        about = {"description": "One to 64 of A-Z a-z 0-9 . _ -", "location": "$message.payload#/channel"}
        channel["parameters"] = {segment: dict(about) for segment in segments}
    return channel


def _operations(channel: str, carried: list[Message]) -> Iterable[tuple[str, JsonSchema]]:
    """Yield an operation for each message that the service receives, with its reply, and one for all that it sends."""
    on_channel = f"#/channels/{channel}"
    for each in carried:
        if each.direction == "client":
            yield (
                f"{channel}.receive.{each.type}",
                {
                    "action": "receive",
                    "channel": {"$ref": on_channel},
                    "summary": each.summary.partition("\n\n")[0],
                    "messages": [{"$ref": f"{on_channel}/messages/{each.name}"}],
                    "reply": _reply(REPLIES[each.struct]),
                },
            )
    sent = [{"$ref": f"{on_channel}/messages/{each.name}"} for each in carried if each.direction == "server"]
    if sent:
        yield f"{channel}.send", {"action": "send", "channel": {"$ref": on_channel}, "messages": sent}


def _reply(reply: Reply) -> JsonSchema:
    channel = f"#/channels/{reply.channel}"
    answers: list[type[Struct]] = [*reply.messages, responses.ErrorMessage]
    names = [Message("server", struct).name for struct in answers]
    return {"channel": {"$ref": channel}, "messages": [{"$ref": f"{channel}/messages/{name}"} for name in names]}


def _described(message: Message, examples: Sequence[object] | None) -> JsonSchema:
    described: JsonSchema = {
        "name": message.type,
        "title": message.title,
        "summary": message.summary,
        "payload": {"$ref": f"{_SCHEMAS}{message.title}"},
    }
    if "ref" in message.struct.__struct_fields__:
        described["correlationId"] = {"$ref": "#/components/correlationIds/ref"}
    if examples:
        described["examples"] = [{"payload": payload} for payload in examples]
    return described

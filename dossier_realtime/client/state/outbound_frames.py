"""The frames of a user's sends and commands, checked as the server checks them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct

from dossier_realtime.protocol.codec import decode_command, encode
from dossier_realtime.protocol.commands import DomainMessage
from dossier_realtime.protocol.documents.field_locks import LockField, UnlockField
from dossier_realtime.protocol.events import Publishable
from dossier_realtime.protocol.inbound import InboundMessage, event_type

MAX_FRAME_BYTES = 64 * 1024  # bytes; the server closes for good on more (docs/protocol.md#frames)

Message = Publishable | Mapping[str, Any]
"""An event to send: its Struct, or the contract's JSON as a mapping (`{"type": …, "payload": …}`).

Fields that the server writes (author, time, `offset`) may stand in a mapping; those of a Struct are always left out.
"""


def body_of(message: Message) -> dict[str, Any]:
    """Return the event as JSON-able fields, without those that only the server may write.

    Raises:
        TypeError: for a message that is no event.
    """
    if isinstance(message, Mapping):
        return dict(message)
    if not isinstance(message, Publishable):
        raise TypeError(
            f"A {type(message).__name__} is no event; pass the contract's JSON as a dict"
            ' ({"type": …, "payload": …}), or an event of dossier_realtime.protocol.events'
        )
    body: dict[str, Any] = msgspec.to_builtins(message)
    body.pop("offset", None)
    payload = body["payload"]
    for name in _stamped(event_type(message)):
        payload.pop(name, None)
    return body


def frame_of(channel: str, message: Message, ref: str, idempotency_key: str) -> bytes:
    """Return the frame of a send. Raises ValueError (`codec.InvalidMessage`, with a path) for an invalid event."""
    body = body_of(message)
    if body.get("channel") not in (None, channel):
        raise ValueError("The event names another channel than send() does; leave the channel out of the event")
    body |= {"channel": channel, "ref": ref, "idempotency_key": idempotency_key}
    frame = msgspec.json.encode(body)
    if len(frame) > MAX_FRAME_BYTES:
        raise ValueError(f"The event is {len(frame)} bytes of JSON, {MAX_FRAME_BYTES} may be sent; shorten it")
    if isinstance(decode_command(frame), InboundMessage):
        return frame
    raise ValueError("send() takes the events that a client may publish; for this message there is a method")


Sendable = DomainMessage | LockField | UnlockField
"""The commands that wait for an answer."""


def command_frame(command: Sendable) -> bytes:
    """Return the frame of a command. Raises ValueError for an invalid id or field."""
    frame = encode(command)
    decode_command(frame)
    return frame


@cache
def _stamped(event: type[Struct]) -> tuple[str, ...]:
    described = msgspec.inspect.type_info(event)
    assert isinstance(described, msgspec.inspect.StructType)  # noqa: S101  every event is a Struct
    payload = next(field.type for field in described.fields if field.name == "payload")
    assert isinstance(payload, msgspec.inspect.StructType)  # noqa: S101  every event's payload is a Struct
    return tuple(
        field.encode_name
        for field in payload.fields
        if isinstance(field.type, msgspec.inspect.Metadata) and "stamp" in (field.type.extra or {})
    )

"""Frames to commands, events to frames.

Every refusal names the JSON path and quotes at most 64 characters of the input.
"""

from __future__ import annotations

import re
from functools import reduce
from operator import or_
from typing import Any

import msgspec
from msgspec import Struct

from .commands import Command
from .events import Event
from .inbound import INBOUND, InboundMessage

MAX_DEPTH = 16

_INBOUND_TYPES = frozenset(INBOUND.values())
_commands: msgspec.json.Decoder[Any] = msgspec.json.Decoder(reduce(or_, INBOUND.values(), Command))
_drafts: msgspec.json.Decoder[Any] = msgspec.json.Decoder(reduce(or_, INBOUND.values()))
_events: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_encoder = msgspec.json.Encoder()

_KEEP = b'"[{]}'
_DROPPED = bytes(set(range(256)) - set(_KEEP))
_FOLDED = bytes.maketrans(b"{}", b"[]")
# Keys that turn into something else when a browser copies an object. A quote inside a JSON string is escaped,
# so these bytes followed by a colon can only be a key.
_POISON_WORDS = (b"__proto__", b"__class__", b"constructor", b"prototype")
_POISON = re.compile(rb'"(?:' + b"|".join(_POISON_WORDS) + rb')"\s*:')
_MAX_QUOTED_CHARACTERS = 60
# What the decoder quotes of the input stands between the first quotation mark and the last.
_QUOTED = re.compile(rf"([`'\"].{{{_MAX_QUOTED_CHARACTERS}}}).+(?=[`'\"])", re.DOTALL)


class InvalidMessage(ValueError):
    """A frame that is no message of the protocol.

    `path` is the JSON path of what is wrong; `type`, `ref` and `channel` are the frame's own where they could
    be read.
    """

    def __init__(
        self,
        reason: str,
        path: str = "$",
        ref: str | None = None,
        channel: str | None = None,
        type: str | None = None,  # noqa: A002  the field's name on the wire
    ) -> None:
        super().__init__(f"{reason} (at {path})")
        self.reason = reason
        self.path = path
        self.ref = ref
        self.channel = channel
        self.type = type


class _Envelope(Struct):
    """What an answer to a broken message can still refer to."""

    type: Any = None
    ref: Any = None
    channel: Any = None


_envelope = msgspec.json.Decoder(_Envelope)


def decode_command(frame: bytes) -> Command | InboundMessage:
    """Read one client frame (UTF-8 JSON). Raises InvalidMessage."""
    try:
        check_shape(frame)
        message = _commands.decode(frame)
    except InvalidMessage as wrong:
        raise _explained(frame, wrong.reason, wrong.path) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise _explained(frame, *reason(wrong)) from None
    if type(message) not in _INBOUND_TYPES:
        return message  # type: ignore[no-any-return]  # the Decoder's union is made at run time
    return _inbound(message)


def decode_inbound(frame: bytes) -> InboundMessage:
    """Read one publishable event (its shape checked before). Raises InvalidMessage."""
    try:
        message = _drafts.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise InvalidMessage(*reason(wrong)) from None
    return _inbound(message)


def _inbound(message: Any) -> InboundMessage:
    """Take apart an event that a client sent: what is the sender's own does not go out with it."""
    inbound = InboundMessage(message, message.ref, message.idempotency_key)
    message.ref = message.idempotency_key = message.offset = None
    return inbound


def check_shape(frame: bytes) -> None:
    """Refuse what no Struct can see: bytes that are not UTF-8 in fields that are ignored, depth over 16, and keys that
    poison objects. Raises InvalidMessage.

    Linear in the frame, in a fixed number of passes that run in C: it is the first thing done with a stranger's bytes.
    """
    if not frame.isascii():
        try:
            frame.decode()  # msgspec skips the fields that it does not know without looking into their text
        except UnicodeDecodeError as wrong:
            raise InvalidMessage(*reason(wrong)) from None
    if frame.count(b"[") + frame.count(b"{") > MAX_DEPTH and _too_deep(_brackets(frame)):
        raise InvalidMessage(f"The message is nested deeper than {MAX_DEPTH} levels; flatten it")
    if any(word in frame for word in _POISON_WORDS) and _POISON.search(frame) is not None:
        raise InvalidMessage("The message holds a key that is not allowed; remove it")


def _brackets(frame: bytes) -> bytes:
    """The brackets outside strings, braces told as brackets."""
    if b"\\" in frame:
        # First the backslashes that escape each other: one that is left before a quote escapes it.
        frame = frame.replace(b"\\\\", b"").replace(b'\\"', b"")
    marks = frame.translate(_FOLDED, _DROPPED)
    if b'"' in marks:
        # Two quotes side by side enclose nothing that counts, or join two strings: either way they can go.
        marks = b"".join(marks.replace(b'""', b"").split(b'"')[::2])
    return marks


def _too_deep(brackets: bytes) -> bool:
    """Return whether brackets nest deeper than MAX_DEPTH. What is never closed is taken as closed at the end."""
    unclosed = brackets.count(b"[") - brackets.count(b"]")
    if unclosed > MAX_DEPTH:
        return True
    brackets += b"]" * unclosed
    for _ in range(MAX_DEPTH):
        # Each pass takes away the innermost level: what is left after MAX_DEPTH of them is deeper.
        brackets = brackets.replace(b"[]", b"")
    return b"[]" in brackets


def reference(frame: bytes) -> InvalidMessage:
    """Return what a refusal can refer to (`ref`, `channel`, `type`) of a frame that is not looked at any further."""
    return _explained(frame, "This message was not read", "$")


def _explained(frame: bytes, reason: str, path: str) -> InvalidMessage:
    try:
        envelope = _envelope.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return InvalidMessage(reason, path)
    return InvalidMessage(reason, path, _short(envelope.ref), _short(envelope.channel), _short(envelope.type))


def _short(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 64 else None


def reason(wrong: Exception) -> tuple[str, str]:
    """An English reason and the JSON path, from what the decoder says."""
    if isinstance(wrong, RecursionError):
        return f"The message is nested deeper than {MAX_DEPTH} levels; flatten it", "$"
    if not isinstance(wrong, msgspec.ValidationError):
        return "The message is not valid JSON in UTF-8; send one JSON object a frame", "$"
    text, at, path = str(wrong).rpartition(" - at `")
    if not at:
        text, path = path, "$"
    if "matching regex" in text:
        text = "The text is not of the form that this field takes"
    elif text.startswith(("Invalid value", "Invalid enum value")):
        text = f"This value is not one of those the field takes: {text.partition('value ')[2]}"
    return _QUOTED.sub(r"\1…", text), path.rstrip("`")


def encode(event: Event | Command) -> bytes:
    """One message as a JSON frame."""
    return _encoder.encode(event)


def decode_event(frame: bytes | str) -> Event:
    """Read one server frame; unknown fields are ignored. Raises msgspec.DecodeError for what is no event."""
    try:
        return _events.decode(frame)
    except (RecursionError, UnicodeError):
        raise msgspec.DecodeError("The frame is nested too deep, or not UTF-8") from None


def with_offset(body: bytes, offset: int) -> bytes:
    """The frame of a channel event: an encoded event, its `offset` spliced in without encoding it anew."""
    return b'{"offset":%d,%b' % (offset, body[1:])


def message_type(message: Struct) -> str:
    """Return the `type` of a decoded message on the wire."""
    tag = message.__struct_config__.tag
    return tag if isinstance(tag, str) else ""


class _Typed(Struct):
    type: str = ""


_typed = msgspec.json.Decoder(_Typed)


def type_of(frame: bytes) -> str:
    """Return the `type` of a frame that the service encoded."""
    return _typed.decode(frame).type

"""The codec: frames to commands, events to frames.

Every error names the JSON path and quotes at most 64 characters of the input.
"""

from __future__ import annotations

import re
from functools import reduce
from operator import or_
from typing import Any, TypeVar, get_args

import msgspec
from msgspec import Struct

from .commands import Command
from .events import Event
from .explanations.field_forms import pattern_in_words, values_at
from .inbound import INBOUND, InboundMessage

MAX_DEPTH = 16
T = TypeVar("T")

_INBOUND_TYPES = frozenset(INBOUND.values())
_commands: msgspec.json.Decoder[Any] = msgspec.json.Decoder(reduce(or_, INBOUND.values(), Command))
_drafts: msgspec.json.Decoder[Any] = msgspec.json.Decoder(reduce(or_, INBOUND.values()))
_by_type: dict[str, type[Struct]] = {
    kind.__struct_config__.tag: kind for kind in (*get_args(Command), *INBOUND.values())
}
_events: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_encoder = msgspec.json.Encoder()

_KEEP = b'"[{]}'
_DROPPED = bytes(set(range(256)) - set(_KEEP))
_FOLDED = bytes.maketrans(b"{}", b"[]")
# Keys with a special meaning when a browser copies an object. A quote inside a JSON string is escaped,
# so these bytes followed by a colon can only be a key.
_POISON_WORDS = (b"__proto__", b"__class__", b"constructor", b"prototype")
_POISON = re.compile(rb'"(?:' + b"|".join(_POISON_WORDS) + rb')"\s*:')
_MAX_QUOTED_CHARACTERS = 60
# The decoder quotes the input between the first and the last quotation mark.
_QUOTED = re.compile(rf"([`'\"].{{{_MAX_QUOTED_CHARACTERS}}}).+(?=[`'\"])", re.DOTALL)


class InvalidMessage(ValueError):
    """A frame that is no message of the protocol.

    `path` is the JSON path of the fault; `type`, `ref` and `channel` are those of the frame, where they could be
    read.
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
    """The fields of an invalid message that an answer can refer to."""

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
        raise _explained(frame, *reason(wrong, _kind(frame))) from None
    if type(message) not in _INBOUND_TYPES:
        return message  # type: ignore[no-any-return]  # the Decoder's union is made at run time
    return _inbound(message)


def decode_inbound(frame: bytes) -> InboundMessage:
    """Read one publishable event (its shape checked before). Raises InvalidMessage."""
    try:
        message = _drafts.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise InvalidMessage(*reason(wrong, _kind(frame))) from None
    return _inbound(message)


def decode_body(body: bytes, form: type[T]) -> T:
    """Read the JSON body of an HTTP call as a Struct. Raises InvalidMessage."""
    check_shape(body)
    try:
        return msgspec.json.decode(body, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise InvalidMessage(*reason(wrong, form)) from None


def _inbound(message: Any) -> InboundMessage:
    """Separate a client's event from its `ref` and `idempotency_key`, which are not delivered to others."""
    inbound = InboundMessage(message, message.ref, message.idempotency_key)
    message.ref = message.idempotency_key = message.offset = None
    return inbound


def check_shape(frame: bytes) -> None:
    """Check the faults that no Struct sees. Raises InvalidMessage.

    These are bytes that are not UTF-8 in ignored fields, depth over 16, and keys that change the prototype of objects.
    It is linear in the frame, in a fixed number of passes that run in C: it is the first check of untrusted bytes.
    """
    if not frame.isascii():
        try:
            frame.decode()  # msgspec skips unknown fields without decoding their text
        except UnicodeDecodeError as wrong:
            raise InvalidMessage(*reason(wrong)) from None
    if frame.count(b"[") + frame.count(b"{") > MAX_DEPTH and _too_deep(_brackets(frame)):
        raise InvalidMessage(f"The message is nested deeper than {MAX_DEPTH} levels; flatten it")
    if any(word in frame for word in _POISON_WORDS) and _POISON.search(frame) is not None:
        raise InvalidMessage("The message holds a key that is not allowed; remove it")


def _brackets(frame: bytes) -> bytes:
    """Return the brackets outside of strings, with braces as brackets."""
    if b"\\" in frame:
        # First remove the backslashes that escape each other: one that is left before a quote escapes it.
        frame = frame.replace(b"\\\\", b"").replace(b'\\"', b"")
    marks = frame.translate(_FOLDED, _DROPPED)
    if b'"' in marks:
        # Two adjacent quotes enclose no bracket, or join two strings: both pairs can be removed.
        marks = b"".join(marks.replace(b'""', b"").split(b'"')[::2])
    return marks


def _too_deep(brackets: bytes) -> bool:
    """Return True for brackets nested deeper than MAX_DEPTH. Unclosed ones count as closed at the end."""
    unclosed = brackets.count(b"[") - brackets.count(b"]")
    if unclosed > MAX_DEPTH:
        return True
    brackets += b"]" * unclosed
    for _ in range(MAX_DEPTH):
        # Each pass removes the innermost level: brackets that are left after MAX_DEPTH passes are deeper.
        brackets = brackets.replace(b"[]", b"")
    return b"[]" in brackets


def reference(frame: bytes) -> InvalidMessage:
    """Return the fields (`ref`, `channel`, `type`) that a refusal of an unread frame refers to."""
    return _explained(frame, "This message was not read", "$")


def _explained(frame: bytes, reason: str, path: str) -> InvalidMessage:
    try:
        envelope = _envelope.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return InvalidMessage(reason, path)
    return InvalidMessage(reason, path, _short(envelope.ref), _short(envelope.channel), _short(envelope.type))


def _kind(frame: bytes) -> type[Struct] | None:
    """Return the type of message that a refused frame names."""
    try:
        named = _envelope.decode(frame).type
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return _by_type.get(named) if isinstance(named, str) else None


def _short(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 64 else None


def reason(wrong: Exception, kind: type[Any] | None = None) -> tuple[str, str]:
    """Return the reason in English and the JSON path of a decoder's error.

    `kind` is the type that was read, where it is known: the reason then lists the values of an enumeration.
    """
    if isinstance(wrong, RecursionError):
        return f"The message is nested deeper than {MAX_DEPTH} levels; flatten it", "$"
    if not isinstance(wrong, msgspec.ValidationError):
        return "This is not valid JSON in UTF-8; send exactly one JSON object", "$"
    text, at, path = str(wrong).rpartition(" - at `")
    if not at:
        text, path = path, "$"
    if "matching regex" in text:
        form = pattern_in_words(text)
        text = "The text is not of the form that this field takes" + (f": {form}" if form else "")
    elif text.startswith(("Invalid value", "Invalid enum value")):
        text = f"This value is not one of those the field takes: {text.partition('value ')[2]}"
        values = values_at(kind, path.rstrip("`")) if kind is not None else ()
        step = "; the types are in /v1/schema.json" if path.startswith("$.type") else ""
        return _QUOTED.sub(r"\1…", text) + (f"; it takes {', '.join(values)}" if values else step), path.rstrip("`")
    return _QUOTED.sub(r"\1…", text), path.rstrip("`")


def encode(event: Event | Command) -> bytes:
    """Return a message as a JSON frame."""
    return _encoder.encode(event)


def decode_event(frame: bytes | str) -> Event:
    """Read one server frame; unknown fields are ignored. Raises msgspec.DecodeError for other frames."""
    try:
        return _events.decode(frame)
    except (RecursionError, UnicodeError):
        raise msgspec.DecodeError("The frame is nested too deep, or not UTF-8") from None


def with_offset(body: bytes, offset: int) -> bytes:
    """Return the frame of a channel event: an encoded event with its `offset` spliced in, without encoding it again."""
    return b'{"offset":%d,%b' % (offset, body[1:])


def message_type(message: Struct | type[Struct]) -> str:
    """Return the `type` on the wire of a decoded message, or of its Struct."""
    tag = message.__struct_config__.tag
    return tag if isinstance(tag, str) else ""


class _Typed(Struct):
    type: str = ""


_typed = msgspec.json.Decoder(_Typed)


def type_of(frame: bytes) -> str:
    """Return the `type` of a frame that the service encoded."""
    return _typed.decode(frame).type

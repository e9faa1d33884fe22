"""Messages of types that a later version of the protocol has added. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, get_args

import msgspec

from dossier_realtime.protocol import codec
from dossier_realtime.protocol.events import Event

_KNOWN_TYPES = frozenset(map(codec.message_type, get_args(Event)))
_Place = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


@dataclass(frozen=True, slots=True)
class UnknownMessage:
    """A message of a type that this version of the SDK does not know.

    `frame` is its JSON, as it came. `offset` is its place on `channel`, where it has one.
    """

    type: str
    channel: str | None
    offset: int | None
    frame: bytes

    def members(self) -> dict[str, object]:
        """Return the members of the message, read from `frame`."""
        return msgspec.json.decode(self.frame, type=dict[str, object])


class _Envelope(msgspec.Struct):
    type: str
    channel: str | None = None
    offset: _Place | None = None


_envelope = msgspec.json.Decoder(_Envelope)


def unknown_message(frame: str | bytes) -> UnknownMessage | None:
    """Return a message of an unknown type; None for a frame of a known type, or one that is no message."""
    try:
        said = _envelope.decode(frame)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    if said.type in _KNOWN_TYPES:
        return None
    return UnknownMessage(said.type, said.channel, said.offset, frame.encode() if isinstance(frame, str) else frame)

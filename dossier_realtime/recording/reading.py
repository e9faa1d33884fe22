"""Reading what an entry holds without guessing: the type of its message, and what to show where it cannot be read.

The writer puts the decoded message's type into the header. Recordings of before are decoded strictly; what does not
decode is `unreadable`, and its bytes stay what they are: nobody looks for a pattern in text that a client wrote.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

import msgspec

from dossier_realtime.protocol import codec
from dossier_realtime.protocol.commands import CancelBrief
from dossier_realtime.protocol.inbound import InboundMessage

from .entry import Entry

UNREADABLE: Final = "unreadable"
UNFIT: Final = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""The errors that reading an entry's content may raise (msgspec's are ValueErrors): show it as unreadable then."""

HEAD_BYTES: Final = 256
_CUT = b'{"sha256":"'
_INBOUND = frozenset({"in", "refused"})
_OUTBOUND = frozenset({"out", "fanout", "recovered"})


class CutFrame(msgspec.Struct, omit_defaults=True):
    """The rest of a frame that was refused: its SHA-256, its length in bytes, and where it was well formed the
    first 256 bytes of it as it was decoded. In the entry's frame, so that redaction takes it too."""

    sha256: str
    length: int
    head: str = ""


def cut(payload: bytes, decoded: bytes = b"") -> bytes:
    """Return what is kept of a refused frame; `decoded` is its message, encoded anew."""
    head = decoded[:HEAD_BYTES].decode("utf-8", "ignore")
    return msgspec.json.encode(CutFrame(sha256(payload).hexdigest(), len(payload), head))


def is_cut(frame: bytes) -> bool:
    """Return whether a frame is what `cut` kept of one: no message has a SHA-256 and no type."""
    return frame.startswith(_CUT)


def entry_type(entry: Entry) -> str:
    """Return the type of an entry's message; "" where there is none, `unreadable` where it cannot be read."""
    header, frame, _ = entry
    if header.type or header.kind == UNREADABLE:
        return header.type or UNREADABLE
    if not frame or header.kind not in _INBOUND | _OUTBOUND:
        return ""
    try:
        if header.kind in _OUTBOUND:
            return codec.message_type(codec.decode_event(frame))
        command = codec.decode_command(frame)
        return codec.message_type(command.event if isinstance(command, InboundMessage) else command)
    except UNFIT:
        return UNREADABLE


def cancelled_request(frame: bytes | None) -> str:
    """Return the brief that a `brief_cancel` names; "" where that cannot be read."""
    try:
        return _cancels.decode(frame or b"").payload.request_id
    except UNFIT:
        return ""


_cancels = msgspec.json.Decoder(CancelBrief)

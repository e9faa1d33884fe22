"""Reading the content of an entry: the type of its message, and a mark where it can not be read.

The writer puts the decoded message's type into the header. Entries of older recordings are decoded strictly; one that
can not be decoded is `unreadable`, and its bytes are never searched for a pattern, since a client wrote them.
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
"""The errors of reading an entry's content (msgspec's are ValueErrors); such an entry is shown as unreadable."""

HEAD_BYTES: Final = 256
_CUT = b'{"sha256":"'
_INBOUND = frozenset({"in", "refused"})
_OUTBOUND = frozenset({"out", "fanout", "recovered"})


class CutFrame(msgspec.Struct, omit_defaults=True):
    """The trace of a refused frame: its SHA-256, its length in bytes, and of a well-formed one the first 256 bytes.

    It stands in the entry's frame, so that redaction removes it too.
    """

    sha256: str
    length: int
    head: str = ""


def cut(payload: bytes, decoded: bytes = b"") -> bytes:
    """Return the trace of a refused frame; `decoded` is its message, encoded again."""
    head = decoded[:HEAD_BYTES].decode("utf-8", "ignore")
    return msgspec.json.encode(CutFrame(sha256(payload).hexdigest(), len(payload), head))


def is_cut(frame: bytes) -> bool:
    """Return True for a trace made by `cut`: no message has a SHA-256 and no type."""
    return frame.startswith(_CUT)


def entry_type(entry: Entry) -> str:
    """Return the type of an entry's message; "" where there is none, `unreadable` where it can not be read."""
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
    """Return the request id of a `brief_cancel`; "" where it can not be read."""
    try:
        return _cancels.decode(frame or b"").payload.request_id
    except UNFIT:
        return ""


_cancels = msgspec.json.Decoder(CancelBrief)

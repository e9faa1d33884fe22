"""Versions of documents as an engine's log holds them, and the keys of their edits."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

import msgspec

from dossier_realtime.protocol import codec
from dossier_realtime.protocol.events import RemoteOperation, RemoteOperationPayload

SNAPSHOT_SPACING: Final = 4_096
"""Versions between two snapshots that are kept beyond the log: a text is made from the one before it."""

OPERATION_ROW_BYTES: Final = 100
"""The bytes of one id of an edit in a store, its index included, with some room: 77 were measured with 300,000 ids."""

_KEY_BYTES: Final = 16  # too many for two ids to meet, also where somebody looks for such ids


def payload_of(body: bytes) -> RemoteOperationPayload:
    """Return the version that an entry of a document's log holds. Raises msgspec.DecodeError."""
    event = codec.decode_event(body)
    if not isinstance(event, RemoteOperation):
        raise msgspec.DecodeError("An entry of a document's log is no version")
    return event.payload


def operation_key(user_id: str, op_id: str) -> bytes:
    """Return the key of a user's id. A user id has no NUL, so that no two pairs are written alike."""
    return blake2b(f"{user_id}\0{op_id}".encode(), digest_size=_KEY_BYTES).digest()

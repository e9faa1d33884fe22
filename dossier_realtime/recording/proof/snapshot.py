"""Signed snapshots of documents: the bytes that are signed, and the check of a file.

Source: docs/protocol.md#signed-snapshots.

A file has one spelling: the statement, the text, the formatting and the signature as the service writes them, and
nothing else. The signature covers the statement, the statement the digests of text and formatting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final

import msgspec

from dossier_realtime.protocol.documents.snapshots import SignedSnapshot, SnapshotStatement
from dossier_realtime.protocol.responses import FormatRun

from .signed import Check, signed_text

SNAPSHOT_FORM: Final = 1
NO_SNAPSHOT: Final = "this is no snapshot as the service writes it: save its answer byte for byte"
OTHER_FORM: Final = "this snapshot is written in form {}; this version reads form 1: use one that reads it"
OTHER_TEXT: Final = "the text is not the one that was signed"
OTHER_FORMAT: Final = "the formatting is not the one that was signed"
OTHER_KEY: Final = "it names another key than the one that was given: {}"
NOT_SIGNED: Final = "the statement is not signed by the key that it names"

_encode = msgspec.json.Encoder().encode
_snapshots = msgspec.json.Decoder(SignedSnapshot)


class SnapshotError(ValueError):
    """A file that is no snapshot, or one that was changed; the message says what is wrong."""


def text_digest(content: str) -> str:
    """Return the digest of a text."""
    return sha256(content.encode()).hexdigest()


def format_digest(format_: Sequence[FormatRun]) -> str:
    """Return the digest of the formatting of a text."""
    return sha256(_encode(format_)).hexdigest()


def snapshot_text(statement: SnapshotStatement) -> bytes:
    """Return the bytes that are signed."""
    return signed_text("snapshot", _encode(statement))


def snapshot_id(statement: SnapshotStatement) -> str:
    """Return the name of a statement among those of its document."""
    return sha256(_encode(statement)).hexdigest()[:32]


def snapshot_file(snapshot: SignedSnapshot) -> bytes:
    """Return the bytes of a snapshot's file."""
    return snapshot.file


def read_snapshot(data: bytes, checks: Mapping[str, Check]) -> SignedSnapshot:
    """Return the snapshot in a file whose every byte is proven. Raises SnapshotError.

    `checks`: known keys by fingerprint; with none, nothing proves who signed it.
    """
    try:
        found = _snapshots.decode(data)
        same = _encode(found) == data
    except (ValueError, RecursionError):
        raise SnapshotError(NO_SNAPSHOT) from None
    statement = found.statement
    if statement.form != SNAPSHOT_FORM:
        raise SnapshotError(OTHER_FORM.format(statement.form))
    if not same:
        raise SnapshotError(NO_SNAPSHOT)
    if text_digest(found.content) != statement.text_sha256:
        raise SnapshotError(OTHER_TEXT)
    if format_digest(found.format) != statement.format_sha256:
        raise SnapshotError(OTHER_FORMAT)
    if checks:
        check = checks.get(statement.key)
        if check is None:
            raise SnapshotError(OTHER_KEY.format(statement.key))
        if not check(snapshot_text(statement), found.signature):
            raise SnapshotError(NOT_SIGNED)
    return found

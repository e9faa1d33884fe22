"""Snapshot files: the verification of a signed text, offline (docs/protocol.md#signed-snapshots)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dossier_realtime.protocol.documents.snapshots import SignedSnapshot
from dossier_realtime.recording.proof.signed import Check
from dossier_realtime.recording.proof.snapshot import NO_SNAPSHOT, SnapshotError, read_snapshot

_MAX_BYTES: Final = 64 << 20  # more than any text with its formatting takes


def open_snapshot(file: Path, checks: Mapping[str, Check]) -> SignedSnapshot:
    """Return the snapshot in a file that is proven from its first byte to its last.

    `checks`: known keys by fingerprint; with none, nothing proves who signed it. Raises SnapshotError and OSError.
    """
    with file.open("rb") as opened:
        data = opened.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise SnapshotError(NO_SNAPSHOT)
    return read_snapshot(data, checks)

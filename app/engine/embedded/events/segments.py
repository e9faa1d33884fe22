"""Packed versions of documents in SQLite: jobs for the threads of `app.engine.sqlite`.

When the log of a document is trimmed, the versions that leave it are packed into a segment in the same transaction. So
a document's history has no hole, whatever happens in between.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from app.core.domain import kept_versions
from app.engine.document_versions import SNAPSHOT_SPACING, payload_of


def keep(db: sqlite3.Connection, stream: int, bodies: Sequence[bytes], most: int) -> None:
    """Pack the versions that leave a stream's log, and drop the oldest segments above `most` bytes.

    A body that is no version is a log of before versions had their form: its segment, and all before it, are not kept.
    """
    try:
        versions = [payload_of(body) for body in bodies]
    except msgspec.DecodeError:
        db.execute("DELETE FROM segments WHERE stream = ?", (stream,))
    else:
        first, last = versions[0].version, versions[-1].version
        db.execute(
            "INSERT OR REPLACE INTO segments (stream, first, last, body) VALUES (?, ?, ?, ?)",
            (stream, first, last, kept_versions.pack(versions)),
        )
    _bound(db, stream, most)
    _thin(db, stream)


def first_kept(db: sqlite3.Connection, stream: int) -> int:
    """Return the first version of a stream whose operation is kept, 1 where there is none yet."""
    for table, column in (("segments", "first"), ("events", "offset")):
        (first,) = db.execute(f"SELECT min({column}) FROM {table} WHERE stream = ?", (stream,)).fetchone()  # noqa: S608
        if first is not None:
            return int(first)
    return 1


def _bound(db: sqlite3.Connection, stream: int, most: int) -> None:
    sizes = db.execute(
        "SELECT first, length(body) FROM segments WHERE stream = ? ORDER BY first DESC", (stream,)
    ).fetchall()
    total = 0
    for first, size in sizes:
        total += size
        if total > most:
            db.execute("DELETE FROM segments WHERE stream = ? AND first <= ?", (stream, first))
            return


def _thin(db: sqlite3.Connection, stream: int) -> None:
    """Drop the snapshots that no kept version needs: those before the first, and beyond the log all but a few."""
    first = first_kept(db, stream)
    (logged,) = db.execute("SELECT coalesce(min(offset), 0) FROM events WHERE stream = ?", (stream,)).fetchone()
    db.execute("DELETE FROM snapshots WHERE stream = ? AND version < ?", (stream, first - 1))
    (base,) = db.execute(
        "SELECT coalesce(max(version), 0) FROM snapshots WHERE stream = ? AND version < ?", (stream, logged)
    ).fetchone()
    db.execute(
        "DELETE FROM snapshots WHERE stream = ? AND version < ? AND version NOT IN"
        " (SELECT min(version) FROM snapshots WHERE stream = ? GROUP BY version / ?)",
        (stream, base, stream, SNAPSHOT_SPACING),
    )

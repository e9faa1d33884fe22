"""Reading and trimming the log of events in SQLite.

The functions are jobs for the threads of `app.engine.sqlite`. Trimming removes the oldest events of a stream in small
steps, because publishers wait for the thread that does it.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import Final, NamedTuple

from app.core.position import epoch_of
from app.engine.embedded.events import segments
from app.engine.embedded.storage.packed_bodies import unpacked
from app.engine.ports.events import Publication
from dossier_realtime.protocol.namespaces import frame_of, namespace_of

TRIM_STEP: Final = 1_000  # events that one step removes at most: bounds how long publishers wait for it
TRIM_BYTES: Final = 4 << 20  # of versions of a document, which are packed: one step ends behind the first that is over


class StreamHead(NamedTuple):
    """A stream with its first and last offset. An empty stream has `oldest` 1 and `offset` 0."""

    stream: int
    channel: str
    epoch: str
    oldest: int
    offset: int


def heads(db: sqlite3.Connection, store: str) -> list[StreamHead]:
    """Return every stream; of one channel's streams the oldest comes first.

    It costs two seeks in the index for each stream, whatever its length.
    """
    return [
        StreamHead(stream, channel, epoch_of(store, channel, generation), oldest or 1, offset or 0)
        for stream, channel, generation, oldest, offset in db.execute(
            "SELECT id, channel, generation, (SELECT min(offset) FROM events WHERE stream = id),"
            " (SELECT max(offset) FROM events WHERE stream = id) FROM streams ORDER BY generation"
        )
    ]


def last_number(db: sqlite3.Connection) -> int:
    """Return the number of the last event in the log, 0 for an empty log."""
    (number,) = db.execute("SELECT max(number) FROM events").fetchone()
    return number or 0


def read(db: sqlite3.Connection, head: StreamHead, after: int, limit: int) -> list[Publication]:
    """Return at most `limit` events of a stream, after an offset and up to its head; none where the first is gone.

    A trim may remove events between the caller's look at the head and this query. A history with a hole would be taken
    for a whole one, so none is returned and the client learns that the events cannot be recovered.
    """
    rows = db.execute(
        "SELECT offset, number, body FROM events WHERE stream = ? AND offset > ? AND offset <= ?"
        " ORDER BY offset LIMIT ?",
        (head.stream, after, head.offset, limit),
    ).fetchall()
    if rows and rows[0][0] != after + 1:
        return []
    return [
        Publication(head.channel, head.epoch, offset, frame_of(head.channel, unpacked(body), offset), number)
        for offset, number, body in rows
    ]


def read_log(db: sqlite3.Connection, store: str, after: int, limit: int) -> list[Publication]:
    """Return at most `limit` events of all streams after a number, in the order of their commits."""
    return [
        Publication(
            channel, epoch_of(store, channel, generation), offset, frame_of(channel, unpacked(body), offset), number
        )
        for number, channel, generation, offset, body in db.execute(
            "SELECT number, channel, generation, offset, body FROM events JOIN streams ON streams.id = stream"
            " WHERE number > ? ORDER BY number LIMIT ?",
            (after, limit),
        )
    ]


def trim(db: sqlite3.Connection, stream: int, last: int, until: int, document_bytes: int = 0) -> int:
    """Remove the oldest events of a stream, at most `TRIM_STEP`, and of a document about `TRIM_BYTES`; return how many.

    No event after offset `last` or number `until` is removed. The versions of a document are kept beyond that in packed
    segments, as far as `document_bytes` of them.
    """
    (channel,) = db.execute("SELECT channel FROM streams WHERE id = ?", (stream,)).fetchone()
    if namespace_of(channel).name != "document":
        return db.execute(
            "DELETE FROM events WHERE number IN (SELECT number FROM events"
            " WHERE stream = ? AND offset <= ? AND number <= ? ORDER BY offset LIMIT ?)",
            (stream, last, until, TRIM_STEP),
        ).rowcount
    # A document's text is built from a snapshot and every operation after it. So events may go only up to the
    # newest snapshot at or before `last`: the events after it are still needed in the log.
    (last,) = db.execute(
        "SELECT coalesce(max(version), 0) FROM snapshots WHERE stream = ? AND version <= ?", (stream, last)
    ).fetchone()
    query = "SELECT number, body FROM events WHERE stream = ? AND offset <= ? AND number <= ? ORDER BY offset LIMIT ?"
    rows: list[tuple[int, bytes]] = []
    size = 0
    for number, stored in db.execute(query, (stream, last, until, TRIM_STEP)):
        body = stored
        with suppress(sqlite3.DataError):  # a damaged one is no version, as `segments.keep` finds out
            body = unpacked(stored)
        rows.append((number, body))
        size += len(body)
        if size >= TRIM_BYTES:
            break
    if rows:
        db.executemany("DELETE FROM events WHERE number = ?", ((number,) for number, _ in rows))
        segments.keep(db, stream, [body for _, body in rows], document_bytes)
    return len(rows)


def trim_retired(db: sqlite3.Connection, stream: int, last: int, until: int) -> bool:
    """Trim a stream that a later one replaced; return True once nothing of it is left.

    Of a document, too, nothing is kept beyond the log: its text is never made again.
    """
    gone = db.execute(
        "DELETE FROM events WHERE number IN (SELECT number FROM events"
        " WHERE stream = ? AND offset <= ? AND number <= ? ORDER BY offset LIMIT ?)",
        (stream, last, until, TRIM_STEP),
    ).rowcount
    if gone or db.execute("SELECT 1 FROM events WHERE stream = ? LIMIT 1", (stream,)).fetchone():
        return False
    for table in ("segments", "named", "snapshots", "operation_ids"):  # a later stream may get the same number
        db.execute(f"DELETE FROM {table} WHERE stream = ?", (stream,))  # noqa: S608 - ours
    db.execute("DELETE FROM streams WHERE id = ?", (stream,))
    return True

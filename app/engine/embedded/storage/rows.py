"""The rows of the embedded store: reading them from its file, and writing a new file."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from app.engine.embedded.storage import mark
from app.engine.embedded.storage.packed_bodies import packed, unpacked
from app.engine.embedded.storage.schema import FILE, open_database
from app.engine.moving.moved_rows import (
    MovedAlert,
    MovedBrief,
    MovedChannel,
    MovedEvent,
    MovedKey,
    MovedName,
    MovedOperation,
    MovedQuota,
    MovedRecord,
    MovedRevocation,
    MovedRow,
    MovedSegment,
    MovedSettings,
    MovedSnapshot,
    MovedStore,
)
from app.engine.ports.errors import EngineError
from app.engine.ports.events import PublishResult
from app.engine.sqlite.connection import StoreError, lock_folder

BATCH: Final = 500
_DRAFT: Final = "moving"
# The newest stream of each channel.
_STREAMS: Final = "(SELECT id, channel, max(generation) AS generation FROM streams GROUP BY channel)"

_results = msgspec.json.Decoder(list[PublishResult])


class EmbeddedRows:
    """The store in a data folder that no service uses."""

    name = "embedded"

    def __init__(self, data: Path) -> None:
        self._data = data
        self._lock = -1
        self._db: sqlite3.Connection | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._db is not None:
            self._db.close()
        if self._lock >= 0:
            os.close(self._lock)

    async def begin_reading(self) -> None:
        """Open the store as a source. Raises EngineError where there is none, or a copy."""
        if not (self._data / FILE).exists():
            raise EngineError(f"there is no event store in {self._data}; name its data folder with --data")
        try:
            self._lock = lock_folder(self._data)
            self._db, _ = open_database(self._data)
            moved = mark.moved(self._db, self._data / FILE, 0)
        except StoreError as refused:
            raise EngineError(str(refused)) from refused
        if moved:
            raise EngineError(f"the event store in {self._data} was copied or restored ({moved}): start it once first")

    async def begin_writing(self) -> None:
        """Begin a new store beside the place of it. Raises EngineError where there is one."""
        if (self._data / FILE).exists():
            raise EngineError(f"{self._data} holds an event store: move it away first, nothing is overwritten")
        try:
            self._lock = lock_folder(self._data)
        except StoreError as refused:
            raise EngineError(str(refused)) from refused
        draft = self._data / _DRAFT
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        self._db, _ = open_database(draft)

    async def finish(self) -> None:
        """Put the new store in its place: a move that was cut off before has left none."""
        db = self._database
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("PRAGMA journal_mode=DELETE")
        db.close()
        (self._data / _DRAFT / FILE).replace(self._data / FILE)
        shutil.rmtree(self._data / _DRAFT)
        self._db, _ = open_database(self._data)
        mark.put(self._db, self._data / FILE)

    async def rows(self) -> AsyncIterator[list[MovedRow]]:
        """Yield all rows, in batches."""
        batch: list[MovedRow] = []
        for row in self._all():
            batch.append(row)
            if len(batch) >= BATCH:
                yield batch
                batch = []
        yield batch

    async def write(self, rows: Sequence[MovedRow]) -> None:
        """Write rows; a channel comes before what is of it."""
        db = self._database
        db.execute("BEGIN IMMEDIATE")
        for row in rows:
            _write(db, row)
        db.execute("COMMIT")

    @property
    def _database(self) -> sqlite3.Connection:
        assert self._db is not None  # noqa: S101  it was opened
        return self._db

    def _all(self) -> Iterator[MovedRow]:
        db = self._database
        (store,) = db.execute("SELECT value FROM meta WHERE name = 'store'").fetchone()
        yield MovedStore(store, mark.last_commit(db))
        last = "coalesce((SELECT max(offset) FROM events WHERE stream = id), 0)"
        yield from _each(db, MovedChannel, f"SELECT channel, generation, {last} FROM {_STREAMS}")  # noqa: S608 - ours
        for kind, columns, table in (
            (MovedEvent, "offset, number, body", "events"),
            (MovedSnapshot, "version, state", "snapshots"),
            (MovedSegment, "first, last, body", "segments"),
            (MovedName, "name, version, user, user_name, at", "named"),
        ):
            of = f"FROM {table} JOIN {_STREAMS} AS newest ON newest.id = stream"
            rows = _each(db, kind, f"SELECT channel, generation, {columns} {of}")
            yield from map(_unpacked, rows)
        ids = f"FROM operation_ids JOIN {_STREAMS} AS newest ON newest.id = stream ORDER BY number"
        yield from _each(db, MovedOperation, f"SELECT channel, generation, key, version, digest, at {ids}")
        for user, key, digest, result, expires in db.execute("SELECT user, key, digest, result, expires FROM keys"):
            places = tuple((one.channel, one.offset, one.epoch) for one in _results.decode(result))
            yield MovedKey(user, key, digest, places, round(expires * 1000))
        for kind, key, body, revision, labels, order, due, expires in db.execute(
            "SELECT kind, key, body, revision, labels, position, due, expires FROM records"
        ):
            yield MovedRecord(kind, key, body, revision, _labels(labels), order, due, expires)
        for commitment, level, by, changed, *claim in db.execute(
            "SELECT commitment, level, acknowledged_by, changed, authority, publisher, mou FROM alerts"
        ):
            told = db.execute("SELECT user, level FROM alerted WHERE commitment = ? ORDER BY user", (commitment,))
            levels = tuple((user, high) for user, high in told)
            yield MovedAlert(commitment, level, by, changed, (claim[0], claim[1], claim[2]), levels)
        for request, user, ended, changed, authority, publisher in db.execute(
            "SELECT request, user, ended, changed, authority, publisher FROM briefs"
        ):
            yield MovedBrief(request, user, ended, changed, (authority, publisher, ""))
        for channel, level, presence, history, frozen, until in db.execute(
            "SELECT channel, level, presence, history, frozen, read_only_until FROM settings"
        ):
            yield MovedSettings(channel, level, bool(presence), bool(history), bool(frozen), until)
        yield from _each(db, MovedRevocation, "SELECT kind, subject, at, expires FROM revocations")
        yield from _each(db, MovedQuota, "SELECT user, kind, since, spent FROM quotas")


def _each(db: sqlite3.Connection, kind: type[MovedRow], query: str) -> Iterator[MovedRow]:
    return (kind(*row) for row in db.execute(query))


def _unpacked(row: MovedRow) -> MovedRow:
    return msgspec.structs.replace(row, body=unpacked(row.body)) if isinstance(row, MovedEvent) else row


def _packed(row: MovedRow) -> MovedRow:
    return msgspec.structs.replace(row, body=packed(row.body)) if isinstance(row, MovedEvent) else row


def _labels(text: str) -> tuple[str, ...]:
    return tuple(text.split("\n")) if text else ()


_OF_STREAM: Final[dict[type[MovedRow], tuple[str, str]]] = {
    MovedEvent: ("events", "offset, number, body"),
    MovedSnapshot: ("snapshots", "version, state"),
    MovedSegment: ("segments", "first, last, body"),
    MovedName: ("named", "name, version, user, user_name, at"),
    MovedOperation: ("operation_ids", "key, version, digest, at"),
}
_ALONE: Final[dict[type[MovedRow], tuple[str, str]]] = {
    MovedSettings: ("settings", "channel, level, presence, history, frozen, read_only_until"),
    MovedRevocation: ("revocations", "kind, subject, at, expires"),
    MovedQuota: ("quotas", "user, kind, since, spent"),
}


def _write(db: sqlite3.Connection, row: MovedRow) -> None:
    match row:
        case MovedStore():
            db.execute("UPDATE meta SET value = ? WHERE name = 'store'", (row.store,))
            db.execute("DELETE FROM sqlite_sequence WHERE name = 'events'")
            db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('events', ?)", (row.commit,))
        case MovedChannel():
            db.execute("INSERT INTO streams (channel, generation) VALUES (?, ?)", (row.channel, row.generation))
        case MovedKey():
            results = [PublishResult(*place) for place in row.places]
            _insert(
                db,
                ("keys", "user, key, digest, result, expires"),
                (row.user, row.key, row.digest, msgspec.json.encode(results), row.expires / 1000),
            )
        case MovedRecord():
            _record(db, row)
        case MovedAlert():
            columns = "commitment, level, acknowledged_by, changed, authority, publisher, mou"
            _insert(db, ("alerts", columns), (row.commitment, row.level, row.by, row.changed, *row.claim))
            for user, level in row.levels:
                _insert(db, ("alerted", "commitment, user, level"), (row.commitment, user, level))
        case MovedBrief():
            columns = "request, user, ended, changed, authority, publisher"
            _insert(db, ("briefs", columns), (row.request, row.user, row.ended, row.changed, *row.claim[:2]))
        case _ if type(row) in _OF_STREAM:
            table, columns = _OF_STREAM[type(row)]
            channel, generation, *values = msgspec.structs.astuple(_packed(row))
            stream = db.execute(
                "SELECT id FROM streams WHERE channel = ? AND generation = ?", (channel, generation)
            ).fetchone()[0]
            _insert(db, (table, f"stream, {columns}"), (stream, *values))
        case _:
            _insert(db, _ALONE[type(row)], msgspec.structs.astuple(row))


def _record(db: sqlite3.Connection, row: MovedRecord) -> None:
    columns = "kind, key, body, revision, labels, position, due, expires"
    values = (row.kind, row.key, row.body, row.revision, "\n".join(row.labels), row.order, row.due, row.expires)
    _insert(db, ("records", columns), values)
    for label in row.labels:
        db.execute(
            "INSERT OR IGNORE INTO record_labels (kind, label, position, key) VALUES (?, ?, ?, ?)",
            (row.kind, label, row.order, row.key),
        )


def _insert(db: sqlite3.Connection, into: tuple[str, str], values: tuple[Any, ...]) -> None:
    table, columns = into
    marks = ", ".join("?" * len(values))
    db.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", values)  # noqa: S608 - names are ours

"""Records of the domain, in SQLite. They are changed by the job that commits the events about them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final

from app.engine.ports.errors import Moved
from app.engine.ports.records import ListPlace, Record, RecordChange, order_of
from app.engine.sqlite.reader import Reader
from app.engine.sqlite.writer import Writer

_COLUMNS: Final = "records.key, body, revision, labels, records.position, due, expires"
_SEPARATOR: Final = "\n"  # between labels, which are names and hold no line end
_BY_KEY: Final = 500  # keys a statement: SQLite bounds its parameters
_MAX_REMOVED: Final = 500  # records an upkeep at most: bounds how long publishers wait for it


class EmbeddedRecords:
    """`ports.RecordStore`."""

    def __init__(self, writer: Writer, reader: Reader, now: Callable[[], float]) -> None:
        self._writer, self._reader, self._now = writer, reader, now

    async def find(self, kind: str, keys: Sequence[str]) -> dict[str, Record]:
        found = await self._reader.run(partial(_found, kind=kind, keys=tuple(dict.fromkeys(keys))))
        return {record.key: record for record in found}

    async def listed(self, kind: str, label: str, after: ListPlace | None, limit: int) -> list[Record]:
        return await self._reader.run(partial(_listed, kind=kind, label=label, after=after, limit=limit))

    async def count(self, kind: str, label: str) -> int:
        return await self._reader.run(partial(_count, kind=kind, label=label))

    async def due(self, kind: str, until: float, limit: int) -> list[Record]:
        return await self._reader.run(partial(_due, kind=kind, until=until, limit=limit))

    async def next_due(self, kind: str) -> float | None:
        return await self._reader.run(partial(_next_due, kind=kind))

    def upkeep(self) -> None:
        """Remove records whose time is over."""
        self._writer.post(partial(_remove_expired, now=self._now()))


def check(db: sqlite3.Connection, changes: Iterable[RecordChange]) -> None:
    """Raise Moved where a record is no longer the one that its change was decided on; writes nothing."""
    for change in changes:
        row = db.execute(
            "SELECT revision FROM records WHERE kind = ? AND key = ?", (change.kind, change.key)
        ).fetchone()
        if (0 if row is None else row[0]) != change.revision:
            raise Moved(f"{change.kind} {change.key}")


def keep(db: sqlite3.Connection, changes: Iterable[RecordChange], offsets: Sequence[int]) -> None:
    """Make changes that were checked in the same job; `offsets` are those of its entries."""
    for change in changes:
        _unlist(db, change.kind, change.key)
        if change.body is None:
            db.execute("DELETE FROM records WHERE kind = ? AND key = ?", (change.kind, change.key))
            continue
        order = change.order if change.placed_by is None else order_of(offsets[change.placed_by])
        db.execute(
            "INSERT INTO records (kind, key, body, revision, labels, position, due, expires)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body,"
            " revision = excluded.revision, labels = excluded.labels, position = excluded.position,"
            " due = excluded.due, expires = excluded.expires",
            (
                *(change.kind, change.key, change.body, change.revision + 1),
                *(_SEPARATOR.join(change.labels), order, change.due, change.expires),
            ),
        )
        db.executemany(
            "INSERT OR IGNORE INTO record_labels (kind, label, position, key) VALUES (?, ?, ?, ?)",
            [(change.kind, label, order, change.key) for label in change.labels],
        )


def _unlist(db: sqlite3.Connection, kind: str, key: str) -> None:
    row = db.execute("SELECT labels, position FROM records WHERE kind = ? AND key = ?", (kind, key)).fetchone()
    if row is not None:
        db.executemany(
            "DELETE FROM record_labels WHERE kind = ? AND label = ? AND position = ? AND key = ?",
            [(kind, label, row[1], key) for label in row[0].split(_SEPARATOR)],
        )


def _found(db: sqlite3.Connection, kind: str, keys: Sequence[str]) -> list[Record]:
    found: list[Record] = []
    for start in range(0, len(keys), _BY_KEY):
        some = keys[start : start + _BY_KEY]
        marks = ", ".join("?" * len(some))
        query = f"SELECT {_COLUMNS} FROM records WHERE kind = ? AND key IN ({marks})"  # noqa: S608 - marks only
        found += [_record(kind, row) for row in db.execute(query, (kind, *some))]
    return found


def _listed(db: sqlite3.Connection, kind: str, label: str, after: ListPlace | None, limit: int) -> list[Record]:
    order, key = after or ("", "")
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM record_labels JOIN records USING (kind, key)"  # noqa: S608 - columns are ours
        " WHERE kind = ? AND label = ? AND (record_labels.position, record_labels.key) > (?, ?)"
        " ORDER BY record_labels.position, record_labels.key LIMIT ?",
        (kind, label, order, key, limit),
    )
    return [_record(kind, row) for row in rows]


def _count(db: sqlite3.Connection, kind: str, label: str) -> int:
    query = "SELECT count(*) FROM record_labels WHERE kind = ? AND label = ?"
    return int(db.execute(query, (kind, label)).fetchone()[0])


def _due(db: sqlite3.Connection, kind: str, until: float, limit: int) -> list[Record]:
    query = f"SELECT {_COLUMNS} FROM records WHERE kind = ? AND due <= ? ORDER BY due, key LIMIT ?"  # noqa: S608 - ours
    return [_record(kind, row) for row in db.execute(query, (kind, until, limit))]


def _next_due(db: sqlite3.Connection, kind: str) -> float | None:
    row = db.execute("SELECT due FROM records WHERE kind = ? AND due IS NOT NULL ORDER BY due LIMIT 1", (kind,))
    found = row.fetchone()
    return None if found is None else float(found[0])


def _record(kind: str, row: tuple[str, bytes, int, str, str, float | None, float | None]) -> Record:
    key, body, revision, labels, order, due, expires = row
    return Record(kind, key, body, revision, tuple(labels.split(_SEPARATOR)) if labels else (), order, due, expires)


def _remove_expired(db: sqlite3.Connection, now: float) -> None:
    gone = db.execute(
        "SELECT kind, key FROM records WHERE expires <= ? ORDER BY expires LIMIT ?", (now, _MAX_REMOVED)
    ).fetchall()
    for kind, key in gone:
        _unlist(db, kind, key)
    db.executemany("DELETE FROM records WHERE kind = ? AND key = ?", gone)

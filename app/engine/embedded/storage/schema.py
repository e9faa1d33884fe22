"""The tables of the embedded engine, and the one file they are in."""

from __future__ import annotations

import secrets
import sqlite3
from pathlib import Path
from typing import Final

from app.engine.document_versions import operation_key
from app.engine.sqlite.connection import StoreError, connect

FILE: Final = "engine.db"
VERSION: Final = 10

# Version 1, and what each later one added: a store is brought up to date when it is opened.
# A stream is one epoch of a channel. Its head is not written anywhere: it is the last of its events.
_SCHEMA: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE streams (
  id INTEGER PRIMARY KEY, channel TEXT NOT NULL, generation INTEGER NOT NULL, UNIQUE (channel, generation)
) STRICT;
CREATE TABLE events (
  number INTEGER PRIMARY KEY AUTOINCREMENT, stream INTEGER NOT NULL, offset INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX events_by_offset ON events (stream, offset);
CREATE TABLE keys (
  user TEXT NOT NULL, key TEXT NOT NULL, digest BLOB NOT NULL, result BLOB NOT NULL, expires REAL NOT NULL,
  UNIQUE (user, key)
) STRICT;
CREATE INDEX keys_by_expiry ON keys (expires);
CREATE TABLE operations (
  stream INTEGER NOT NULL, op_id TEXT NOT NULL, user TEXT NOT NULL, version INTEGER NOT NULL,
  PRIMARY KEY (stream, op_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX operations_by_version ON operations (stream, version);
CREATE TABLE snapshots (
  stream INTEGER NOT NULL, version INTEGER NOT NULL, state BLOB NOT NULL, PRIMARY KEY (stream, version)
) STRICT;
CREATE TABLE sessions (
  id TEXT PRIMARY KEY, user TEXT NOT NULL, reconnects INTEGER NOT NULL, ended REAL
) STRICT, WITHOUT ROWID;
CREATE TABLE revocations (
  kind TEXT NOT NULL, subject TEXT NOT NULL, at REAL NOT NULL, expires REAL NOT NULL,
  PRIMARY KEY (kind, subject)
) STRICT, WITHOUT ROWID;
CREATE TABLE settings (
  channel TEXT PRIMARY KEY, level INTEGER NOT NULL, presence INTEGER NOT NULL, history INTEGER NOT NULL,
  frozen INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""
_ADDED: Final = {
    2: """
CREATE TABLE alerts (
  commitment TEXT PRIMARY KEY, level INTEGER NOT NULL, acknowledged_by TEXT, changed REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX alerts_by_change ON alerts (changed);
CREATE TABLE alerted (
  commitment TEXT NOT NULL, user TEXT NOT NULL, level INTEGER NOT NULL, PRIMARY KEY (commitment, user)
) STRICT, WITHOUT ROWID;
CREATE TABLE briefs (
  request TEXT PRIMARY KEY, user TEXT NOT NULL, ended TEXT, changed REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX briefs_by_change ON briefs (changed);
""",
    3: """
ALTER TABLE alerts ADD COLUMN authority INTEGER NOT NULL DEFAULT 2;
ALTER TABLE alerts ADD COLUMN publisher TEXT NOT NULL DEFAULT '';
ALTER TABLE alerts ADD COLUMN mou TEXT NOT NULL DEFAULT '';
ALTER TABLE briefs ADD COLUMN authority INTEGER NOT NULL DEFAULT 0;
ALTER TABLE briefs ADD COLUMN publisher TEXT NOT NULL DEFAULT '';
""",
    4: """
CREATE TABLE quotas (
  user TEXT NOT NULL, kind TEXT NOT NULL, since REAL NOT NULL, spent INTEGER NOT NULL, PRIMARY KEY (user, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX quotas_by_day ON quotas (since);
""",
    5: """
CREATE TABLE records (
  kind TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL, revision INTEGER NOT NULL, labels TEXT NOT NULL,
  position TEXT NOT NULL, due REAL, expires REAL, UNIQUE (kind, key)
) STRICT;
CREATE INDEX records_by_due ON records (kind, due) WHERE due IS NOT NULL;
CREATE INDEX records_by_expiry ON records (expires) WHERE expires IS NOT NULL;
CREATE TABLE record_labels (
  kind TEXT NOT NULL, label TEXT NOT NULL, position TEXT NOT NULL, key TEXT NOT NULL,
  PRIMARY KEY (kind, label, position, key)
) STRICT, WITHOUT ROWID;
""",
    6: """
CREATE TABLE operation_ids (
  number INTEGER PRIMARY KEY, stream INTEGER NOT NULL, key BLOB NOT NULL, version INTEGER NOT NULL,
  digest BLOB NOT NULL, at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX operation_ids_by_key ON operation_ids (stream, key);
INSERT INTO operation_ids (stream, key, version, digest, at)
  SELECT stream, operation_key(user, op_id), version, x'', CAST(strftime('%s', 'now') AS INTEGER)
  FROM operations ORDER BY stream, version;
DROP TABLE operations;
""",
    7: """
CREATE TABLE segments (
  stream INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (stream, first)
) STRICT;
CREATE TABLE named (
  stream INTEGER NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, user TEXT NOT NULL, user_name TEXT NOT NULL,
  at REAL NOT NULL, PRIMARY KEY (stream, name)
) STRICT, WITHOUT ROWID;
""",
    8: """
CREATE INDEX briefs_open ON briefs (changed) WHERE ended IS NULL AND authority < 4;
""",
    9: """
ALTER TABLE settings ADD COLUMN read_only_until INTEGER;
""",
    10: "",  # bodies of events may be packed: an earlier version would hand them out so
}


def open_database(folder: Path) -> tuple[sqlite3.Connection, str]:
    """Open the file, or make it: the writing connection and the store's id. Raises StoreError."""
    file = folder / FILE
    connection: sqlite3.Connection | None = None
    try:
        connection = connect(file)
        if not connection.execute("SELECT 1 FROM sqlite_schema").fetchone():
            _create(connection)
        meta = dict(connection.execute("SELECT name, value FROM meta"))
        version, store = int(meta["version"]), meta["store"]
        connection.create_function("operation_key", 2, operation_key, deterministic=True)
        while version < VERSION:
            version += 1
            _upgrade(connection, version)
    except (sqlite3.Error, KeyError, ValueError) as error:
        if connection is not None:
            connection.close()
        raise StoreError(
            f"The event store {file} cannot be opened ({error}): free space on its disk, or restore the file"
        ) from error
    if version != VERSION:
        connection.close()
        raise StoreError(
            f"The event store {file} has schema {version}, this version knows {VERSION}: "
            "start the version that wrote it, or give this one another data folder"
        )
    return connection, store


def _create(connection: sqlite3.Connection) -> None:
    about = f"INSERT INTO meta VALUES ('version', '1'), ('store', '{secrets.token_hex(16)}');"  # noqa: S608 - both are ours
    connection.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}{about}COMMIT;")


def _upgrade(connection: sqlite3.Connection, version: int) -> None:
    about = f"UPDATE meta SET value = '{version}' WHERE name = 'version';"  # noqa: S608 - likewise
    connection.executescript(f"BEGIN IMMEDIATE;{_ADDED[version]}{about}COMMIT;")

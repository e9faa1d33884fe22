"""The ids of edits that were committed, in SQLite. They outlive the log that the edits are in.

An edit may be resent for as long as its author waits for the answer, and the log may be cut long before. So ids have a
table of their own, in the order of the commits: what is to go is always at its beginning. A row holds hashes, and so
has the same size whatever ids clients make.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from app.engine.document_versions import OPERATION_ROW_BYTES, operation_key
from app.engine.ports.documents import EditsKnown, KnownOperation, OperationKey, Version

_PURGE_EVERY: Final = 64  # ids between two purges, each of which takes at most twice as many

STREAM: Final = "(SELECT id FROM streams WHERE channel = ? ORDER BY generation DESC LIMIT 1)"


class OperationIds:
    """The writing half. It belongs to the writer's thread.

    An id is kept for `seconds`, unless all ids together need more than `max_bytes`: then the oldest go before their
    time.
    """

    def __init__(self, seconds: float, max_bytes: int) -> None:
        self._seconds = seconds
        self._max_rows = max(1, max_bytes // OPERATION_ROW_BYTES)

    def refuse_known(self, db: sqlite3.Connection, stream: int, versions: Sequence[Version]) -> None:
        """Raise EditsKnown where edits of these versions are remembered for the stream."""
        keys = {OperationKey(one.user_id, one.op_id) for one in versions if one.op_id is not None}
        found = {}
        for key in keys:
            row = db.execute(
                "SELECT version, digest FROM operation_ids WHERE stream = ? AND key = ?", (stream, operation_key(*key))
            ).fetchone()
            if row is not None:
                found[key] = KnownOperation(*row)
        if found:
            raise EditsKnown(found)

    def remember(
        self, db: sqlite3.Connection, stream: int, committed: Iterable[tuple[int, Version]], now: float
    ) -> None:
        """Remember the edits that became these versions of a stream. `now` is Unix seconds."""
        # An edit of several parts is found by its last version: once that is there, all parts are.
        last = {
            operation_key(version.user_id, version.op_id): (number, version.digest)
            for number, version in committed
            if version.op_id is not None
        }
        for key, (number, digest) in last.items():
            row = db.execute(
                "INSERT OR REPLACE INTO operation_ids (stream, key, version, digest, at) VALUES (?, ?, ?, ?, ?)",
                (stream, key, number, digest, int(now)),
            ).lastrowid
            if (row or 0) % _PURGE_EVERY == 0:
                self._purge(db, row or 0, now)

    def _purge(self, db: sqlite3.Connection, newest: int, now: float) -> None:
        """Remove ids from the beginning of the table: twice as many may go as came since the last time."""
        cut = 0
        for number, at in db.execute(
            "SELECT number, at FROM operation_ids ORDER BY number LIMIT ?", (2 * _PURGE_EVERY,)
        ):
            if at > now - self._seconds and number > newest - self._max_rows:
                break
            cut = number
        db.execute("DELETE FROM operation_ids WHERE number <= ?", (cut,))


def known(db: sqlite3.Connection, channel: str, keys: Sequence[OperationKey]) -> Mapping[OperationKey, KnownOperation]:
    """Return those of the edits that are remembered."""
    found = {}
    for key in keys:
        row = db.execute(
            f"SELECT version, digest FROM operation_ids WHERE stream = {STREAM} AND key = ?",  # noqa: S608 - ours
            (channel, operation_key(*key)),
        ).fetchone()
        if row is not None:
            found[key] = KnownOperation(*row)
    return found

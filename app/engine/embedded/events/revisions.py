"""All versions of documents in one process: packed segments, and after them the log."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import partial
from typing import Final

from app.core.domain import kept_versions
from app.core.domain.revision_rows import NamedVersion
from app.engine.document_versions import payload_of
from app.engine.embedded.events import segments
from app.engine.embedded.events.log_access import LogAccess
from app.engine.embedded.storage.packed_bodies import unpacked
from app.engine.ports.errors import Unavailable
from dossier_realtime.protocol.events import RemoteOperationPayload

_STREAM: Final = "(SELECT id FROM streams WHERE channel = ? ORDER BY generation DESC LIMIT 1)"


class EmbeddedRevisions:
    """`ports.RevisionStore` on the event log."""

    def __init__(self, access: LogAccess) -> None:
        self._writer, self._reader = access.writer, access.reader

    async def oldest(self, channel: str) -> int:
        return await self._reader.run(partial(_oldest, channel=channel))

    async def read(self, channel: str, after: int, limit: int) -> list[RemoteOperationPayload]:
        try:
            return await self._reader.run(partial(_read, channel=channel, after=after, limit=limit))
        except ValueError as damaged:
            raise Unavailable(str(damaged)) from damaged

    async def name(self, channel: str, named: NamedVersion) -> None:
        await self._writer.submit(partial(_name, channel=channel, named=named))

    async def named(self, channel: str) -> Sequence[NamedVersion]:
        return await self._reader.run(partial(_named, channel=channel))


def _stream(db: sqlite3.Connection, channel: str) -> int | None:
    row = db.execute(f"SELECT {_STREAM}", (channel,)).fetchone()
    return None if row is None else row[0]


def _oldest(db: sqlite3.Connection, channel: str) -> int:
    stream = _stream(db, channel)
    first = 1 if stream is None else segments.first_kept(db, stream)
    if first <= 1:
        return 0
    (oldest,) = db.execute(
        "SELECT min(version) FROM snapshots WHERE stream = ? AND version >= ?", (stream, first - 1)
    ).fetchone()
    return int(oldest or first)


def _read(db: sqlite3.Connection, channel: str, after: int, limit: int) -> list[RemoteOperationPayload]:
    stream = _stream(db, channel)
    if stream is None:
        return []
    db.execute("BEGIN")  # one look: a trim may move versions from the log to a segment meanwhile
    try:
        found = list[RemoteOperationPayload]()
        blocks = "SELECT body FROM segments WHERE stream = ? AND last > ? ORDER BY first"
        for (body,) in db.execute(blocks, (stream, after)):
            found += (one for one in kept_versions.unpack(body) if one.version > after)
            if len(found) >= limit:
                break
        if len(found) < limit:
            logged = "SELECT body FROM events WHERE stream = ? AND offset > ? ORDER BY offset LIMIT ?"
            rows = db.execute(logged, (stream, found[-1].version if found else after, limit - len(found)))
            found += (payload_of(unpacked(body)) for (body,) in rows)
    finally:
        db.execute("ROLLBACK")
    return found[:limit] if found and found[0].version == after + 1 else []


def _name(db: sqlite3.Connection, channel: str, named: NamedVersion) -> None:
    db.execute(
        f"INSERT OR REPLACE INTO named (stream, name, version, user, user_name, at) VALUES ({_STREAM}, ?, ?, ?, ?, ?)",  # noqa: S608 - ours
        (channel, named.name, named.version, named.user_id, named.user_name, named.at),
    )


def _named(db: sqlite3.Connection, channel: str) -> list[NamedVersion]:
    rows = db.execute(
        f"SELECT name, version, user, user_name, at FROM named WHERE stream = {_STREAM} ORDER BY version, name",  # noqa: S608
        (channel,),
    )
    return [NamedVersion(*row) for row in rows]

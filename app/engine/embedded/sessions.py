"""Sessions of one process: in memory, and in SQLite for their return after a restart."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final, NamedTuple

from app.engine.ports.errors import TooManyConnections
from app.engine.ports.sessions import OpenedSession, SessionRecord
from app.engine.sqlite.writer import Writer

_PUT: Final = "INSERT OR REPLACE INTO sessions (id, user, reconnects, ended) VALUES (?, ?, ?, ?)"


class EndedSession(NamedTuple):
    """A session that may be resumed. `at` is Unix seconds."""

    user_id: str
    reconnect_count: int
    at: float


class EmbeddedSessions:
    """`ports.SessionStore`.

    No login waits for the disk: a crash forgets at most the logins of the last moments, and their clients then get a
    new session.
    """

    def __init__(
        self, writer: Writer, ended: dict[str, EndedSession], resume_seconds: float, now: Callable[[], float]
    ) -> None:
        self._writer, self._window, self._now = writer, resume_seconds, now
        self._open: dict[str, SessionRecord] = {}
        self._by_user: dict[str, set[str]] = {}
        self._ended = ended
        writer.post(partial(_end_all, at=now()))

    async def open(self, record: SessionRecord, resume: str | None, limit: int) -> OpenedSession:
        user = record.user_id
        session_id, count, displaced = self._resumed(user, resume) or (record.session_id, 0, None)
        mine = self._by_user.get(user, set())
        if len(mine - {session_id}) >= limit:
            raise TooManyConnections(f"This user has {limit} open connections: close one first")
        self._ended.pop(session_id, None)
        self._open.pop(session_id, None)  # the order stays that of opening
        self._open[session_id] = replace(record, session_id=session_id, reconnect_count=count)
        self._by_user.setdefault(user, mine).add(session_id)
        self._write(session_id, user, count, None)
        return OpenedSession(session_id, count, displaced)

    async def close(self, session_id: str, reconnect_count: int) -> None:
        record = self._open.get(session_id)
        if record is None or record.reconnect_count != reconnect_count:
            return
        del self._open[session_id]
        mine = self._by_user[record.user_id]
        mine.discard(session_id)
        if not mine:
            del self._by_user[record.user_id]
        at = self._now()
        self._ended[session_id] = EndedSession(record.user_id, record.reconnect_count, at)
        self._write(session_id, record.user_id, record.reconnect_count, at)

    async def sessions(self) -> list[SessionRecord]:
        return list(self._open.values())

    def upkeep(self) -> None:
        """Forget what can be resumed no more."""
        past = self._now() - self._window
        while self._ended:
            session_id = next(iter(self._ended))
            if self._ended[session_id].at > past:
                break
            del self._ended[session_id]
        self._writer.post(partial(_forget, past=past))

    def _resumed(self, user: str, resume: str | None) -> tuple[str, int, str | None] | None:
        if resume is None:
            return None
        current = self._open.get(resume)
        if current is not None:
            same = current.user_id == user
            return (resume, current.reconnect_count + 1, current.node) if same else None
        ended = self._ended.get(resume)
        if ended is None or ended.user_id != user or self._now() - ended.at >= self._window:
            return None
        return resume, ended.reconnect_count + 1, None

    def _write(self, session_id: str, user: str, count: int, ended: float | None) -> None:
        self._writer.post(partial(_put, row=(session_id, user, count, ended)))


def ended_sessions(db: sqlite3.Connection, now: float, resume_seconds: float) -> dict[str, EndedSession]:
    """Return the sessions of earlier processes, oldest end first.

    One that was open ends `now`: its process is dead.
    """
    rows = db.execute(
        "SELECT id, user, reconnects, coalesce(ended, ?) AS at FROM sessions WHERE at > ? ORDER BY at",
        (now, now - resume_seconds),
    )
    return {session_id: EndedSession(user, count, at) for session_id, user, count, at in rows}


def _put(db: sqlite3.Connection, row: tuple[str, str, int, float | None]) -> None:
    db.execute(_PUT, row)


def _end_all(db: sqlite3.Connection, at: float) -> None:
    db.execute("UPDATE sessions SET ended = ? WHERE ended IS NULL", (at,))


def _forget(db: sqlite3.Connection, past: float) -> None:
    db.execute("DELETE FROM sessions WHERE ended <= ?", (past,))

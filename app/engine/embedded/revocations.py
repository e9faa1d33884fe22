"""Revoked tokens and users, in memory and in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple

from app.engine.sqlite.writer import Writer


class StoredRevocation(NamedTuple):
    """A revocation: its subject, since when, and until when it is kept. Times are Unix seconds."""

    kind: Literal["token", "user"]
    subject: str
    at: float
    expires: float


class EmbeddedRevocations:
    """`ports.RevocationStore`."""

    def __init__(
        self, writer: Writer, found: list[StoredRevocation], kept_seconds: float, now: Callable[[], float]
    ) -> None:
        self._writer, self._kept, self._now = writer, kept_seconds, now
        self._revoked: Callable[[str | None, str | None, float], None] = lambda token_id, user_id, at: None
        self._known = {(one.kind, one.subject): one for one in found}

    def start(self, revoked: Callable[[str | None, str | None, float], None]) -> None:
        self._revoked = revoked

    def is_revoked(self, user_id: str, token_id: str | None, issued_at: int | None) -> bool:
        if token_id is not None and ("token", token_id) in self._known:
            return True
        user = self._known.get(("user", user_id))
        return user is not None and (issued_at is None or issued_at <= user.at)

    def revoked_at(self, *, token_id: str | None = None, user_id: str | None = None) -> float | None:
        found = self._known.get(("user", user_id or "") if token_id is None else ("token", token_id))
        return None if found is None else found.at

    async def revoke(self, *, token_id: str | None, user_id: str | None, at: float) -> None:
        # `at` is a wall clock's, which may have jumped; how long it is kept is not.
        expires = self._now() + self._kept
        new: list[StoredRevocation] = []
        if token_id is not None:
            new.append(StoredRevocation("token", token_id, at, expires))
        if user_id is not None:
            new.append(StoredRevocation("user", user_id, at, expires))
        await self._writer.submit(partial(_put, revocations=new), partial(self._put, token_id, user_id, at))

    def upkeep(self) -> None:
        """Forget those of which no token can live any more."""
        now = self._now()
        for key in [key for key, one in self._known.items() if one.expires <= now]:
            del self._known[key]
        self._writer.post(partial(_forget, now=now))

    def _put(self, token_id: str | None, user_id: str | None, at: float, stored: list[StoredRevocation]) -> None:
        self._known.update({(one.kind, one.subject): one for one in stored})
        self._revoked(token_id, user_id, at)


def stored_revocations(db: sqlite3.Connection) -> list[StoredRevocation]:
    """Return all revocations in force."""
    return [StoredRevocation(*row) for row in db.execute("SELECT kind, subject, at, expires FROM revocations")]


def _put(db: sqlite3.Connection, revocations: list[StoredRevocation]) -> list[StoredRevocation]:
    """Store; a user's later revocation is never replaced by an earlier one. The rows as they are then."""
    return [
        StoredRevocation(
            *db.execute(
                "INSERT INTO revocations (kind, subject, at, expires) VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET at = max(at, excluded.at),"
                " expires = max(expires, excluded.expires) RETURNING kind, subject, at, expires",
                one,
            ).fetchone()
        )
        for one in revocations
    ]


def _forget(db: sqlite3.Connection, now: float) -> None:
    db.execute("DELETE FROM revocations WHERE expires <= ?", (now,))

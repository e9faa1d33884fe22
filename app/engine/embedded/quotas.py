"""The spent part of users' daily quotas, in SQLite: a service that is started again goes on counting."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from app.engine.ports.limits import Spent
from app.engine.sqlite.writer import Writer

DAY_SECONDS: Final = 86_400.0


class EmbeddedQuotas:
    """`ports.QuotaStore`."""

    is_shared = False

    def __init__(self, writer: Writer, found: Sequence[Spent], now: Callable[[], float]) -> None:
        self.found, self._writer, self._now = found, writer, now

    def start(self, heard: Callable[[Sequence[Spent]], None]) -> None:
        """There is no other node to hear of."""

    def put(self, spent: Sequence[Spent]) -> None:
        self._writer.post(partial(_put, spent=spent))

    async def settle(self) -> None:
        pass

    def upkeep(self) -> None:
        """Forget days that are over."""
        self._writer.post(partial(_forget, before=self._now() - DAY_SECONDS))


def stored_quotas(db: sqlite3.Connection) -> list[Spent]:
    """Return all that is known, the oldest day first."""
    return [Spent(*row) for row in db.execute("SELECT user, kind, since, spent FROM quotas ORDER BY since")]


def _put(db: sqlite3.Connection, spent: Sequence[Spent]) -> None:
    db.executemany("INSERT OR REPLACE INTO quotas (user, kind, since, spent) VALUES (?, ?, ?, ?)", spent)


def _forget(db: sqlite3.Connection, before: float) -> None:
    db.execute("DELETE FROM quotas WHERE since <= ?", (before,))

"""Briefs, in SQLite. They are kept by the job that commits the event about them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Final

from app.core.domain.briefs import Brief, BriefTransition
from app.core.domain.ownership import Authority, Claim
from app.engine.embedded.events.broker import EmbeddedBroker
from app.engine.embedded.events.event_log import Appended
from app.engine.embedded.events.log_access import LogAccess
from app.engine.facts import briefs as facts
from app.engine.limits import EngineLimits
from app.engine.ports.errors import Moved
from app.engine.ports.events import PublicationEntry, PublishResult
from app.engine.ports.records import RecordChange

_MAX_FORGOTTEN: Final = 500  # briefs an upkeep at most: bounds how long publishers wait for it


class EmbeddedBriefs:
    """`ports.BriefStore`."""

    def __init__(
        self, access: LogAccess, broker: EmbeddedBroker, limits: EngineLimits, now: Callable[[], float]
    ) -> None:
        self._writer, self._reader, self._log, self._broker = access.writer, access.reader, access.log, broker
        self._kept, self._now = limits.settled_seconds, now

    async def find(self, request_id: str) -> Brief | None:
        return await self._reader.run(partial(_stored, request_id=request_id))

    async def cancel(
        self, brief: Brief, entries: Sequence[PublicationEntry], changes: Sequence[RecordChange] = ()
    ) -> list[PublishResult]:
        work = partial(self._cancel, brief=brief, entries=tuple(entries), changes=tuple(changes), now=self._now())
        return (await self._writer.submit(work, self._broker.appended)).results

    async def silent(self, seconds: float, limit: int) -> list[Brief]:
        return await self._reader.run(partial(_silent, until=self._now() - seconds, limit=limit))

    async def fail_silent(
        self, brief: Brief, seconds: float, entries: Sequence[PublicationEntry], changes: Sequence[RecordChange] = ()
    ) -> list[PublishResult]:
        now = self._now()
        publish = partial(self._log.append, entries=tuple(entries), key=None, now=now, changes=tuple(changes))
        work = partial(self._fail_silent, brief=brief, until=now - seconds, publish=publish)
        return (await self._writer.submit(work, self._broker.appended)).results

    def upkeep(self) -> None:
        """Remove briefs that had no step for long."""
        self._writer.post(partial(_forget, past=self._now() - self._kept))

    def _cancel(
        self,
        db: sqlite3.Connection,
        brief: Brief,
        entries: Sequence[PublicationEntry],
        changes: Sequence[RecordChange],
        now: float,
    ) -> Appended:
        if _stored(db, brief.request_id) != brief:
            raise Moved(brief.request_id)
        appended = self._log.append(
            db, entries, None, now, changes
        )  # before the update, which lets nothing of it through
        db.execute("UPDATE briefs SET ended = 'cancelled', changed = ? WHERE request = ?", (now, brief.request_id))
        return appended

    def _fail_silent(
        self, db: sqlite3.Connection, brief: Brief, until: float, publish: Callable[[sqlite3.Connection], Appended]
    ) -> Appended:
        changed = db.execute("SELECT changed FROM briefs WHERE request = ?", (brief.request_id,)).fetchone()
        if _stored(db, brief.request_id) != brief or changed[0] > until:
            raise Moved(brief.request_id)
        appended = publish(db)  # its fact ends the brief
        db.execute(
            "UPDATE briefs SET authority = ?, publisher = '' WHERE request = ?", (Authority.NODE, brief.request_id)
        )
        return appended


def _silent(db: sqlite3.Connection, until: float, limit: int) -> list[Brief]:
    rows = db.execute(
        "SELECT request FROM briefs WHERE ended IS NULL AND authority < 4 AND changed <= ? ORDER BY changed LIMIT ?",
        (until, limit),  # the condition of the index, to the letter
    ).fetchall()
    found = [_stored(db, request) for (request,) in rows]
    return [brief for brief in found if brief is not None]


def stepped(db: sqlite3.Connection, steps: Iterable[BriefTransition]) -> Collection[Brief]:
    """Return the briefs after steps. Raises ForeignBrief and BriefCancelled; writes nothing."""
    return facts.stepped(steps, partial(_stored, db)).values()


def keep(db: sqlite3.Connection, brief: Brief, now: float) -> None:
    """Keep the brief after a step."""
    authority, publisher, _ = brief.claim or (0, "", "")
    db.execute(
        "INSERT OR REPLACE INTO briefs (request, user, ended, changed, authority, publisher) VALUES (?, ?, ?, ?, ?, ?)",
        (brief.request_id, brief.user_id, brief.ended, now, authority, publisher),
    )


def _stored(db: sqlite3.Connection, request_id: str) -> Brief | None:
    row = db.execute("SELECT user, ended, authority, publisher FROM briefs WHERE request = ?", (request_id,)).fetchone()
    if row is None:
        return None
    user_id, ended, authority, publisher = row
    return Brief(request_id, user_id, ended, Claim(Authority(authority), publisher) if authority else None)


def _forget(db: sqlite3.Connection, past: float) -> None:
    db.execute(
        "DELETE FROM briefs WHERE request IN (SELECT request FROM briefs WHERE changed <= ? ORDER BY changed LIMIT ?)",
        (past, _MAX_FORGOTTEN),
    )

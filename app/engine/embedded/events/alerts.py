"""Alerts of commitments, in SQLite. They are kept by the job that commits the event about them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from app.core.domain.alerts import MAX_RECIPIENTS, Alert, AlertRecipient, AlertStatus
from app.core.domain.commitments.commitment import KIND, labelled_mou
from app.core.domain.ownership import Authority, Claim
from app.engine.embedded.events.broker import EmbeddedBroker
from app.engine.embedded.events.event_log import Appended
from app.engine.embedded.events.log_access import LogAccess
from app.engine.facts import alerts as facts
from app.engine.facts.alerts import KnownAlert
from app.engine.limits import EngineLimits
from app.engine.ports.errors import Moved
from app.engine.ports.events import PublicationEntry, PublishResult
from app.engine.ports.records import RecordChange

_MAX_FORGOTTEN: Final = 500  # alerts an upkeep at most: bounds how long publishers wait for it


class EmbeddedAlerts:
    """`ports.AlertStore`."""

    def __init__(
        self, access: LogAccess, broker: EmbeddedBroker, limits: EngineLimits, now: Callable[[], float]
    ) -> None:
        self._writer, self._reader, self._log, self._broker = access.writer, access.reader, access.log, broker
        self._open, self._settled, self._now = limits.alert_seconds, limits.settled_seconds, now

    async def find(self, commitment_id: str) -> Alert | None:
        return await self._reader.run(partial(_stored, commitment_id=commitment_id))

    async def claim(self, commitment_id: str) -> Claim | None:
        return await self._reader.run(partial(_claim, commitment_id=commitment_id))

    async def acknowledge(
        self, alert: Alert, by: str, entries: Sequence[PublicationEntry], changes: Sequence[RecordChange] = ()
    ) -> list[PublishResult]:
        publish = partial(self._log.append, entries=tuple(entries), key=None, now=self._now(), changes=tuple(changes))
        work = partial(self._acknowledge, alert=alert, by=by, publish=publish, now=self._now())
        return (await self._writer.submit(work, self._broker.appended)).results

    async def restart(self, commitment_id: str, changes: Sequence[RecordChange]) -> None:
        publish = partial(self._log.append, entries=(), key=None, now=self._now(), changes=tuple(changes))
        work = partial(_restart, commitment_id=commitment_id, publish=publish)
        await self._writer.submit(work, self._broker.appended)

    def upkeep(self) -> None:
        """Remove alerts that had no event for long."""
        now = self._now()
        self._writer.post(partial(_forget, untouched=now - self._open, settled=now - self._settled))

    def _acknowledge(
        self,
        db: sqlite3.Connection,
        alert: Alert,
        by: str,
        publish: Callable[[sqlite3.Connection], Appended],
        now: float,
    ) -> Appended:
        if _stored(db, alert.commitment_id) != alert:
            raise Moved(alert.commitment_id)
        appended = publish(db)  # first: it may refuse, and nothing is written by then
        db.execute(
            "UPDATE alerts SET acknowledged_by = coalesce(acknowledged_by, ?), changed = ? WHERE commitment = ?",
            (by, now, alert.commitment_id),
        )
        return appended


def _restart(db: sqlite3.Connection, commitment_id: str, publish: Callable[[sqlite3.Connection], Appended]) -> Appended:
    appended = publish(db)  # first: a record may have moved
    _remove(db, commitment_id)
    return appended


def bound(db: sqlite3.Connection, told: Iterable[AlertRecipient]) -> dict[str, Claim]:
    """Return the claims in force once all recipients are alerted. Raises ForeignCommitment; writes nothing."""
    return facts.bound(told, lambda commitment: _known(db, commitment).claim)


def refuse_too_many(db: sqlite3.Connection, told: Iterable[AlertRecipient], claims: Mapping[str, Claim]) -> None:
    """Refuse recipients beyond those that an alert can have. Raises TooManyRecipientsError; writes nothing."""
    by_commitment: dict[str, set[str]] = {}
    for one in told:
        by_commitment.setdefault(one.commitment_id, set()).add(one.user_id)
    for commitment, users in by_commitment.items():
        facts.must_fit(commitment, len(users))
        # Few alerts are near the bound: of the others it is enough to know that there is room.
        query = "SELECT 1 FROM alerted WHERE commitment = ? LIMIT 1 OFFSET ?"
        if db.execute(query, (commitment, MAX_RECIPIENTS - len(users))).fetchone() is None:
            continue
        known, claim = _known(db, commitment), claims.get(commitment)
        if facts.is_forgotten(known) or (claim is not None and facts.is_taken_over(known, claim)):
            continue  # those of before go first
        before = {user for (user,) in db.execute("SELECT user FROM alerted WHERE commitment = ?", (commitment,))}
        if not users <= before:
            facts.must_fit(commitment, len(users | before))


def take_over(db: sqlite3.Connection, claims: Mapping[str, Claim]) -> None:
    """Remove recipients alerted by a sender without authority, where one with authority names the commitment now."""
    for commitment, claim in claims.items():
        if facts.is_taken_over(_known(db, commitment), claim):
            _remove(db, commitment)


def keep(db: sqlite3.Connection, told: AlertRecipient, claim: Claim | None, now: float) -> None:
    """Keep one more recipient of an alert."""
    step = facts.alerted(_known(db, told.commitment_id), told, claim)
    if step.forgets:
        _remove(db, told.commitment_id)
    db.execute(
        "INSERT OR REPLACE INTO alerts (commitment, level, acknowledged_by, changed, authority, publisher, mou)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (told.commitment_id, *step.status, now, *(step.claim or (0, "", ""))),
    )
    db.execute(
        "INSERT INTO alerted (commitment, user, level) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET level = max(level, excluded.level)",
        told[:3],
    )


def _remove(db: sqlite3.Connection, commitment_id: str) -> None:
    db.execute("DELETE FROM alerts WHERE commitment = ?", (commitment_id,))
    db.execute("DELETE FROM alerted WHERE commitment = ?", (commitment_id,))


def _known(db: sqlite3.Connection, commitment_id: str) -> KnownAlert:
    query = "SELECT level, acknowledged_by, authority, publisher, mou FROM alerts WHERE commitment = ?"
    row = db.execute(query, (commitment_id,)).fetchone()
    registered = _registered(db, commitment_id)
    if row is None:
        return KnownAlert(registered=registered)
    level, by, authority, publisher, mou = row
    said = Claim(Authority(authority), publisher, mou) if authority else None
    return KnownAlert(AlertStatus(level, by), said, registered)


def _registered(db: sqlite3.Connection, commitment_id: str) -> Claim | None:
    query = "SELECT labels FROM records WHERE kind = ? AND key = ?"
    row = db.execute(query, (KIND, commitment_id)).fetchone()
    return None if row is None else facts.registered_claim(labelled_mou(row[0]))


def _claim(db: sqlite3.Connection, commitment_id: str) -> Claim | None:
    # One statement after the other: a commitment that is registered in between has the claim of either moment.
    return _known(db, commitment_id).claim


def _stored(db: sqlite3.Connection, commitment_id: str) -> Alert | None:
    # One statement: the reader has no transaction around two.
    rows = db.execute(
        "SELECT alerts.level, acknowledged_by, mou, user, alerted.level FROM alerts JOIN alerted USING (commitment)"
        " WHERE commitment = ? ORDER BY user",
        (commitment_id,),
    ).fetchall()
    if not rows:
        return None
    level, by, mou, *_ = rows[0]
    users, levels = tuple(row[3] for row in rows), tuple(row[4] for row in rows)
    return Alert(commitment_id, AlertStatus(level, by), users, mou, levels)


def _forget(db: sqlite3.Connection, untouched: float, settled: float) -> None:
    gone = db.execute(
        "SELECT commitment FROM alerts WHERE changed <= ? AND (changed <= ? OR acknowledged_by IS NOT NULL)"
        " ORDER BY changed LIMIT ?",
        (settled, untouched, _MAX_FORGOTTEN),
    ).fetchall()
    db.executemany("DELETE FROM alerts WHERE commitment = ?", gone)
    db.executemany("DELETE FROM alerted WHERE commitment = ?", gone)

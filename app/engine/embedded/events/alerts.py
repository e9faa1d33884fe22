"""Alerts of commitments, in SQLite. They are kept by the job that commits the event about them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from app.core.domain.alerts import Alert, AlertRecipient, AlertStatus, raise_level
from app.core.domain.commitments.commitment import KIND, labelled_mou
from app.core.domain.ownership import Authority, Claim, bind, takes_over
from app.engine.embedded.events.broker import EmbeddedBroker
from app.engine.embedded.events.event_log import Appended
from app.engine.embedded.events.log_access import LogAccess
from app.engine.limits import EngineLimits
from app.engine.ports.errors import ForeignCommitment, Moved
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


def bound(db: sqlite3.Connection, told: Iterable[AlertRecipient]) -> dict[str, Claim]:
    """Return the claims in force once all recipients are alerted. Raises ForeignCommitment; writes nothing."""
    claims: dict[str, Claim] = {}
    for one in told:
        if one.claim is not None:
            known = claims.get(one.commitment_id) or _claim(db, one.commitment_id)
            claim = bind(known, one.claim)
            if claim is None:
                raise ForeignCommitment(one.commitment_id)
            claims[one.commitment_id] = claim
    return claims


def take_over(db: sqlite3.Connection, claims: Mapping[str, Claim]) -> None:
    """Remove recipients alerted by a sender without authority, where one with authority names the commitment now."""
    for commitment, claim in claims.items():
        known = _claim(db, commitment)
        if known is not None and takes_over(known, claim):
            db.execute("DELETE FROM alerts WHERE commitment = ?", (commitment,))
            db.execute("DELETE FROM alerted WHERE commitment = ?", (commitment,))


def keep(db: sqlite3.Connection, told: AlertRecipient, claim: Claim | None, now: float) -> None:
    """Keep one more recipient of an alert.

    Of a registered commitment, what a sender without authority said before is forgotten.
    """
    said = _said(db, told.commitment_id)
    if said is not None and said.authority is Authority.CHANNEL and _is_registered(db, told.commitment_id):
        db.execute("DELETE FROM alerts WHERE commitment = ?", (told.commitment_id,))
        db.execute("DELETE FROM alerted WHERE commitment = ?", (told.commitment_id,))
    known = _status(db, told.commitment_id)
    level, by = raise_level(known, told.level)
    claim = claim or _claim(db, told.commitment_id)
    db.execute(
        "INSERT OR REPLACE INTO alerts (commitment, level, acknowledged_by, changed, authority, publisher, mou)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (told.commitment_id, level, by, now, *(claim or (0, "", ""))),
    )
    db.execute(
        "INSERT INTO alerted (commitment, user, level) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET level = max(level, excluded.level)",
        told[:3],
    )


def _claim(db: sqlite3.Connection, commitment_id: str) -> Claim | None:
    row = db.execute("SELECT labels FROM records WHERE kind = ? AND key = ?", (KIND, commitment_id)).fetchone()
    if row is not None:  # it is registered: its id belongs to its MoU
        return Claim(Authority.MOU, "", labelled_mou(row[0]))
    return _said(db, commitment_id)


def _is_registered(db: sqlite3.Connection, commitment_id: str) -> bool:
    query = "SELECT 1 FROM records WHERE kind = ? AND key = ?"
    return db.execute(query, (KIND, commitment_id)).fetchone() is not None


def _said(db: sqlite3.Connection, commitment_id: str) -> Claim | None:
    """Return the claim with which events named the commitment."""
    row = db.execute("SELECT authority, publisher, mou FROM alerts WHERE commitment = ?", (commitment_id,)).fetchone()
    return None if row is None or not row[0] else Claim(Authority(row[0]), *row[1:])


def _status(db: sqlite3.Connection, commitment_id: str) -> AlertStatus | None:
    row = db.execute("SELECT level, acknowledged_by FROM alerts WHERE commitment = ?", (commitment_id,)).fetchone()
    return None if row is None else AlertStatus(*row)


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

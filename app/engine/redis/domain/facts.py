"""The state of alerts and briefs that a commit decides on, and the changes of records that it leaves.

The decisions are those of app/engine/facts. They are made here, before the commit, on records as they were read; the
commit is refused where one of them has changed since, and then all is read and decided again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from app.core.domain.alerts import Alert, AlertRecipient, AlertStatus
from app.core.domain.briefs import Brief, BriefTransition
from app.core.domain.commitments.commitment import KIND as COMMITMENT
from app.core.domain.commitments.commitment import labelled_mou
from app.core.domain.domain_facts import DomainFact
from app.core.domain.ownership import Authority, Claim
from app.engine.facts import alerts, briefs
from app.engine.facts.alerts import KnownAlert
from app.engine.limits import EngineLimits
from app.engine.ports.records import Record, RecordChange
from app.engine.redis.domain.records import RedisRecords
from dossier_realtime.protocol.responses import BriefEnd

ALERT: Final = "_alert"
BRIEF: Final = "_brief"
_NO_CLAIM: Final = (0, "", "")


class AlertBody(msgspec.Struct, frozen=True, array_like=True):
    """An alert as its record keeps it: its status, the claim of events (authority 0: none), and levels by user."""

    level: int
    by: str | None
    claim: tuple[int, str, str]
    levels: dict[str, int]
    changed: float
    """The time of its last change, in Unix seconds."""

    @property
    def said(self) -> Claim | None:
        """Return the claim with which events named the commitment."""
        authority, publisher, mou = self.claim
        return Claim(Authority(authority), publisher, mou) if authority else None

    def alert(self, commitment_id: str) -> Alert:
        """Return the alert."""
        users = tuple(sorted(self.levels))
        levels = tuple(self.levels[user] for user in users)
        return Alert(commitment_id, AlertStatus(self.level, self.by), users, self.claim[2], levels)


class BriefBody(msgspec.Struct, frozen=True, array_like=True):
    """A brief as its record keeps it. `changed`: the time of its last step, in Unix seconds."""

    user: str
    ended: BriefEnd | None
    claim: tuple[int, str, str]
    changed: float

    def brief(self, request_id: str) -> Brief:
        """Return the brief."""
        authority, publisher, mou = self.claim
        return Brief(
            request_id, self.user, self.ended, Claim(Authority(authority), publisher, mou) if authority else None
        )


_alerts = msgspec.msgpack.Decoder(AlertBody)
_briefs = msgspec.msgpack.Decoder(BriefBody)
_encode = msgspec.msgpack.Encoder().encode


def alert_body(record: Record) -> AlertBody:
    """Return the alert that a record keeps."""
    return _alerts.decode(record.body)


def brief_body(record: Record) -> BriefBody:
    """Return the brief that a record keeps."""
    return _briefs.decode(record.body)


def alert_change(key: str, revision: int, alert: AlertBody, limits: EngineLimits) -> RecordChange:
    """Return the change that keeps an alert."""
    seconds = alerts.kept_seconds(AlertStatus(alert.level, alert.by), limits)
    return RecordChange(ALERT, key, revision, _encode(alert), expires=alert.changed + seconds)


def brief_change(key: str, revision: int, brief: BriefBody, limits: EngineLimits) -> RecordChange:
    """Return the change that keeps a brief."""
    due = brief.changed if briefs.may_fall_silent(brief.brief(key)) else None
    return RecordChange(BRIEF, key, revision, _encode(brief), due=due, expires=brief.changed + limits.settled_seconds)


@dataclass(frozen=True, slots=True)
class FactStore:
    """Reading what decisions rest on. `now` is Unix seconds."""

    records: RedisRecords
    limits: EngineLimits
    now: Callable[[], float]

    async def read(self, facts: Sequence[DomainFact], also: Sequence[tuple[str, str]] = ()) -> FactState:
        """Return the state that these facts, and records of the kinds of this module, are decided on."""
        told = {fact.commitment_id: None for fact in facts if isinstance(fact, AlertRecipient)}
        steps = {fact.request_id: None for fact in facts if isinstance(fact, BriefTransition)}
        names = [*((ALERT, name) for name in told), *((COMMITMENT, name) for name in told)]
        names += [(BRIEF, name) for name in steps]
        names += [name for name in also if name not in names]
        found = await self.records.found(names)
        return FactState(dict(zip(names, found, strict=True)), self.limits, self.now())

    async def changes(self, facts: Sequence[DomainFact]) -> Sequence[RecordChange]:
        """Return the changes that keep facts. Raises DomainFactError and Unavailable."""
        state = await self.read(facts)
        state.take(facts)
        return state.changes()


class FactState:
    """Alerts and briefs between reading and the commit."""

    def __init__(self, records: dict[tuple[str, str], Record | None], limits: EngineLimits, now: float) -> None:
        self._records, self._limits, self._now = records, limits, now
        self.alerts: dict[str, AlertBody | None] = {}
        self.briefs: dict[str, BriefBody | None] = {}
        for (kind, key), record in records.items():
            if kind == ALERT:
                self.alerts[key] = None if record is None else alert_body(record)
            elif kind == BRIEF:
                self.briefs[key] = None if record is None else brief_body(record)
        self._changed: dict[tuple[str, str], None] = {}

    def alert(self, commitment_id: str) -> Alert | None:
        """Return the alert as it is now."""
        body = self.alerts[commitment_id]
        return None if body is None else body.alert(commitment_id)

    def brief(self, request_id: str) -> Brief | None:
        """Return the brief as it is now."""
        body = self.briefs[request_id]
        return None if body is None else body.brief(request_id)

    def take(self, facts: Sequence[DomainFact]) -> None:
        """Decide on the facts of entries, in their order. Raises DomainFactError; then nothing is changed."""
        steps = [fact for fact in facts if isinstance(fact, BriefTransition)]
        told = [fact for fact in facts if isinstance(fact, AlertRecipient)]
        after = briefs.stepped(steps, self.brief)
        claims = alerts.bound(told, lambda commitment: self._known(commitment).claim)
        for brief in after.values():
            self.put_brief(brief)
        for commitment, claim in claims.items():
            if alerts.is_taken_over(self._known(commitment), claim):
                self.alerts[commitment] = None
        for one in told:
            self._tell(one, claims.get(one.commitment_id))

    def put_brief(self, brief: Brief) -> None:
        """Keep a brief as it is after a step of now."""
        self.briefs[brief.request_id] = BriefBody(
            brief.user_id, brief.ended, brief.claim[:] if brief.claim else _NO_CLAIM, self._now
        )
        self._changed[BRIEF, brief.request_id] = None

    def acknowledge(self, commitment_id: str, by: str) -> None:
        """Keep an alert that is there as acknowledged; the first one holds."""
        body = self.alerts[commitment_id]
        if body is not None:
            self.alerts[commitment_id] = msgspec.structs.replace(
                body, by=by if body.by is None else body.by, changed=self._now
            )
            self._changed[ALERT, commitment_id] = None

    def changes(self) -> list[RecordChange]:
        """Return the changes of records.

        A commitment that is not registered must still be so: a removal of nothing is a check alone.
        """
        guards = [
            RecordChange(kind, key, 0, None)
            for (kind, key), record in self._records.items()
            if kind == COMMITMENT and record is None
        ]
        return [*guards, *(self._change(kind, key) for kind, key in self._changed)]

    def _change(self, kind: str, key: str) -> RecordChange:
        record = self._records[kind, key]
        revision = 0 if record is None else record.revision
        if kind == ALERT:
            alert = self.alerts[key]
            assert alert is not None  # noqa: S101  what changed is there
            return alert_change(key, revision, alert, self._limits)
        brief = self.briefs[key]
        assert brief is not None  # noqa: S101  likewise
        return brief_change(key, revision, brief, self._limits)

    def _known(self, commitment_id: str) -> KnownAlert:
        body, registered = self.alerts[commitment_id], self._records.get((COMMITMENT, commitment_id))
        claim = None if registered is None else alerts.registered_claim(labelled_mou("\n".join(registered.labels)))
        if body is None:
            return KnownAlert(registered=claim)
        return KnownAlert(AlertStatus(body.level, body.by), body.said, claim)

    def _tell(self, told: AlertRecipient, claim: Claim | None) -> None:
        key = told.commitment_id
        step, before = alerts.alerted(self._known(key), told, claim), self.alerts[key]
        levels = {} if before is None or step.forgets else dict(before.levels)
        if told.user_id not in levels:
            alerts.must_fit(key, len(levels) + 1)
        levels[told.user_id] = max(told.level, levels.get(told.user_id, 0))
        kept = step.claim[:] if step.claim else _NO_CLAIM
        self.alerts[key] = AlertBody(step.status.level, step.status.acknowledged_by, kept, levels, self._now)
        self._changed[ALERT, key] = None

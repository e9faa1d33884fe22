"""The course of a relationship in a recording: its score over time, and the same past under other rules. Pure.

The journal holds each score and fact that was given, as acts, and each change that was published. From these the course
is computed again, with the time that passed in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from dossier_realtime.protocol.events import RelationshipHealthChange
from dossier_realtime.protocol.fields import Health
from dossier_realtime.protocol.http.relationships import KeptFact

from .course import (
    CourseStep,
    GivenScore,
    HealthChange,
    Relationship,
    after_facts,
    after_score,
    after_time,
    after_told,
)
from .scoring import HealthPolicy, next_moment

if TYPE_CHECKING:
    import pandas as pd

    from ..entry import Entry

_MAX_STEPS = 100_000  # of passing time: bounds the work that a damaged recording can make
_changes = msgspec.json.Decoder(RelationshipHealthChange)
_facts = msgspec.json.Decoder(KeptFact)


class RecordedInput(NamedTuple):
    """One thing that moved a relationship: a score or facts that were given, or a change that was told."""

    at: float
    given: GivenScore | None = None
    facts: tuple[KeptFact, ...] = ()
    told: HealthChange | None = None


class ScorePoint(NamedTuple):
    """The score from a time (Unix seconds) on. `trigger`, `fact` and `by`: the cause of the movement."""

    at: float
    score: int
    status: Health
    points: int
    trigger: str
    fact: str
    by: str


class PublishedChange(NamedTuple):
    """A change of status that was published, or would have been."""

    at: float
    previous: Health
    new: Health
    score_change: int
    score: int
    trigger: str


@dataclass(frozen=True)
class HealthHistory:
    """The course of one relationship up to the end of a recording.

    `published`: the changes that were published then; `changes`: those that follow from the inputs under `policy`.
    """

    relationship_id: str
    inputs: tuple[RecordedInput, ...]
    published: tuple[PublishedChange, ...]
    until: float
    policy: HealthPolicy
    points: tuple[ScorePoint, ...]
    changes: tuple[PublishedChange, ...]

    def under(
        self,
        *,
        healthy_from: int | None = None,
        monitor_from: int | None = None,
        at_risk_from: int | None = None,
        hysteresis: int | None = None,
        policy: HealthPolicy | None = None,
    ) -> HealthHistory:
        """Return the same past under other boundaries, or a whole policy.

        "At risk below 50" is `monitor_from=50`. Raises ValueError for boundaries that do not rise.
        """
        base = policy or self.policy
        said = {
            "healthy_from": healthy_from,
            "monitor_from": monitor_from,
            "at_risk_from": at_risk_from,
            "hysteresis": hysteresis,
        }
        bands = replace(base.bands, **{name: value for name, value in said.items() if value is not None})
        return course_of(self.relationship_id, self.inputs, self.published, self.until, replace(base, bands=bands))

    def score_at(self, moment: float) -> int | None:
        """Return the score at a time (Unix seconds); None before the first."""
        return next((point.score for point in reversed(self.points) if point.at <= moment), None)

    def scores(self) -> pd.DataFrame:
        """Return one row a movement, by time (UTC): score, status, points, trigger, fact, by."""
        return _table(self.points)

    def table(self) -> pd.DataFrame:
        """Return one row a change of status under these rules, by time (UTC)."""
        return _table(self.changes)


def course_of(
    relationship_id: str,
    inputs: Sequence[RecordedInput],
    published: Sequence[PublishedChange],
    until: float,
    policy: HealthPolicy,
) -> HealthHistory:
    """Return the course that follows from inputs, in their order, up to a time."""
    now = Relationship(relationship_id=relationship_id)
    points: list[ScorePoint] = []
    changes: list[PublishedChange] = []
    steps = 0
    for entry in (*inputs, RecordedInput(until)):
        while steps < _MAX_STEPS:
            moment = next_moment(now.known, now.spoken_at, now.looked, policy)
            if moment is None or moment >= entry.at:
                break
            steps += 1
            now = _taken(now, after_time(now, moment, policy), points, changes)
        at = max(entry.at, now.looked)
        now = _taken(now, _step(now, entry, at, policy), points, changes)
    return HealthHistory(relationship_id, tuple(inputs), tuple(published), until, policy, tuple(points), tuple(changes))


def _step(now: Relationship, entry: RecordedInput, at: float, policy: HealthPolicy) -> CourseStep:
    if entry.given is not None:
        return after_score(now, entry.given, policy)
    if entry.facts:
        known = now.known.by_id()
        return after_facts(now, [fact for fact in entry.facts if fact.id not in known], at, policy)
    if entry.told is None:
        return after_time(now, at, policy)
    told = entry.told
    status = policy.bands.status(told.score, now.status)  # as these rules see the score that was told
    after = after_told(now, told._replace(new=status), at, policy)
    if now.status is None or now.score is None or status == now.status:
        return CourseStep(after, None)
    return CourseStep(after, HealthChange(now.status, status, told.score - now.score, told.score, told.trigger))


def _taken(
    before: Relationship, step: CourseStep, points: list[ScorePoint], changes: list[PublishedChange]
) -> Relationship:
    after = step.after
    last = before.moved[-1] if before.moved else None
    fresh = list(takewhile(lambda one: one is not last, reversed(after.moved)))
    for one in reversed(fresh):
        fact = "" if one.fact is None else one.fact.id
        status = after.status or "critical"  # with a score it has a status
        points.append(ScorePoint(one.at, one.after, status, one.points, one.trigger, fact, one.by))
    if step.change is not None:
        changes.append(PublishedChange(after.looked, *step.change))
    return after


def inputs_of(entries: Iterable[Entry]) -> tuple[list[RecordedInput], list[PublishedChange]]:
    """Return what moved a relationship, and what was published of it, from the entries of its channel.

    An act that failed moved nothing. A change that an act of a score or of facts caused, or that nobody caused, is the
    service's own; every other one was told by another program.
    """
    every = list(entries)
    failed = {
        entry.header.cause
        for entry in every
        if entry.header.kind == "outcome" and entry.header.detail.get("outcome") == "failed"
    }
    own = {
        entry.header.seq
        for entry in every
        if entry.header.kind == "act" and entry.header.detail.get("subject_kind") == "relationship"
    }
    inputs: list[RecordedInput] = []
    published: list[PublishedChange] = []
    for entry in every:
        header = entry.header
        if header.kind == "act" and header.seq in own and header.seq not in failed:
            inputs += _act_inputs(entry)
        elif header.kind in ("fanout", "recovered") and header.audience == "all" and entry.frame is not None:
            change = _change(entry.frame)
            if change is None:
                continue
            published.append(PublishedChange(header.at, *change))
            if header.cause and header.cause not in own:
                inputs.append(RecordedInput(header.at, told=change))
    return inputs, published


def _act_inputs(entry: Entry) -> Iterator[RecordedInput]:
    header, detail = entry.header, entry.header.detail
    items = detail.get("items")
    if detail.get("verb") == "add_facts" and isinstance(items, list):
        try:
            yield RecordedInput(header.at, facts=tuple(_facts.decode(item) for item in items))
        except msgspec.DecodeError:  # of a version that knew other facts
            return
    elif detail.get("verb") == "score_relationship":
        try:
            said = msgspec.json.decode(str(detail.get("after", "")), type=_GivenState)
        except msgspec.DecodeError:
            return
        given = GivenScore(score=said.given, at=header.at, trigger=said.trigger, by=header.user)
        yield RecordedInput(header.at, given=given)


class _GivenState(msgspec.Struct):
    given: int
    trigger: str


def _change(frame: bytes) -> HealthChange | None:
    try:
        said = _changes.decode(frame).payload
    except msgspec.DecodeError:  # another event of the channel
        return None
    return HealthChange(said.previous_status, said.new_status, said.score_change, said.current_score, said.trigger)


def _table(rows: Sequence[ScorePoint] | Sequence[PublishedChange]) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415  pandas is heavy

    fields = (rows[0]._fields if rows else ScorePoint._fields)[1:]
    times = pd.to_datetime([round(row.at * 1000) for row in rows], unit="ms", utc=True)
    return pd.DataFrame([row[1:] for row in rows], columns=list(fields), index=pd.DatetimeIndex(times, name="time"))

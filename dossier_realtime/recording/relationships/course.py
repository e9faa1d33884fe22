"""The course of a relationship: its score after facts, given scores, changes told by others, and time. Pure.

The score that was given last holds until a later fact; then it is computed again (docs/protocol.md#relationships).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from msgspec import Struct, structs

from dossier_realtime.protocol.fields import Health, Text
from dossier_realtime.protocol.http.relationships import KeptFact

from .scoring import DAY_SECONDS, KnownFacts, components, computed, is_silent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .scoring import Component, HealthPolicy

MAX_MOVEMENTS: Final = 100
"""Movements of the score that are kept, the latest."""


class GivenScore(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A score that was given. `by`: the user; "" where an event of another program told it. `at`: Unix seconds."""

    score: int
    at: float
    trigger: str
    by: str = ""


class Movement(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One movement of the score, from `before` (None: it is the first) to `after`."""

    at: float
    after: int
    trigger: str
    before: int | None = None
    fact: KeptFact | None = None
    by: str = ""

    @property
    def points(self) -> int:
        """The points that the score moved by; 0 for the first score."""
        return 0 if self.before is None else self.after - self.before


class Relationship(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """All that is kept of a relationship.

    `since`, in Unix seconds, is when its status began; `looked`, when its score was last computed.
    """

    relationship_id: str
    score: int | None = None
    status: Health | None = None
    since: float = 0.0
    trigger: str = ""
    recommendations: list[Text] = []
    given: GivenScore | None = None
    known: KnownFacts = msgspec.field(default_factory=KnownFacts)
    moved: list[Movement] = []
    looked: float = 0.0

    @property
    def spoken_at(self) -> float:
        """The time at which the score in force was given; 0 where it is computed."""
        return 0.0 if self.given is None else self.given.at


class HealthChange(NamedTuple):
    """A change of status, as it is published."""

    previous: Health
    new: Health
    score_change: int
    score: int
    trigger: str


class CourseStep(NamedTuple):
    """A relationship after a step, and the change of its status; None: it has none to tell."""

    after: Relationship
    change: HealthChange | None


class KnownFactError(ValueError):
    """Raised where a fact has the id of another one. `index`: its place among those that came."""

    def __init__(self, index: int) -> None:
        super().__init__("This id is another fact's of this relationship; take a new id")
        self.index = index


def after_score(before: Relationship, given: GivenScore, policy: HealthPolicy) -> CourseStep:
    """Return the step of a score that is given. The same again within a day is a repetition and changes nothing."""
    held = before.given
    if held is not None and 0 <= given.at - held.at < DAY_SECONDS and structs.replace(given, at=held.at) == held:
        return after_time(before, given.at, policy)
    course = _Course(before, given.at, policy)
    course.now = structs.replace(course.now, given=given, trigger=given.trigger)
    course.move(given.trigger, by=given.by, always=True)
    return course.step(given.trigger)


def after_facts(before: Relationship, facts: Sequence[KeptFact], at: float, policy: HealthPolicy) -> CourseStep:
    """Return the step of new facts, taken in the order of their times; those that are known change nothing.

    Raises KnownFactError.
    """
    course = _Course(before, at, policy)
    for fact in sorted(new_facts(before, facts), key=lambda one: (one.at, one.id)):
        then = course.now
        known = then.known.with_fact(fact)
        parts = components(then.known, at, policy), components(known, at, policy)
        given = then.given if computed(parts[1]) is None else None
        course.now = structs.replace(then, known=known, given=given)
        if is_silent(known, course.now.spoken_at, at, policy) > is_silent(then.known, then.spoken_at, at, policy):
            trigger = policy.silence_trigger
        elif given is not then.given:
            trigger = "computed_from_facts"
        else:
            trigger = _fact_trigger(fact, *parts)
        course.move(trigger, fact=fact)
    return course.step()


def after_told(before: Relationship, told: HealthChange, at: float, policy: HealthPolicy) -> Relationship:
    """Return the relationship after a change that another program published: its score and status hold as told."""
    course = _Course(before, at, policy)
    course.now = structs.replace(course.now, given=GivenScore(score=told.score, at=at, trigger=told.trigger))
    course.move(told.trigger, always=True)
    since = before.since if told.new == before.status else at
    return structs.replace(course.now, status=told.new, since=since, trigger=told.trigger, looked=at)


def after_time(before: Relationship, now: float, policy: HealthPolicy) -> CourseStep:
    """Return the step of the time that passed: facts grow old, and a silence is noticed."""
    return _Course(before, now, policy).step()


def new_facts(before: Relationship, facts: Sequence[KeptFact]) -> list[KeptFact]:
    """Return those of the facts that are not known. Raises KnownFactError."""
    known, new = before.known.by_id(), []
    for index, fact in enumerate(facts):
        same = known.get(fact.id)
        if same is None:
            known[fact.id] = fact
            new.append(fact)
        elif structs.replace(same, level=None) != structs.replace(fact, level=None):
            raise KnownFactError(index)
    return new


class _Course:
    """One step under way: time is passed first, then what came moves the score; the status follows at the end."""

    def __init__(self, before: Relationship, at: float, policy: HealthPolicy) -> None:
        self._before, self._at, self._policy = before, at, policy
        self._moves: list[Movement] = []
        self.now = before
        self.move(self._time_trigger())

    def move(self, trigger: str, *, fact: KeptFact | None = None, by: str = "", always: bool = False) -> None:
        """Let the score follow from what is known now; a movement is noted where it moves, or `always`."""
        now, score = self.now, self._score()
        if score is None or (score == now.score and not always):
            return
        movement = Movement(at=self._at, after=score, trigger=trigger, before=now.score, fact=fact, by=by)
        self._moves.append(movement)
        moved = [*now.moved, movement][-MAX_MOVEMENTS:]
        self.now = structs.replace(now, score=score, moved=moved)

    def step(self, trigger: str = "") -> CourseStep:
        """Return the relationship with the status of its score, and the change, if it is one.

        `trigger` of the change: by default that of the largest movement.
        """
        after, before = structs.replace(self.now, looked=self._at), self._before
        score = after.score
        if score is None:
            return CourseStep(after, None)
        status = self._policy.bands.status(score, before.status)
        if status == before.status:
            return CourseStep(after, None)
        if not trigger:
            largest = max(self._moves, key=lambda one: abs(one.points), default=None)
            trigger = before.trigger if largest is None else largest.trigger
        after = structs.replace(after, status=status, since=self._at, trigger=trigger)
        if before.status is None or before.score is None:
            return CourseStep(after, None)  # the first score is no change
        return CourseStep(after, HealthChange(before.status, status, score - before.score, score, trigger))

    def _score(self) -> int | None:
        now, policy = self.now, self._policy
        base = now.given.score if now.given is not None else computed(components(now.known, self._at, policy))
        if base is None:
            return now.score  # nothing is known any more: the last score stays
        if is_silent(now.known, now.spoken_at, self._at, policy):
            return min(base, policy.silence_score)
        return base

    def _time_trigger(self) -> str:
        now, policy, then = self.now, self._policy, self._before.looked
        silent = [is_silent(now.known, now.spoken_at, moment, policy) for moment in (then, self._at)]
        if silent == [False, True]:
            return policy.silence_trigger
        before, after = (components(now.known, moment, policy)[0].points or 0.0 for moment in (then, self._at))
        return "engagement_fell" if after < before else "time_passed"


def _fact_trigger(fact: KeptFact, before: tuple[Component, ...], after: tuple[Component, ...]) -> str:
    if fact.kind == "engagement":
        return "engagement_recorded"
    if fact.kind != "response":
        return fact.kind
    then, now = before[2].points, after[2].points
    return "response_time_worsened" if (now or 0.0) < (100.0 if then is None else then) else "response_time_improved"

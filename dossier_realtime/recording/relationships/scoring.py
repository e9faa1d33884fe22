"""The score that follows from the facts of a relationship (docs/protocol.md#relationships). Pure.

Each part has 0 to 100 points, or none where no fact is known of it. The score is their weighted mean; the weights of
unknown parts are divided among the others. Points change at single moments only, and `next_moment` names the next one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import floor
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct, structs

from dossier_realtime.protocol.http.relationships import KeptFact

from .bands import HealthBands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dossier_realtime.protocol.http.relationships import ComponentName, FactKind

MAX_KEPT: Final = 100
"""Facts that are kept for each part of the score, the newest."""
DAY_SECONDS: Final = 86_400


@dataclass(frozen=True, slots=True)
class HealthPolicy:
    """The bands, the weights of the parts, and the rules of their points. Days count back from now.

    `engagements`: how many are expected in `engagement_days`. `full_hours` and `zero_hours`: the response times that
    have 100 points and none. After `silence_days` without an engagement the score is at most `silence_score`.
    """

    bands: HealthBands = field(default_factory=HealthBands)
    engagement_weight: float = 0.40
    commitment_weight: float = 0.35
    response_weight: float = 0.25
    engagements: int = 3
    engagement_days: int = 90
    commitment_days: int = 365
    response_days: int = 180
    full_hours: float = 24.0
    zero_hours: float = 240.0
    silence_days: int = 90
    silence_score: int = 55

    @property
    def silence_trigger(self) -> str:
        """The trigger of a silence: `no_interaction_90_days`."""
        return f"no_interaction_{self.silence_days}_days"


class KnownFacts(Struct, omit_defaults=True, kw_only=True):
    """The newest facts of each part, by time. The first and the last engagement are of all that ever were known."""

    engagements: list[KeptFact] = []
    commitments: list[KeptFact] = []
    responses: list[KeptFact] = []
    first_engagement: int | None = None
    last_engagement: int | None = None

    def by_id(self) -> dict[str, KeptFact]:
        """Return all facts by their ids."""
        return {fact.id: fact for part in (self.engagements, self.commitments, self.responses) for fact in part}

    def with_fact(self, fact: KeptFact) -> KnownFacts:
        """Return these facts and one more. Of more than MAX_KEPT of a part, the oldest goes."""
        name = _PARTS[fact.kind]
        part = sorted([*getattr(self, name), fact], key=lambda one: (one.at, one.id))[-MAX_KEPT:]
        known = structs.replace(self, **{name: part})
        if fact.kind == "engagement":
            known.first_engagement = min(fact.at, self.first_engagement or fact.at)
            known.last_engagement = max(fact.at, self.last_engagement or fact.at)
        return known


_PARTS: Final[dict[FactKind, str]] = {
    "engagement": "engagements",
    "commitment_fulfilled": "commitments",
    "commitment_missed": "commitments",
    "response": "responses",
}


class Component(NamedTuple):
    """One part of a score. `points`: 0 to 100; None: unknown. `facts`: how many count."""

    name: ComponentName
    weight: float
    points: float | None
    facts: int


def components(known: KnownFacts, now: float, policy: HealthPolicy) -> tuple[Component, Component, Component]:
    """Return the parts of the score at a time (Unix seconds)."""
    engaged = _within(known.engagements, now, policy.engagement_days)
    points: float | None = None
    if known.first_engagement is not None:
        expected = _expected(known.first_engagement, now, policy)
        points = 100.0 * min(1.0, len(engaged) / expected)
    dues = _within(known.commitments, now, policy.commitment_days)
    kept = sum(fact.kind == "commitment_fulfilled" for fact in dues)
    answers = _within(known.responses, now, policy.response_days)
    quick = sum(_response_points(fact.hours or 0.0, policy) for fact in answers)
    return (
        Component("engagement", policy.engagement_weight, points, len(engaged)),
        Component("commitments", policy.commitment_weight, 100.0 * kept / len(dues) if dues else None, len(dues)),
        Component("response_time", policy.response_weight, quick / len(answers) if answers else None, len(answers)),
    )


def computed(parts: tuple[Component, ...]) -> int | None:
    """Return the score of the parts, rounded half up; None where nothing is known that has a weight."""
    told = [(part.weight, part.points) for part in parts if part.points is not None and part.weight > 0]
    weight = sum(weight for weight, _ in told)
    if not told or weight <= 0:
        return None
    return floor(round(sum(weight * points for weight, points in told) / weight, 6) + 0.5)


def is_silent(known: KnownFacts, spoken_at: float, now: float, policy: HealthPolicy) -> bool:
    """Return True where the last engagement, and the last score that was given, are `silence_days` ago.

    Without any known engagement it is unknown, and False. `spoken_at`: when the score was given, 0: it was not.
    """
    if known.last_engagement is None:
        return False
    return now >= max(known.last_engagement, spoken_at) + policy.silence_days * DAY_SECONDS


def next_moment(known: KnownFacts, spoken_at: float, now: float, policy: HealthPolicy) -> float | None:
    """Return the next time after `now` at which the score may change without a new fact; None: it will not."""
    return min((moment for moment in _moments(known, spoken_at, policy) if moment > now), default=None)


def _moments(known: KnownFacts, spoken_at: float, policy: HealthPolicy) -> Iterator[float]:
    parts = (
        (known.engagements, policy.engagement_days),
        (known.commitments, policy.commitment_days),
        (known.responses, policy.response_days),
    )
    for part, days in parts:
        yield from (fact.at + days * DAY_SECONDS for fact in part)
    if known.first_engagement is not None:
        step = _step_seconds(policy)
        yield from (known.first_engagement + place * step for place in range(1, policy.engagements))
    if known.last_engagement is not None:
        yield max(known.last_engagement, spoken_at) + policy.silence_days * DAY_SECONDS


def _expected(first: float, now: float, policy: HealthPolicy) -> int:
    """Return how many engagements are expected by now: a young relationship had less time for them."""
    begun = 1 + int(max(0.0, now - first) // _step_seconds(policy))
    return min(policy.engagements, begun)


def _step_seconds(policy: HealthPolicy) -> int:
    return policy.engagement_days * DAY_SECONDS // policy.engagements  # whole seconds: moments are exact


def _within(part: list[KeptFact], now: float, days: int) -> list[KeptFact]:
    return [fact for fact in part if fact.at + days * DAY_SECONDS > now]


def _response_points(hours: float, policy: HealthPolicy) -> float:
    if hours <= policy.full_hours:
        return 100.0
    if hours >= policy.zero_hours:
        return 0.0
    return 100.0 * (policy.zero_hours - hours) / (policy.zero_hours - policy.full_hours)

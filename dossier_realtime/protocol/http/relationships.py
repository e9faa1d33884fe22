"""Bodies of the calls about relationships, and of their answers (docs/protocol.md#relationships)."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from ..events import Score
from ..fields import ChannelField, Count, Health, Id, Level, Localized, Name, NullIsAbsent, OrNull, Text, Timestamp

MAX_FACTS: Final = 50
"""Facts in one call."""
FactKind = Literal["engagement", "commitment_fulfilled", "commitment_missed", "response"]
ComponentName = Literal["engagement", "commitments", "response_time"]
Hours = Annotated[float, Meta(ge=0, le=87_600)]


class ScoreBody(NullIsAbsent, Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A score that is given. Without `recommendations`, those of the service's table are taken."""

    score: Score
    trigger: OrNull[Name] = "score_given"
    recommendations: Annotated[list[Text], Meta(max_length=50)] | None = None


class RelationshipFact(NullIsAbsent, Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A fact of a relationship: what happened, and when (`at`, Unix seconds). `id` is unique to the relationship.

    `hours`: of a `response`, how long it took. `source`: the channel that the fact came from; only those who may read
    that channel see the fact.
    """

    id: Id
    kind: FactKind
    at: Timestamp
    hours: Hours | None = None
    source: OrNull[ChannelField] = ""


class FactsBody(Struct, forbid_unknown_fields=True):
    """Facts of one relationship, taken all or none."""

    facts: Annotated[list[RelationshipFact], Meta(min_length=1, max_length=MAX_FACTS)]


class RelationshipRow(Struct, kw_only=True, omit_defaults=True):
    """A relationship now. Without a score, nothing is known that it could rest on.

    `since`: since when it has its status; `trigger` and `recommendations` are of that change. `basis`: the score was
    given, or is computed from facts.
    """

    relationship_id: Id
    channel: ChannelField
    score: Score | None = None
    status: Health | None = None
    since: Timestamp | None = None
    basis: Literal["given", "facts"] | None = None
    trigger: Name | None = None
    recommendations: list[Text] = []


class RelationshipPage(Struct, omit_defaults=True):
    """A page of relationships, the worst score first. `next`: ask with it as `after`; absent at the end."""

    relationships: list[RelationshipRow]
    next: str | None = None


class FactsAnswer(Struct, kw_only=True):
    """The relationship after facts. `taken`: facts that were new; the others were known."""

    relationship: RelationshipRow
    taken: Count


class ComponentRow(Struct, kw_only=True, omit_defaults=True):
    """One part of a computed score: its weight, its points of 100, the facts that count. No points: unknown."""

    name: ComponentName
    weight: Annotated[float, Meta(ge=0, le=1)]
    facts: Count
    points: Annotated[float, Meta(ge=0, le=100)] | None = None


class MovementRow(Struct, kw_only=True, omit_defaults=True):
    """One movement of the score. Without `before`, it is the first score.

    `fact`: the fact that moved it; `by`: the user who gave the score; neither: the time that passed.
    """

    at: Timestamp
    score: Score
    trigger: Name
    points: int
    before: Score | None = None
    text: Localized | None = None
    fact: RelationshipFact | None = None
    by: Id | None = None


class WhyAnswer(Struct, kw_only=True, omit_defaults=True):
    """The reasons of a score, newest movement first. `unknown`: parts of the score about which no fact is known.

    Movements by facts that the reader may not see are left out.
    """

    relationship: RelationshipRow
    components: list[ComponentRow]
    moved: list[MovementRow]
    unknown: list[ComponentName]
    last_engagement: Timestamp | None = None
    silent: bool = False


class KeptFact(Struct, frozen=True, omit_defaults=True):
    """A fact as it is kept. `level`: that of its source when it came."""

    id: str
    kind: FactKind
    at: int
    hours: float | None = None
    source: str = ""
    level: Level | None = None

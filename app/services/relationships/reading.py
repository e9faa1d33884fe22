"""Relationships as their readers see them: lists, rows, and the reasons of a score."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from app.core.domain.projections import relationships as core
from app.engine.ports.records import ListPlace
from app.services.domain.visible_pages import VisiblePages
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.authorization import Fact, may_see
from dossier_realtime.protocol.classification import Clearance
from dossier_realtime.protocol.http.relationships import (
    ComponentRow,
    MovementRow,
    RelationshipFact,
    RelationshipRow,
    WhyAnswer,
)
from dossier_realtime.recording.relationships.scoring import components, is_silent

if TYPE_CHECKING:
    from app.core.domain.relationships.words import HealthWords
    from app.engine.ports.records import Record, RecordStore
    from app.services.publisher import EventPublisher
    from dossier_realtime.protocol.authorization import Identity
    from dossier_realtime.protocol.classification import ChannelPolicy
    from dossier_realtime.protocol.http.relationships import KeptFact
    from dossier_realtime.recording.relationships.course import Movement, Relationship

    from .health import HealthRules

_PLACE: Final = re.compile(r"([0-9]{3})~([A-Za-z0-9._-]{1,64})")


class RelationshipsFound(NamedTuple):
    """A page of relationships, the worst score first. `more`: the place after which the next begins; None: the end."""

    rows: list[RelationshipRow]
    more: str | None


class RelationshipReading:
    """Reading relationships by the rights of the reader."""

    def __init__(
        self, records: RecordStore, publisher: EventPublisher, channel_policy: ChannelPolicy, rules: HealthRules
    ) -> None:
        self._publisher, self._channel_policy, self._rules = publisher, channel_policy, rules
        self._pages = VisiblePages(records, "~".join)

    def place(self, text: str) -> ListPlace | None:
        """Return the place that `more` of a page names; None for any other text."""
        found = _PLACE.fullmatch(text)
        return self._pages.opened(text) if found is None else ListPlace(found[1], found[2])

    async def page(self, reader: Identity, status: str, after: ListPlace | None, limit: int) -> RelationshipsFound:
        """Return relationships that the reader may see, of a status or all ("").

        A page may be short, or empty, and yet have a `next`: enough was looked at. Raises Unavailable.
        """
        label = core.of_status(status) if status else core.ALL

        def sees(record: Record) -> bool:
            return self._publisher.shown_to(reader, (channels.relationship(record.key),))

        page = await self._pages.page(core.KIND, label, after, limit, sees)
        return RelationshipsFound([relationship_row(core.decode(each.body)) for each in page.records], page.more)

    def why(self, relationship: Relationship, reader: Identity, now: float) -> WhyAnswer:
        """Return the reasons of a score, without facts that the reader may not see."""
        policy, known = self._rules.policy, relationship.known
        parts = components(known, now, policy)
        facts = (known.engagements, known.commitments, known.responses)
        days = (policy.engagement_days, policy.commitment_days, policy.response_days)
        rows = []
        for part, every, window in zip(parts, facts, days, strict=True):
            seen = [fact for fact in every if fact.at + window * 86_400 > now and self._sees(reader, fact)]
            row = ComponentRow(name=part.name, weight=part.weight, facts=len(seen))
            row.points = None if part.points is None else round(part.points, 1)
            rows.append(row)
        engaged = [fact.at for fact in known.engagements if self._sees(reader, fact)]
        moved = [one for one in reversed(relationship.moved) if one.fact is None or self._sees(reader, one.fact)]
        return WhyAnswer(
            relationship=relationship_row(relationship),
            components=rows,
            moved=[movement_row(one, self._rules.words) for one in moved],
            unknown=[part.name for part in parts if part.points is None],
            last_engagement=max(engaged, default=None),
            silent=is_silent(known, relationship.spoken_at, now, policy),
        )

    def _sees(self, reader: Identity, fact: KeptFact) -> bool:
        if not fact.source:
            return True  # of the relationship's own channel, which the reader may read
        level = Clearance.PUBLIC if fact.level is None else Clearance.strict(fact.level)
        return may_see(reader, Fact((fact.source,), level), self._channel_policy.settings)


def relationship_row(relationship: Relationship) -> RelationshipRow:
    """Return a relationship as its readers see it."""
    row = RelationshipRow(
        relationship_id=relationship.relationship_id,
        channel=channels.relationship(relationship.relationship_id),
        score=relationship.score,
        status=relationship.status,
    )
    if relationship.status is not None:
        row.since = int(relationship.since)
        row.basis = "facts" if relationship.given is None else "given"
        row.trigger = relationship.trigger or None
        row.recommendations = relationship.recommendations
    return row


def movement_row(movement: Movement, words: HealthWords) -> MovementRow:
    """Return a movement of a score with its words."""
    fact = movement.fact
    return MovementRow(
        at=int(movement.at),
        score=movement.after,
        trigger=movement.trigger,
        points=movement.points,
        before=movement.before,
        text=words.trigger(movement.trigger),
        fact=None if fact is None else _said(fact),
        by=movement.by or None,
    )


def _said(fact: KeptFact) -> RelationshipFact:
    return RelationshipFact(id=fact.id, kind=fact.kind, at=fact.at, hours=fact.hours, source=fact.source)

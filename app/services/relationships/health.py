"""Scores of relationships: given, computed from facts, and moved by time (docs/protocol.md#relationships)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from msgspec import structs

from app.core.domain.projections import relationships as core
from app.engine.ports.errors import Moved
from app.engine.ports.records import RecordChange
from app.journal.acts import Act
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.authorization import Right, access
from dossier_realtime.protocol.events import RelationshipHealthChange, RelationshipHealthPayload
from dossier_realtime.protocol.http.relationships import KeptFact
from dossier_realtime.recording.relationships.course import GivenScore, after_facts, after_score, after_time

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.core.domain.relationships.words import HealthWords
    from app.engine.ports.events import PublishResult
    from app.engine.ports.records import Record, RecordStore
    from app.journal.acts import RecordAct, Verb
    from app.services.document_access import DocumentAccess
    from app.services.publisher import EventPublisher
    from dossier_realtime.protocol.authorization import Identity
    from dossier_realtime.protocol.classification import ChannelPolicy
    from dossier_realtime.protocol.events import Event
    from dossier_realtime.protocol.fields import Level, Text
    from dossier_realtime.protocol.http.relationships import RelationshipFact, ScoreBody
    from dossier_realtime.recording.relationships.course import CourseStep, Relationship
    from dossier_realtime.recording.relationships.scoring import HealthPolicy

MAX_AHEAD_SECONDS: Final = 300
"""Seconds by which a fact may lie ahead of the service's clock."""


class BadFactError(ValueError):
    """Raised for a fact that cannot be taken. `path` is its place in the body; `forbidden`: by lack of a right."""

    def __init__(self, text: str, index: int, name: str, *, forbidden: bool = False) -> None:
        super().__init__(text)
        self.path = f"$.facts[{index}].{name}"
        self.forbidden = forbidden


class HealthResult(NamedTuple):
    """A relationship after a call, and what was published of it. `taken`: new facts; `unchanged`: it was so before."""

    relationship: Relationship
    results: list[PublishResult]
    taken: int = 0
    unchanged: bool = False


@dataclass(frozen=True, slots=True)
class HealthRules:
    """The rules of scores, and the words about them."""

    policy: HealthPolicy
    words: HealthWords


class RelationshipHealth:
    """The scores of all relationships; a change of status is published with the record that it is in, once."""

    def __init__(
        self,
        records: RecordStore,
        publisher: EventPublisher,
        channel_policy: ChannelPolicy,
        document_access: DocumentAccess,
        rules: HealthRules,
        now: Callable[[], float],
    ) -> None:
        self._records, self._publisher, self._channel_policy = records, publisher, channel_policy
        self._document_access = document_access
        self.rules, self.now = rules, now

    def may_write(self, identity: Identity, relationship_id: str) -> bool:
        """Return whether a user may give scores and facts of a relationship."""
        channel = channels.relationship(relationship_id)
        return access(identity, Right.WRITE, channel, self._channel_policy).allowed

    def may_read(self, identity: Identity, relationship_id: str) -> bool:
        """Return whether a user may read a relationship."""
        return self._publisher.shown_to(identity, (channels.relationship(relationship_id),))

    async def find(self, relationship_id: str) -> Relationship | None:
        """Return a relationship; None where nothing was ever said of it. Raises Unavailable."""
        record = (await self._records.find(core.KIND, [relationship_id])).get(relationship_id)
        return None if record is None else core.decode(record.body)

    async def give_score(self, relationship_id: str, said: ScoreBody, by: Identity, act: RecordAct) -> HealthResult:
        """Give a relationship a score. `act` records it before it is done.

        Raises QuotaExceeded, Unavailable, and the errors of `act`.
        """

        def step(before: Relationship, now: float) -> CourseStep:
            given = GivenScore(score=said.score, at=now, trigger=said.trigger, by=by.user_id)
            return after_score(before, given, self.rules.policy)

        recorded = _Recorded(
            "score_relationship", {"given": said.score, "trigger": said.trigger}, (), len(msgspec.json.encode(said))
        )
        return await self._change(relationship_id, step, by, act, recorded, said.recommendations)

    async def add_facts(
        self, relationship_id: str, said: Sequence[RelationshipFact], by: Identity, act: RecordAct
    ) -> HealthResult:
        """Take facts of a relationship; those that are known are passed over.

        Raises BadFactError, KnownFactError, QuotaExceeded, Unavailable, and the errors of `act`.
        """
        facts = await self._kept(relationship_id, said, by)

        def step(before: Relationship, now: float) -> CourseStep:
            return after_facts(before, facts, now, self.rules.policy)

        items = tuple(msgspec.json.encode(fact).decode() for fact in facts)
        recorded = _Recorded("add_facts", {"facts": len(facts)}, items, sum(map(len, items)))
        return await self._change(relationship_id, step, by, act, recorded)

    async def due(self, record: Record, now: float) -> None:
        """Let the time that passed move the score of a relationship. Raises Moved and Unavailable."""
        step = after_time(core.decode(record.body), now, self.rules.policy)
        after, events = self._told(step, None)
        await self._publisher.commit(events, [self._record(after, record.revision, now)])

    async def _change(
        self,
        relationship_id: str,
        step: Callable[[Relationship, float], CourseStep],
        by: Identity,
        act: RecordAct,
        recorded: _Recorded,
        recommendations: list[Text] | None = None,
    ) -> HealthResult:
        quotas, begun = self._publisher.quotas, False
        while True:
            record = (await self._records.find(core.KIND, [relationship_id])).get(relationship_id)
            before = core.begun(relationship_id) if record is None else core.decode(record.body)
            now = self.now()
            taken = step(before, now)
            if not begun:
                begun = True
                await act(recorded.act(before, taken.after))
                continue  # it may have moved meanwhile
            after, events = self._told(taken, recommendations)
            fresh = len(after.known.by_id().keys() - before.known.by_id().keys())
            if structs.replace(after, looked=before.looked) == before:
                return HealthResult(after, [], unchanged=True)
            cost = (0 if record is not None else 1, recorded.size)
            await quotas.charge(by.user_id, by.role, channels=cost[0], stored=cost[1])
            try:
                change = self._record(after, 0 if record is None else record.revision, now)
                results = await self._publisher.commit(events, [change])
            except BaseException as failed:
                quotas.give_back(by.user_id, channels=cost[0], stored=cost[1])
                if isinstance(failed, Moved):
                    continue
                raise
            return HealthResult(after, results, fresh)

    def _told(
        self, step: CourseStep, recommendations: list[Text] | None
    ) -> tuple[Relationship, list[tuple[str, Event]]]:
        """Return the relationship with its recommendations, and the event of a change of status."""
        after, change = step
        if after.status is not None and (
            change is not None or recommendations is not None or not after.recommendations
        ):
            if recommendations is None:
                recommendations = [*self.rules.words.recommendations(after.trigger, after.status)]
            after = structs.replace(after, recommendations=recommendations)
        if change is None:
            return after, []
        channel = channels.relationship(after.relationship_id)
        payload = RelationshipHealthPayload(
            relationship_id=after.relationship_id,
            previous_status=change.previous,
            new_status=change.new,
            score_change=change.score_change,
            current_score=change.score,
            trigger=change.trigger,
            recommendations=after.recommendations,
        )
        return after, [(channel, RelationshipHealthChange(channel=channel, payload=payload))]

    def _record(self, relationship: Relationship, revision: int, now: float) -> RecordChange:
        folded = core.folded(relationship, now, self.rules.policy)
        key = relationship.relationship_id
        return RecordChange(core.KIND, key, revision, folded.body, folded.labels, folded.order, due=folded.due)

    async def _kept(self, relationship_id: str, said: Sequence[RelationshipFact], by: Identity) -> list[KeptFact]:
        """Return facts as they are kept. Raises BadFactError and Unavailable."""
        latest = self.now() + MAX_AHEAD_SECONDS
        level = self._channel_policy.settings(channels.relationship(relationship_id)).level
        sources = {fact.source for fact in said if fact.source}
        readable = {source for source in sources if await self._document_access.may_read(by, source)}
        found = []
        for index, fact in enumerate(said):
            if fact.at > latest:
                raise BadFactError("A fact lies in the past: at is Unix seconds", index, "at")
            if (fact.hours is None) == (fact.kind == "response"):
                raise BadFactError("hours belongs to a response, and to no other kind", index, "hours")
            source: Level | None = None
            if fact.source:
                if fact.source not in readable:
                    text = "Insufficient permissions for the channel that this fact came from"
                    raise BadFactError(text, index, "source", forbidden=True)
                of_source = self._channel_policy.settings(fact.source).level
                if of_source > level:
                    text = "The source is classified above the relationship: raise the level of its channel first"
                    raise BadFactError(text, index, "source", forbidden=True)
                source = of_source.label  # type: ignore[assignment]  # labels are the Literal
            kept = KeptFact(fact.id, fact.kind, fact.at, fact.hours, fact.source, source)
            found.append(kept)
        return found


@dataclass(frozen=True, slots=True)
class _Recorded:
    """The content of an act: its verb, its facts and items, and the bytes that the user's quota is charged."""

    verb: Verb
    facts: dict[str, str | int | float | bool | None]
    items: tuple[str, ...]
    size: int

    def act(self, before: Relationship, after: Relationship) -> Act:
        return Act(
            self.verb,
            "relationship",
            before.relationship_id,
            channels.relationship(before.relationship_id),
            before={"score": before.score, "status": before.status},
            after=self.facts | {"score": after.score, "status": after.status},
            items=self.items,
        )

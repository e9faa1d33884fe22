"""Relationships over HTTP: giving scores and facts, reading them, and the reasons of a score.

Source: docs/protocol.md#relationships.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from app.services.errors import Unavailable
from app.services.quotas import QuotaExceeded
from app.services.relationships.health import BadFactError
from app.services.relationships.reading import relationship_row
from app.web.operators.operator_handler import OperatorHandler
from app.web.operators.pages import MAX_ROWS
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.http.relationships import FactsAnswer, FactsBody, RelationshipPage, ScoreBody
from dossier_realtime.recording.relationships.bands import ORDER
from dossier_realtime.recording.relationships.course import KnownFactError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from app.journal.acts import Verb
    from app.services.relationships.health import HealthResult, RelationshipHealth
    from dossier_realtime.protocol.authorization import Identity
    from dossier_realtime.recording.relationships.course import Relationship


class RelationshipCallHandler(OperatorHandler):
    """The checks and refusals that calls about relationships share."""

    @property
    def health(self) -> RelationshipHealth:
        """The service behind the calls."""
        return self.context.domain.relationships.health

    async def writer(self, relationship_id: str) -> Identity | None:
        """Return the caller, if they may write on the relationship's channel; answer where not."""
        identity = await self.authenticate()
        if identity is None or not self.check_id(relationship_id):
            return None
        self.level = self.policy.settings(channels.relationship(relationship_id)).level.label
        if not self.require(lambda: self.health.may_write(identity, relationship_id)):
            self.forbid()
            return None
        return identity

    async def read_relationship(self, relationship_id: str) -> tuple[Identity, Relationship] | None:
        """Return the caller and a relationship that they may read; answer where there is none."""
        identity = await self.authenticate()
        if identity is None or not self.check_id(relationship_id):
            return None
        self.level = self.policy.settings(channels.relationship(relationship_id)).level.label
        if not self.require(lambda: self.health.may_read(identity, relationship_id)):
            self.forbid()
            return None
        try:
            found = await self.health.find(relationship_id)
        except Unavailable:
            self.unavailable()
            return None
        if found is None:
            self.refuse(404, ErrorCode.NOT_FOUND, "Nothing is known of this relationship: give it a score or facts")
            return None
        return identity, found

    async def change(self, work: Callable[[], Awaitable[HealthResult]]) -> HealthResult | None:
        """Return the relationship after a change that was recorded; answer where it cannot be made."""
        started = self.now()
        try:
            result = await work()
        except BadFactError as wrong:
            if wrong.forbidden:
                self.refuse(403, ErrorCode.PERMISSION_DENIED, str(wrong), path=wrong.path)
            else:
                self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, str(wrong), path=wrong.path)
        except KnownFactError as known:
            path = f"$.facts[{known.index}].id"
            self.refuse(409, ErrorCode.INVALID_MESSAGE_FORMAT, str(known), path=path)
        except QuotaExceeded as enough:
            if enough.retry_after is not None:
                self.set_header("Retry-After", str(enough.retry_after))
            self.refuse(400 if enough.retry_after is None else 429, enough.code, str(enough))
        except Unavailable:
            self.unavailable()
        else:
            self.unchanged = result.unchanged
            if result.results:
                self.record_published(result.results, started)
            return result
        return None


class RelationshipListHandler(RelationshipCallHandler):
    """`GET /v1/relationships?after=&limit=&status=`: those that the caller may read, the worst score first."""

    polled = True

    async def get(self) -> None:
        """Answer with a page."""
        identity = await self.authenticate()
        limit = None if identity is None else self.query_number("limit", MAX_ROWS, 1, MAX_ROWS)
        if identity is None or limit is None:
            return
        reading = self.context.domain.relationships.reading
        asked, status = self.get_query_argument("after", ""), self.get_query_argument("status", "")
        after = reading.place(asked)
        if asked and after is None:
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, "after is what `next` of the page before says")
            return
        if status and status not in ORDER:
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, f"status is one of {', '.join(ORDER)}")
            return
        try:
            page = await reading.page(identity, status, after, limit)
        except Unavailable:
            self.unavailable()
            return
        rows = [row for row in page.rows if self.health.may_read(identity, row.relationship_id)]
        self.answer(RelationshipPage(rows, page.more))


class RelationshipHandler(RelationshipCallHandler):
    """`GET /v1/relationships/{id}`."""

    async def get(self, relationship_id: str) -> None:
        """Answer with the score and the status."""
        found = await self.read_relationship(relationship_id)
        if found is not None:
            self.answer(relationship_row(found[1]))


class RelationshipWhyHandler(RelationshipCallHandler):
    """`GET /v1/relationships/{id}/why`: which facts moved the score, by how much and since when."""

    async def get(self, relationship_id: str) -> None:
        """Answer with the reasons of the score."""
        found = await self.read_relationship(relationship_id)
        if found is not None:
            identity, relationship = found
            reading = self.context.domain.relationships.reading
            self.answer(reading.why(relationship, identity, self.health.now()))


class RelationshipScoreHandler(RelationshipCallHandler):
    """`POST /v1/relationships/{id}/score`: a score that is given."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"post": ("score_relationship",)}

    async def post(self, relationship_id: str) -> None:
        """Give the score; a change of status is published."""
        identity = await self.writer(relationship_id)
        body = None if identity is None else self.read_body(ScoreBody)
        if identity is None or body is None:
            return
        result = await self.change(lambda: self.health.give_score(relationship_id, body, identity, self.act))
        if result is not None:
            self.answer(relationship_row(result.relationship))


class RelationshipFactsHandler(RelationshipCallHandler):
    """`POST /v1/relationships/{id}/facts`: facts that the score is computed from."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"post": ("add_facts",)}

    async def post(self, relationship_id: str) -> None:
        """Take the facts, all or none; those that are known are passed over."""
        identity = await self.writer(relationship_id)
        body = None if identity is None else self.read_body(FactsBody)
        if identity is None or body is None:
            return
        for index, fact in enumerate(body.facts):
            if fact.source and not channels.is_channel(fact.source):
                text = "source is the name of a channel, such as dossier:mou:m1"
                self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, text, path=f"$.facts[{index}].source")
                return
        result = await self.change(lambda: self.health.add_facts(relationship_id, body.facts, identity, self.act))
        if result is not None:
            self.answer(FactsAnswer(relationship=relationship_row(result.relationship), taken=result.taken))

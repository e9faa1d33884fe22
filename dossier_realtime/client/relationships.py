"""Relationships over HTTP: giving scores and facts, and the reasons of a score (docs/protocol.md#relationships)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from urllib.parse import quote, urlencode

from dossier_realtime.protocol.fields import Health, Text
from dossier_realtime.protocol.http.relationships import (
    FactsAnswer,
    FactsBody,
    RelationshipFact,
    RelationshipPage,
    RelationshipRow,
    ScoreBody,
    WhyAnswer,
)

from .io.service_calls import ServiceCalls


class Relationships(ServiceCalls):
    """The health of relationships, for the user whom the token names.

        async with Relationships(token, "https://realtime.example") as relationships:
            await relationships.add_facts("r-17", [RelationshipFact(id="visit-3", kind="engagement", at=1798000000)])
            print((await relationships.why("r-17")).moved)

    `base_url` is without `/v1`; `http://` only to this machine, unless `insecure`. Every call raises PublishError where
    the service refuses it, AuthFailed and ConnectFailed. Times are Unix seconds. Changes of status come on
    `relationship:{id}`.
    """

    async def score(
        self,
        relationship_id: str,
        score: int,
        *,
        trigger: str = "score_given",
        recommendations: Sequence[Text] | None = None,
    ) -> RelationshipRow:
        """Give a score of 0 to 100. Without recommendations, those of the service's table are taken."""
        said = None if recommendations is None else list(recommendations)
        body = ScoreBody(score=score, trigger=trigger, recommendations=said)
        return await self._ask("POST", _path(relationship_id, "/score"), RelationshipRow, body)

    async def add_facts(self, relationship_id: str, facts: Sequence[RelationshipFact]) -> FactsAnswer:
        """Add 1 to 50 facts, all or none; those that are known by their id change nothing."""
        return await self._ask("POST", _path(relationship_id, "/facts"), FactsAnswer, FactsBody(list(facts)))

    async def get(self, relationship_id: str) -> RelationshipRow:
        """Return the score and the status."""
        return await self._ask("GET", _path(relationship_id), RelationshipRow)

    async def why(self, relationship_id: str) -> WhyAnswer:
        """Return which facts moved the score, by how much and since when, and what is unknown."""
        return await self._ask("GET", _path(relationship_id, "/why"), WhyAnswer)

    async def list(self, *, status: Health | None = None) -> AsyncIterator[RelationshipRow]:
        """Yield the relationships that one may read, of a status or all: the worst score first."""
        after = ""
        while True:
            query = {name: text for name, text in (("status", status), ("after", after)) if text}
            page = await self._ask("GET", f"/v1/relationships?{urlencode(query)}", RelationshipPage)
            for row in page.relationships:
                yield row
            if page.next is None:
                return
            after = page.next


def _path(relationship_id: str, call: str = "") -> str:
    return f"/v1/relationships/{quote(relationship_id, safe='')}{call}"

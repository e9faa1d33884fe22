"""Relationships over HTTP: giving scores and facts, and the reasons of a score (docs/protocol.md#relationships)."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Sequence
from typing import Self, TypeVar
from urllib.parse import quote, urlencode

import msgspec

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

from .io.endpoint import TokenSource
from .io.http_calls import HttpCalls

T = TypeVar("T")


class Relationships:
    """The health of relationships, for the user whom the token names.

        async with Relationships(token, "https://realtime.example") as relationships:
            await relationships.add_facts("r-17", [RelationshipFact(id="visit-3", kind="engagement", at=1798000000)])
            print((await relationships.why("r-17")).moved)

    `base_url` is without `/v1`; `http://` only to this machine, unless `insecure`. Every call raises PublishError where
    the service refuses it, AuthFailed and ConnectFailed. Times are Unix seconds. Changes of status come on
    `relationship:{id}`.
    """

    def __init__(
        self,
        token: TokenSource,
        base_url: str,
        *,
        insecure: bool = False,
        ssl_context: ssl.SSLContext | None = None,
        timeout: float = 10.0,
    ) -> None:
        self._calls = HttpCalls(token, base_url, insecure=insecure, ssl_context=ssl_context, timeout=timeout)

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

    async def close(self) -> None:
        """Close the connections."""
        self._calls.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _ask(self, method: str, path: str, form: type[T], body: object = None) -> T:
        sent = None if body is None else msgspec.json.encode(body)
        return msgspec.json.decode(await self._calls.call(method, path, sent), type=form)


def _path(relationship_id: str, call: str = "") -> str:
    return f"/v1/relationships/{quote(relationship_id, safe='')}{call}"

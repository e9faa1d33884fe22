"""Briefs in Redis: records that change with the events about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from app.core.domain.briefs import Brief
from app.engine.facts.briefs import cancelled, given_to_service
from app.engine.ports.errors import Moved
from app.engine.ports.events import PublicationEntry, PublishResult
from app.engine.ports.records import RecordChange
from app.engine.redis.domain.facts import BRIEF, BriefBody, FactStore, brief_body
from app.engine.redis.log.broker import RedisBroker


class RedisBriefs:
    """`ports.BriefStore`."""

    def __init__(self, facts: FactStore, broker: RedisBroker) -> None:
        self._facts, self._broker = facts, broker

    async def find(self, request_id: str) -> Brief | None:
        record = (await self._facts.records.find(BRIEF, [request_id])).get(request_id)
        return None if record is None else brief_body(record).brief(request_id)

    async def cancel(
        self, brief: Brief, entries: Sequence[PublicationEntry], changes: Sequence[RecordChange] = ()
    ) -> list[PublishResult]:
        return await self._end(brief, entries, changes, cancelled, lambda body: True)

    async def silent(self, seconds: float, limit: int) -> list[Brief]:
        found = await self._facts.records.due(BRIEF, self._facts.now() - seconds, limit)
        return [brief_body(record).brief(record.key) for record in found]

    async def fail_silent(
        self,
        brief: Brief,
        seconds: float,
        entries: Sequence[PublicationEntry],
        changes: Sequence[RecordChange] = (),
    ) -> list[PublishResult]:
        until = self._facts.now() - seconds
        return await self._end(brief, entries, changes, given_to_service, lambda body: body.changed <= until)

    async def _end(
        self,
        brief: Brief,
        entries: Sequence[PublicationEntry],
        changes: Sequence[RecordChange],
        ended: Callable[[Brief], Brief],
        holds: Callable[[BriefBody], bool],
    ) -> list[PublishResult]:
        """Publish, and keep the brief as `ended` returns it after the facts of the entries. Raises Moved."""
        request_id = brief.request_id
        facts = [entry.domain_fact for entry in entries if entry.domain_fact is not None]

        async def decide() -> Sequence[RecordChange]:
            state = await self._facts.read(facts, [(BRIEF, request_id)])
            body = state.briefs[request_id]
            if body is None or body.brief(request_id) != brief or not holds(body):
                raise Moved(request_id)
            state.take(facts)
            after = state.brief(request_id)
            assert after is not None  # noqa: S101  a step removes no brief
            state.put_brief(ended(after))
            return state.changes()

        return await self._broker.commit(entries, None, changes, decide)

"""Alerts of commitments in Redis: records that change with the events about them."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.domain.alerts import Alert
from app.core.domain.commitments.commitment import KIND as COMMITMENT
from app.core.domain.commitments.commitment import labelled_mou
from app.core.domain.ownership import Claim
from app.engine.facts.alerts import registered_claim
from app.engine.ports.errors import Moved
from app.engine.ports.events import PublicationEntry, PublishResult
from app.engine.ports.records import RecordChange
from app.engine.redis.domain.facts import ALERT, FactStore, alert_body
from app.engine.redis.log.broker import RedisBroker


class RedisAlerts:
    """`ports.AlertStore`."""

    def __init__(self, facts: FactStore, broker: RedisBroker) -> None:
        self._facts, self._broker = facts, broker

    async def find(self, commitment_id: str) -> Alert | None:
        record = (await self._facts.records.find(ALERT, [commitment_id])).get(commitment_id)
        return None if record is None else alert_body(record).alert(commitment_id)

    async def claim(self, commitment_id: str) -> Claim | None:
        names = [(COMMITMENT, commitment_id), (ALERT, commitment_id)]
        registered, told = await self._facts.records.found(names)
        if registered is not None:
            return registered_claim(labelled_mou("\n".join(registered.labels)))
        return None if told is None else alert_body(told).said

    async def acknowledge(
        self, alert: Alert, by: str, entries: Sequence[PublicationEntry], changes: Sequence[RecordChange] = ()
    ) -> list[PublishResult]:
        facts = [entry.domain_fact for entry in entries if entry.domain_fact is not None]

        async def decide() -> Sequence[RecordChange]:
            state = await self._facts.read(facts, [(ALERT, alert.commitment_id)])
            if state.alert(alert.commitment_id) != alert:
                raise Moved(alert.commitment_id)
            state.take(facts)
            state.acknowledge(alert.commitment_id, by)
            return state.changes()

        return await self._broker.commit(entries, None, changes, decide)

    async def restart(self, commitment_id: str, changes: Sequence[RecordChange]) -> None:
        async def decide() -> Sequence[RecordChange]:
            record = (await self._facts.records.find(ALERT, [commitment_id])).get(commitment_id)
            return [] if record is None else [RecordChange(ALERT, commitment_id, record.revision, None)]

        await self._broker.commit((), None, changes, decide)

"""Publishing: encode once, commit, deliver (decisions, section 5). The socket and HTTP both come here."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from app.core.alerts import Alerted, alerted
from app.core.briefs import step
from app.engine.ports import Entry, IdempotencyKey, Placed, Unavailable
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.namespaces import namespace_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.engine.ports import AlertStore, Broker
    from dossier_realtime.protocol.classification import ChannelPolicy
    from dossier_realtime.protocol.events import Event
    from dossier_realtime.recording.digest import Digest


class Publisher:
    """Takes events that were judged and stamped."""

    def __init__(
        self,
        broker: Broker,
        alerts: AlertStore,
        policy: ChannelPolicy,
        digest: Digest,
        journal_ready: Callable[[], bool],
    ) -> None:
        self._broker = broker
        self._alerts = alerts
        self._policy = policy
        self._digest = digest
        self._journal_ready = journal_ready

    async def publish(self, events: Sequence[tuple[str, Event]], key: IdempotencyKey | None = None) -> list[Placed]:
        """Commit (channel, event) pairs, all or none; returns when they are durable and delivered.

        Raises KeyConflict, BriefCancelled, and Unavailable where the store or the journal cannot take a change now.
        """
        entries = self.entries(events)
        placed = await self._broker.publish(entries, key)
        if not any(place.repeated for place in placed):
            for _, event in events:
                self._digest.published(event)
            await self.tell_alerts({entry.fact.commitment_id for entry in entries if isinstance(entry.fact, Alerted)})
        return placed

    def entries(self, events: Sequence[tuple[str, Event]]) -> list[Entry]:
        """(channel, event) pairs as the engine takes them. Raises Unavailable where the journal takes no change."""
        if not self._journal_ready():
            raise Unavailable("the journal cannot be written")
        return [
            Entry(
                channel,
                codec.encode(event),
                namespace_of(channel).history and self._policy.settings(channel).history,
                fact=alerted(channel, event) or step(channel, event),
            )
            for channel, event in events
        ]

    async def tell_alerts(self, commitment_ids: set[str]) -> None:
        """Tell operators how alerts stand: one that was heard of again may be in hand already. Always read anew, so
        that of two changes at once the later is told last."""
        with suppress(Unavailable):
            for commitment_id in commitment_ids:
                alert = await self._alerts.find(commitment_id)
                if alert is not None:
                    self._digest.alert(alert.state)

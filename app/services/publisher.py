"""Publishing: encode once, commit, deliver (docs/protocol.md#sending-events). The socket and HTTP both come here."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from app.core.domain.alerts import AlertRecipient, alert_recipient, mou_channels
from app.core.domain.briefs import transition
from app.core.domain.errors import DomainFactError
from app.core.domain.ownership import OF_THE_SERVICE, Authority, Claim, claim_on_brief, claim_on_commitment
from app.engine.delivery_rules import TO_EVERYBODY, DeliveryRules
from app.engine.ports.errors import Moved, Unavailable
from app.engine.ports.events import IdempotencyKey, PublicationEntry, PublishResult
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.authorization import Fact, may_see
from dossier_realtime.protocol.classification import Clearance
from dossier_realtime.protocol.events import BriefProgress, BriefStarted, CommitmentAlert
from dossier_realtime.protocol.namespaces import namespace_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.core.domain.domain_facts import DomainFact
    from app.engine.ports.domain import AlertStore
    from app.engine.ports.events import Broker
    from app.engine.ports.records import RecordChange
    from dossier_realtime.protocol.authorization import Identity
    from dossier_realtime.protocol.classification import ChannelPolicy
    from dossier_realtime.protocol.events import Event
    from dossier_realtime.recording.ops.ops_aggregator import OpsAggregator

    from .domain.projections import Projections
    from .quotas import Quotas

__all__ = ["EventPublisher", "IdempotencyKey", "PublishResult"]


class PreparedEvents(NamedTuple):
    """Events as the engine takes them, and the changes of records that belong into their commit."""

    entries: list[PublicationEntry]
    changes: tuple[RecordChange, ...]


class EventPublisher:
    """The publication of events that were authorized and stamped."""

    def __init__(
        self,
        broker: Broker,
        alerts: AlertStore,
        policy: ChannelPolicy,
        aggregator: OpsAggregator,
        journal_ready: Callable[[], bool],
        quotas: Quotas,
        projections: Projections,
    ) -> None:
        self._broker = broker
        self._alerts = alerts
        self._policy = policy
        self._aggregator = aggregator
        self._journal_ready = journal_ready
        self.quotas = quotas
        self._projections = projections
        self._when_changed: Callable[[Sequence[RecordChange]], None] | None = None

    def report_changes(self, to: Callable[[Sequence[RecordChange]], None]) -> None:
        """Report changes of records, once they are committed, to the clock that knows when records are due."""
        self._when_changed = to

    async def publish(
        self,
        events: Sequence[tuple[str, Event]],
        by: Identity,
        key: IdempotencyKey | None = None,
        changes: Sequence[RecordChange] = (),
    ) -> list[PublishResult]:
        """Commit (channel, event) pairs of one sender, all or none; returns when they are durable and delivered.

        `changes` of records are made in the same commit. Raises QuotaExceeded, KeyConflict, DomainFactError, Moved, and
        Unavailable where the store or the journal cannot take a change now.
        """
        entries = self.entries(events, by)
        kept = [entry for entry in entries if entry.durable]
        stored = sum(len(entry.body) for entry in kept)
        begun = len({entry.channel for entry in kept if not self._broker.is_begun(entry.channel)})
        await self.quotas.charge(by.user_id, by.role, channels=begun, stored=stored)
        results: list[PublishResult] = []
        try:
            results = await self._committed(events, entries, key, changes, by)
        finally:
            is_kept = bool(results) and not results[0].repeated
            if begun or not is_kept:
                # An event on its way, or of another node, may have begun a channel that was not known to be.
                began = len({one.channel for one in results if one.offset == 1}) if is_kept else 0
                self.quotas.give_back(by.user_id, channels=max(0, begun - began), stored=0 if is_kept else stored)
        await self._report(events, entries, results)
        return results

    async def commit(
        self,
        events: Sequence[tuple[str, Event]],
        changes: Sequence[RecordChange] = (),
        key: IdempotencyKey | None = None,
        level: Clearance = Clearance.PUBLIC,
    ) -> list[PublishResult]:
        """Commit (channel, event) pairs of the service itself with changes of records, all or none.

        `level`: the classification of what they say, where it is above that of their channels; operators see it by
        that. Returns when they are durable and delivered. Raises KeyConflict, DomainFactError, Moved and Unavailable.
        """
        entries = self.entries(events)
        results = await self._committed(events, entries, key, changes)
        await self._report(events, entries, results, level)
        return results

    async def restart_alert(self, commitment_id: str, change: RecordChange) -> None:
        """Commit that the clock of a commitment begins anew: what was alerted of it before is forgotten with that.

        Raises Moved and Unavailable.
        """
        self.entries(())  # the journal takes changes
        await self._alerts.restart(commitment_id, [change])
        self._changed([change])

    async def prepared(self, events: Sequence[tuple[str, Event]]) -> PreparedEvents:
        """Return events of the service itself for the commit of another store, with the records that follow from them.

        Raises Unavailable where the journal takes no change.
        """
        entries = self.entries(events)
        return PreparedEvents(entries, tuple(await self._projections.changes(events, _claims(entries))))

    async def _committed(
        self,
        events: Sequence[tuple[str, Event]],
        entries: Sequence[PublicationEntry],
        key: IdempotencyKey | None,
        changes: Sequence[RecordChange],
        by: Identity | None = None,
    ) -> list[PublishResult]:
        """Commit the events, the given changes of records, and those that follow from the events.

        A record that is given is not folded too: its service has decided what it is after the events.
        """
        given = {(change.kind, change.key) for change in changes}
        rested_on: list[tuple[str, str, int]] | None = None
        while True:
            before = rested_on
            try:
                folded = await self._projections.changes(events, _claims(entries, by))
                projected = [change for change in folded if (change.kind, change.key) not in given]
                rested_on = [(change.kind, change.key, change.revision) for change in projected]
            except DomainFactError:
                # A repeated send was possible when it came first: it gets its first answer.
                results = None if key is None else await self._broker.repeated(key)
                if results is None:
                    raise
                return results
            try:
                results = await self._broker.publish(entries, key, (*changes, *projected))
            except Moved:
                # By their revisions alone: what is folded holds times, and is another one at each attempt.
                if rested_on == before or not projected:
                    raise  # of the given changes: their decision is to be made again
                continue
            self._changed((*changes, *projected))
            return results

    def _changed(self, changes: Sequence[RecordChange]) -> None:
        if self._when_changed is not None:
            self._when_changed(changes)

    async def _report(
        self,
        events: Sequence[tuple[str, Event]],
        entries: Sequence[PublicationEntry],
        results: Sequence[PublishResult],
        level: Clearance = Clearance.PUBLIC,
    ) -> None:
        if any(result.repeated for result in results):
            return
        own = Fact((), level)
        for channel, event in events:
            self._aggregator.published(event, self.fact(channel, event).joined(own))
        alerted = {fact.commitment_id for entry in entries if isinstance(fact := entry.domain_fact, AlertRecipient)}
        await self.report_alerts(alerted, level)

    def fact(self, channel: str, event: Event) -> Fact:
        """Return the channels that an event is about, its own and an MoU's, with their highest level now."""
        about = mou_channels(event.payload.mou_id) if isinstance(event, CommitmentAlert) else ()
        return self.derived((channel, *about))

    def keeps_presence(self, channel: str) -> bool:
        """Return whether it is known who has a channel open."""
        return namespace_of(channel).presence and self._policy.settings(channel).presence

    def derived(self, channels: tuple[str, ...]) -> Fact:
        """Return the fact that something was derived from these channels, with their highest level now."""
        return Fact(channels, max(self._policy.settings(channel).level for channel in channels))

    def shown_to(self, identity: Identity, channels: tuple[str, ...], level: Clearance = Clearance.PUBLIC) -> bool:
        """Return whether facts of this level at least, derived from these channels, may be shown to a user."""
        return may_see(identity, Fact(channels, level), self._policy.settings)

    def entries(self, events: Sequence[tuple[str, Event]], by: Identity | None = None) -> list[PublicationEntry]:
        """Return (channel, event) pairs as the engine takes them. `by`: their sender; None: the service itself.

        Records that follow from them are not looked for; `prepared` does that. Raises Unavailable where the journal
        takes no change.
        """
        if not self._journal_ready():
            raise Unavailable("the journal cannot be written")
        return [
            PublicationEntry(
                channel,
                codec.encode(event),
                namespace_of(channel).history and self._policy.settings(channel).history,
                delivery=_rules(event),
                domain_fact=self._domain_fact(channel, event, by),
            )
            for channel, event in events
        ]

    async def report_alerts(self, commitment_ids: set[str], level: Clearance = Clearance.PUBLIC) -> None:
        """Report the state of alerts to operators. `level`: as for `commit`.

        Each is read anew, so that of two changes at once the later is reported last; an alert that is raised again may
        be acknowledged already.
        """
        with suppress(Unavailable):
            for commitment_id in commitment_ids:
                alert = await self._alerts.find(commitment_id)
                if alert is not None:
                    self._aggregator.alert(alert.state, self.derived(alert.channels).joined(Fact((), level)))

    def _domain_fact(self, channel: str, event: Event, by: Identity | None) -> DomainFact | None:
        if isinstance(event, CommitmentAlert):
            # What the service raises, it raises for the MoU that the commitment was registered for.
            mou_id = event.payload.mou_id
            claim = Claim(Authority.MOU, "", mou_id) if by is None else claim_on_commitment(by, mou_id, self._policy)
            return alert_recipient(channel, event, claim)
        if by is None:
            return transition(channel, event, OF_THE_SERVICE if isinstance(event, BriefStarted) else None)
        return transition(channel, event, claim_on_brief(by))


def _claims(entries: Sequence[PublicationEntry], by: Identity | None = None) -> list[Claim]:
    """Return the claims of the sender of entries on the ids that they name. `by`: None for the service itself."""
    if by is None:
        return [OF_THE_SERVICE] * len(entries)
    on_users = claim_on_brief(by)
    return [(entry.domain_fact.claim if entry.domain_fact else None) or on_users for entry in entries]


def _rules(event: Event) -> DeliveryRules:
    """Return the delivery rules of an event: a slow reader gets only the latest progress of a brief."""
    if isinstance(event, BriefProgress):
        return DeliveryRules(conflation_key=("progress", event.request_id))
    return TO_EVERYBODY

"""Acknowledging alerts of commitments: over the socket by alerted users, over HTTP by operators too."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.core.domain import alerts as core
from app.core.domain.commitments import commitment as commitments
from app.engine.ports.errors import Moved
from app.journal.acts import Act
from app.journal.initiator import CallText
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.classification import Clearance

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.core.domain.alerts import Alert
    from app.engine.ports.domain import AlertStore
    from app.engine.ports.events import PublishResult
    from app.engine.ports.records import RecordChange
    from app.journal.acts import RecordAct
    from app.services.publisher import EventPublisher
    from dossier_realtime.protocol.authorization import Identity
    from dossier_realtime.recording.commitments.ladder import AlertPolicy
    from dossier_realtime.recording.ops.ops_aggregator import OpsAggregator

    from .ledger import CommitmentLedger


class AcknowledgedAlert(NamedTuple):
    """An alert that is acknowledged, and the results of publishing that; none where it was acknowledged before.

    `level`: the highest of the channels that it was derived from, and of its commitment.
    """

    alert: Alert
    results: list[PublishResult]
    level: Clearance


class Alerts:
    """The acknowledgement of alerts; their recipients are kept with the events that `EventPublisher` commits."""

    def __init__(
        self,
        store: AlertStore,
        ledger: CommitmentLedger,
        publisher: EventPublisher,
        aggregator: OpsAggregator,
        now: Callable[[], float],
    ) -> None:
        self._store, self._ledger, self._now = store, ledger, now
        self._publisher = publisher
        self._aggregator = aggregator

    @property
    def policy(self) -> AlertPolicy:
        """The calendar and the days before a deadline that are configured."""
        return self._ledger.policy

    async def acknowledge(
        self, commitment_id: str, by: Identity, act: RecordAct, why: str = "", *, on_behalf: bool = False
    ) -> AcknowledgedAlert | None:
        """Acknowledge an alert, and notify all users who were alerted.

        Return None where there is no alert that the user received and may see. `on_behalf`: by an operator, who need
        not have been alerted, but must be cleared for all channels that the alert was derived from, and for the
        commitment where it is registered. `act` records it before it is done; `why` is kept with the step of a
        registered commitment. Raises Unavailable, and the errors of `act`.
        """
        user_id, recorded = by.user_id, False
        while True:
            alert = await self._store.find(commitment_id)
            held = await self._ledger.find(commitment_id)
            own = Clearance.parse("public" if held is None else held.commitment.said.classification)
            if alert is None or not (self._is_recipient(alert, by) or (on_behalf and self._sees(alert, by, own))):
                return None
            taken = core.acknowledged(alert, user_id)
            derived = self._publisher.derived(alert.channels)
            if not recorded:
                recorded = True
                await act(_act(alert, taken, why, withholds_reason=own > derived.level))
                continue  # it may have moved meanwhile
            changes = await self._stopped(commitment_id, user_id, why)
            if taken == alert and not changes:
                return AcknowledgedAlert(alert, [], max(own, derived.level))
            try:
                ready = await self._publisher.prepared(taken.events())
                results = await self._store.acknowledge(alert, user_id, ready.entries, (*changes, *ready.changes))
            except Moved:
                continue  # acknowledged by another user, or more users were alerted: decide again
            self._aggregator.count("alerts", "acknowledged", fact=derived)
            await self._publisher.report_alerts({commitment_id}, own)
            return AcknowledgedAlert(taken, results, max(own, derived.level))

    async def _stopped(self, commitment_id: str, by: str, why: str) -> list[RecordChange]:
        """Return the change that stops the climb of a commitment, where it is registered and climbs."""
        held = await self._ledger.find(commitment_id)
        if held is None or held.commitment.state != "open" or not held.commitment.level:
            return []
        now = self._now()
        hand = commitments.Hand(int(now), by, "acknowledge", why)
        after = commitments.handled(commitments.acknowledged(held.commitment, by), hand)
        return [self._ledger.change(after, held.revision, now)]

    def _is_recipient(self, alert: Alert, by: Identity) -> bool:
        return by.user_id in alert.recipients and self._publisher.shown_to(by, (channels.user(by.user_id),))

    def _sees(self, alert: Alert, by: Identity, level: Clearance) -> bool:
        return self._publisher.shown_to(by, alert.channels, level)


def _act(alert: Alert, taken: Alert, why: str, *, withholds_reason: bool) -> Act:
    return Act(
        "acknowledge_alert",
        "commitment",
        alert.commitment_id,
        channels=alert.channels,
        before=alert.state,
        after=taken.state,
        text=CallText(reason="" if withholds_reason else why),
        withholds_reason=withholds_reason,
    )

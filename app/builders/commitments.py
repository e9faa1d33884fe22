"""Commitments, built from the configuration: the calendar, the clock that raises levels, the registry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.configuration.office_calendar import alert_policy
from app.services.commitments.alerts import Alerts
from app.services.commitments.clearances import Clearances
from app.services.commitments.climbing import Climbing
from app.services.commitments.ledger import CommitmentLedger
from app.services.commitments.registry import CommitmentRegistry
from app.services.commitments.replanning import Replanning
from app.services.commitments.standing import StandingCommitments

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.configuration.settings import CommitmentSettings
    from app.engine.ports.engine import Engine
    from app.services.publisher import EventPublisher
    from dossier_realtime.protocol.classification import ChannelPolicy
    from dossier_realtime.recording.ops.ops_aggregator import OpsAggregator


@dataclass(frozen=True, slots=True)
class CommitmentParts:
    """The services of commitments."""

    registry: CommitmentRegistry
    standing: StandingCommitments
    alerts: Alerts
    climbing: Climbing
    clearances: Clearances
    replanning: Replanning


def commitment_parts(
    engine: Engine,
    settings: CommitmentSettings,
    publisher: EventPublisher,
    channel_policy: ChannelPolicy,
    aggregator: OpsAggregator,
    now: Callable[[], float],
) -> CommitmentParts:
    """Return the services of commitments under the policy that is configured."""
    ledger = CommitmentLedger(engine.records, alert_policy(settings))
    clearances = Clearances(engine.records, engine.broker, now)
    climbing = Climbing(ledger, engine.alerts, publisher, clearances, channel_policy, now)
    registry = CommitmentRegistry(ledger, climbing, engine.alerts, publisher, now)
    alerts = Alerts(engine.alerts, ledger, publisher, aggregator, now)
    standing = StandingCommitments(registry, engine.records, publisher)
    replanning = Replanning(engine.records, ledger, publisher, now)
    return CommitmentParts(registry, standing, alerts, climbing, clearances, replanning)

"""Commitments, built from the configuration: the calendar, the clock that raises levels, the registry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from app.services.commitments.alerts import Alerts
from app.services.commitments.clearances import Clearances
from app.services.commitments.climbing import Climbing
from app.services.commitments.ledger import CommitmentLedger
from app.services.commitments.registry import Commitments
from dossier_realtime.recording.commitments.dry_run import days_of
from dossier_realtime.recording.commitments.ladder import AlertPolicy
from dossier_realtime.recording.commitments.work_calendar import Holiday, WorkCalendar

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

    registry: Commitments
    alerts: Alerts
    climbing: Climbing
    clearances: Clearances


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
    climbing = Climbing(ledger, engine.alerts, publisher, clearances, channel_policy)
    registry = Commitments(ledger, climbing, engine.alerts, publisher, now)
    alerts = Alerts(engine.alerts, ledger, publisher, aggregator, now)
    return CommitmentParts(registry, alerts, climbing, clearances)


def alert_policy(settings: CommitmentSettings) -> AlertPolicy:
    """Return the calendar and the days before a deadline that are configured."""
    return AlertPolicy(
        work_calendar(settings), {kind: days_of(days) for kind, days in sorted(settings.days_before.items())}
    )


def work_calendar(settings: CommitmentSettings) -> WorkCalendar:
    """Return the calendar of the office."""
    holidays = []
    for row in settings.holidays:
        *year, month, day = (int(part) for part in row.date.split("-"))
        holidays.append(Holiday(row.calendar, month, day, row.days, row.en, row.ar, year[0] if year else 0))
    return WorkCalendar(
        ZoneInfo(settings.time_zone),
        frozenset(settings.working_days),
        time.fromisoformat(settings.opens),
        time.fromisoformat(settings.closes),
        tuple(holidays),
    )

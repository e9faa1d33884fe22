"""The calendar of the office and the moments of alerts, as the configuration sets them."""

from __future__ import annotations

from datetime import time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from dossier_realtime.recording.commitments.dry_run import days_of
from dossier_realtime.recording.commitments.ladder import AlertPolicy
from dossier_realtime.recording.commitments.work_calendar import Holiday, WorkCalendar

if TYPE_CHECKING:
    from app.configuration.settings import CommitmentSettings


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

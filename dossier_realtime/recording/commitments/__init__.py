"""Commitments of a recording, and the alerts that they would raise under any policy: a dry run."""

from .ladder import AlertPolicy
from .recorded import planned_alerts
from .work_calendar import WorkCalendar

__all__ = ["AlertPolicy", "WorkCalendar", "planned_alerts"]

"""The moments at which the deadline of a commitment is raised, level by level (docs/protocol.md#commitments). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

from .work_calendar import WorkCalendar

LEVELS: Final = (1, 2, 3)
URGENT_LEVEL: Final = 3
Days = tuple[int, int, int]
"""Days before the deadline of the levels 1, 2 and 3."""


@dataclass(frozen=True)
class AlertPolicy:
    """The calendar of the office, and the days before the deadline by type of MoU."""

    calendar: WorkCalendar
    days_before: Mapping[str, Days]

    def moment(self, mou_type: str, due: date, level: int) -> float:
        """Return when a level is due (Unix seconds).

        It is so many days before the deadline, at the beginning of working hours; where that day is off, on the last
        working day before it. The last level is urgent: it waits for neither, and is due as its day begins.

        Raises KeyError for a type of MoU that is not configured.
        """
        day = _earlier(due, self.days_before[mou_type][level - 1])
        if level == URGENT_LEVEL:
            return self.calendar.midnight(day)
        return self.calendar.opening(self.calendar.working_day_until(day))

    def moments(self, mou_type: str, due: date) -> tuple[float, float, float]:
        """Return when the levels are due, each no earlier than the one before. Raises KeyError."""
        first = self.moment(mou_type, due, 1)
        second = max(first, self.moment(mou_type, due, 2))
        return first, second, max(second, self.moment(mou_type, due, 3))

    def days_left(self, due: date, moment: float) -> int:
        """Return the days from a moment (Unix seconds) to the deadline, as the office counts them; below 0: over."""
        return (due - self.calendar.local(moment).date()).days


def priority(level: int) -> Literal["high", "urgent"]:
    """Return the priority of an alert."""
    return "urgent" if level >= URGENT_LEVEL else "high"


def _earlier(due: date, days: int) -> date:
    try:
        return due - timedelta(days=days)
    except OverflowError:
        return date.min

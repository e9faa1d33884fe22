"""One page of a dry run over many commitments: the earliest alerts behind a place, without the others in memory. Pure.

Commitments come in the order of their deadlines. A later deadline raises nothing earlier, so that a page is complete
before all of them are looked at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Generic, NamedTuple, Self, TypeVar

from .dry_run import Deadline, PlannedAlert, planned
from .ladder import AlertPolicy

T = TypeVar("T")
_PLACE: Final = re.compile(r"(-?[0-9]{1,12})~([1-3])~(.{1,128})", re.DOTALL)


class AlertPlace(NamedTuple):
    """The place of an alert in a dry run: by its time (Unix seconds), its commitment and its level."""

    at: int
    commitment_id: str
    level: int

    @property
    def text(self) -> str:
        """The place as the `next` of a page says it."""
        return f"{self.at}~{self.level}~{self.commitment_id}"

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return the place that the `text` of one says; None for any other text."""
        found = _PLACE.fullmatch(text)
        return None if found is None else cls(int(found[1]), found[3], int(found[2]))

    @classmethod
    def of(cls, alert: PlannedAlert) -> Self:
        """Return the place of an alert."""
        return cls(int(alert.at), alert.commitment_id, alert.level)


@dataclass
class PlannedPage(Generic[T]):
    """The first alerts from `begin` on and before `end` (Unix seconds), behind a place, each with its source."""

    policy: AlertPolicy
    begin: float
    end: float
    after: AlertPlace | None
    limit: int
    _found: list[tuple[PlannedAlert, T]] = field(default_factory=list)
    _seen: date | None = None

    @property
    def first_due(self) -> date:
        """The earliest deadline that may raise something here: nothing is raised behind its day."""
        begin = self.begin if self.after is None else max(self.begin, self.after.at)
        try:
            return self.policy.calendar.local(begin).date()
        except (OverflowError, OSError, ValueError):  # before the first day there is, or after the last
            return date.min if begin < 0 else date.max

    def is_complete(self, due: date) -> bool:
        """Return whether neither this deadline nor a later one can raise anything on this page."""
        if due == self._seen:
            return False
        self._seen = due
        earliest = min(self.policy.moment(kind, due, 1) for kind in self.policy.days_before)
        if earliest >= self.end:
            return True
        self._cut()
        return len(self._found) > self.limit and earliest > self._found[-1][0].at

    def add(self, deadline: Deadline, source: T) -> None:
        """Take the alerts of a commitment."""
        for alert in planned(deadline, self.policy, self.begin, self.end):
            if self.after is None or AlertPlace.of(alert) > self.after:
                self._found.append((alert, source))
        if len(self._found) > 2 * self.limit + 2:
            self._cut()

    def alerts(self) -> tuple[list[tuple[PlannedAlert, T]], AlertPlace | None]:
        """Return the page in the order of the times, and the place of its last alert where there are more."""
        self._cut()
        page = self._found[: self.limit]
        return page, AlertPlace.of(page[-1][0]) if len(self._found) > self.limit else None

    def _cut(self) -> None:
        self._found.sort(key=lambda pair: AlertPlace.of(pair[0]))
        del self._found[self.limit + 1 :]

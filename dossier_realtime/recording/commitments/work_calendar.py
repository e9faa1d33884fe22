"""The calendar of an office: its working week, its hours, and its holidays in both calendars. Pure.

Dates of the Hijri calendar are those of Umm al-Qura, as Saudi Arabia uses it for its holidays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from hijridate import Gregorian

Weekday = Literal["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"]
WEEKDAYS: Final[tuple[Weekday, ...]] = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)  # as `date.weekday` counts
_MAX_SEARCH: Final = 60  # days: no office is closed for longer
_DAY: Final = timedelta(days=1)


class HijriDate(NamedTuple):
    """A date of the Umm al-Qura calendar."""

    year: int
    month: int
    day: int

    @property
    def text(self) -> str:
        """The date as text: year, month and day."""
        return f"{self.year:04d}-{self.month:02d}-{self.day:02d}"


@dataclass(frozen=True, slots=True)
class Holiday:
    """Days off that come again each year, by either calendar: `days` of them, from `month` and `day` on.

    `year` 0: each year. Names are for people, in both languages.
    """

    calendar: Literal["gregorian", "umm_al_qura"]
    month: int
    day: int
    days: int = 1
    en: str = ""
    ar: str = ""
    year: int = 0

    def covers(self, when: date) -> bool:
        """Return whether it is off on a day."""
        return any(self._begins(when - back * _DAY) for back in range(self.days))

    def _begins(self, when: date) -> bool:
        if self.calendar == "gregorian":
            year, month, day = when.year, when.month, when.day
        else:
            hijri = hijri_date(when)
            if hijri is None:
                return False
            year, month, day = hijri
        return (month, day) == (self.month, self.day) and self.year in (0, year)


@dataclass(frozen=True)
class WorkCalendar:
    """The days and hours in which an office works; outside of them are quiet hours, and days off."""

    zone: ZoneInfo
    working_days: frozenset[Weekday]
    opens: time
    closes: time
    holidays: tuple[Holiday, ...] = field(default=())

    def holiday(self, when: date) -> Holiday | None:
        """Return the holiday that a day is part of, if it is."""
        return _holiday(self.holidays, when)

    def is_working_day(self, when: date) -> bool:
        """Return whether the office works on a day."""
        return WEEKDAYS[when.weekday()] in self.working_days and self.holiday(when) is None

    def working_day_until(self, when: date) -> date:
        """Return a day, or the last working day before it where it is off."""
        day = when
        for _ in range(_MAX_SEARCH):
            if self.is_working_day(day):
                return day
            day -= _DAY
        return when

    def is_quiet(self, moment: float) -> bool:
        """Return whether a moment (Unix seconds) is outside of the working hours of a working day."""
        local = self.local(moment)
        return not (self.is_working_day(local.date()) and self.opens <= local.time() < self.closes)

    def working_from(self, moment: float) -> float:
        """Return a moment (Unix seconds), or the next at which the office works where it is quiet then."""
        if not self.is_quiet(moment):
            return moment
        local = self.local(moment)
        day = local.date() if local.time() < self.opens else local.date() + _DAY
        for _ in range(_MAX_SEARCH):
            if self.is_working_day(day):
                return self.opening(day)
            day += _DAY
        return moment

    def opening(self, day: date) -> float:
        """Return the moment (Unix seconds) at which working hours begin on a day."""
        return datetime.combine(day, self.opens, self.zone).timestamp()

    def midnight(self, day: date) -> float:
        """Return the moment (Unix seconds) at which a day begins."""
        return datetime.combine(day, time(), self.zone).timestamp()

    def local(self, moment: float) -> datetime:
        """Return a moment (Unix seconds) as the office's clocks show it."""
        return datetime.fromtimestamp(moment, self.zone)

    def days_off(self, year: int) -> Iterator[tuple[date, Holiday]]:
        """Yield the holidays of a Gregorian year, day by day."""
        day = date(year, 1, 1)
        while day.year == year:
            holiday = self.holiday(day)
            if holiday is not None:
                yield day, holiday
            if day == date.max:
                return
            day += _DAY


@lru_cache(maxsize=8_192)
def hijri_date(when: date) -> HijriDate | None:
    """Return a day in the Umm al-Qura calendar; None outside of 1924 to 2077, for which there is no table."""
    try:
        hijri = Gregorian(when.year, when.month, when.day).to_hijri()
    except (OverflowError, ValueError):
        return None
    return HijriDate(hijri.year, hijri.month, hijri.day)


@lru_cache(maxsize=16_384)
def _holiday(holidays: tuple[Holiday, ...], when: date) -> Holiday | None:
    return next((holiday for holiday in holidays if holiday.covers(when)), None)

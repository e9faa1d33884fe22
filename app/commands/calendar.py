"""The command `calendar`: the days off of a year in both calendars, so that a person can check them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.configuration.office_calendar import work_calendar
from dossier_realtime.recording.commitments.work_calendar import WEEKDAYS, hijri_date

if TYPE_CHECKING:
    import argparse

    from app.configuration.config import Config

_FIRST, _LAST = 1925, 2076  # years that the table of Umm al-Qura covers wholly
_ARABIC_DAYS = ("الإثنين", "الثلاثاء", "الأربعاء", "الخميس", "الجمعة", "السبت", "الأحد")


def calendar(config: Config, asked: argparse.Namespace) -> int:
    """Print the working week, the hours and the days off of a year. Raises ValueError for a year without a table."""
    if not _FIRST <= asked.year <= _LAST:
        raise ValueError(f"--year: the Umm al-Qura table covers {_FIRST} to {_LAST}")
    settings = config.commitments
    office = work_calendar(settings)
    print(f"{asked.year}  {settings.time_zone}  {settings.opens}–{settings.closes}  {', '.join(settings.working_days)}")
    for day, holiday in office.days_off(asked.year):
        hijri = hijri_date(day)
        weekday = f"{WEEKDAYS[day.weekday()]:<9}  {_ARABIC_DAYS[day.weekday()]}"
        off = "" if WEEKDAYS[day.weekday()] in settings.working_days else "  (weekend)"
        print(f"{day}  {hijri.text if hijri else '–':<10}  {weekday}  {holiday.en}  {holiday.ar}{off}")
    return 0


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """Add the command with its options."""
    command = commands.add_parser("calendar", parents=[common], help="print the days off of a year in both calendars")
    command.add_argument("--year", type=int, required=True, help="a year of the Gregorian calendar, such as 2027")

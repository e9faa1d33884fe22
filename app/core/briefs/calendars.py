"""Dates as an office reads them: Gregorian and Umm al-Qura, in both languages. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Final, Literal

from hijridate import Gregorian

from dossier_realtime.protocol.fields import Localized

RIYADH: Final = timezone(timedelta(hours=3))
"""Saudi time, which knows no summer time."""

Language = Literal["en", "ar"]

_MONTHS: Final[dict[Language, tuple[str, ...]]] = {
    "en": (
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
    "ar": (
        *("يناير", "فبراير", "مارس", "أبريل", "مايو", "يونيو"),
        *("يوليو", "أغسطس", "سبتمبر", "أكتوبر", "نوفمبر", "ديسمبر"),
    ),
}
_ERA: Final[dict[Language, str]] = {"en": "AH", "ar": "هـ"}


def both_calendars(at: float) -> Localized:
    """Return the day of a Unix time, as in "28 November 2026 (18 Jumada al-Thani 1448 AH)"."""
    moment = datetime.fromtimestamp(at, UTC).astimezone(RIYADH)
    try:
        hijri = Gregorian(moment.year, moment.month, moment.day).to_hijri()
    except (OverflowError, ValueError):  # the printed Umm al-Qura calendar covers 1343-1500 AH
        hijri = None

    def text(language: Language) -> str:
        day = f"{moment.day} {_MONTHS[language][moment.month - 1]} {moment.year}"
        if hijri is None:
            return day
        return f"{day} ({hijri.day} {hijri.month_name(language)} {hijri.year} {_ERA[language]})"

    return Localized(text("en"), text("ar"))

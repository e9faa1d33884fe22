"""Numbers of days in words that people read, in both languages. Pure.

Arabic counts one and two with the noun alone, 3 to 10 with its plural, and larger ones with a singular (Unicode CLDR,
plural rules of `ar`).
"""

from __future__ import annotations

from ..fields import Localized


def counted_days(days: int) -> Localized:
    """Return a number of days, 0 or more, with its noun."""
    return Localized("1 day" if days == 1 else f"{days} days", _arabic(days))


def days_left(days: int) -> Localized:
    """Return how far away a deadline is; below 0: how long it is over."""
    words = counted_days(abs(days))
    if days < 0:
        return Localized(f"{words.en} overdue", f"مدة التأخر: {words.ar}")
    return Localized(f"{words.en} left", f"المدة المتبقية: {words.ar}")


def _arabic(days: int) -> str:
    if days == 1:
        return "يوم واحد"
    if days == 2:
        return "يومان"
    rest = days % 100
    if 3 <= rest <= 10:
        return f"{days} أيام"
    return f"{days} يومًا" if rest >= 11 else f"{days} يوم"

"""Numbers of days as people read them."""

from __future__ import annotations

import pytest

from dossier_realtime.protocol.domain.day_words import counted_days, days_left


@pytest.mark.parametrize(
    ("days", "english", "arabic"),
    [
        (0, "0 days", "0 يوم"),
        (1, "1 day", "يوم واحد"),
        (2, "2 days", "يومان"),
        (3, "3 days", "3 أيام"),
        (10, "10 days", "10 أيام"),
        (11, "11 days", "11 يومًا"),
        (99, "99 days", "99 يومًا"),
        (100, "100 days", "100 يوم"),
        (103, "103 days", "103 أيام"),
        (365, "365 days", "365 يومًا"),
    ],
)
def test_the_noun_follows_the_number(days: int, english: str, arabic: str) -> None:
    words = counted_days(days)
    assert (words.en, words.ar) == (english, arabic)


def test_a_deadline_that_is_over_is_overdue() -> None:
    assert (days_left(-1).en, days_left(-2).ar) == ("1 day overdue", "مدة التأخر: يومان")
    assert (days_left(1).en, days_left(1).ar) == ("1 day left", "المدة المتبقية: يوم واحد")

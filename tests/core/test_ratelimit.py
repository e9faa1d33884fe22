"""Windows of sixty seconds, whatever the order of messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.ratelimit import RAISED_FACTOR, Limits, RateClass, RateLimiter


@given(st.lists(st.floats(0, 30), min_size=1, max_size=200), st.integers(1, 20))
def test_no_window_accepts_more_than_its_limit(gaps: list[float], limit: int) -> None:
    rates, now = RateLimiter(Limits(general=limit)), 0.0
    started, accepted = None, 0
    for gap in gaps:
        now += gap
        if started is None or now - started >= 60:
            started, accepted = now, 0
        verdict = rates.spend("u", "", "general", now)
        assert verdict.allowed == (accepted < limit)
        accepted += verdict.allowed
        assert verdict.allowed or 1 <= verdict.reset_in <= 60


@given(st.integers(1, 500))
def test_a_window_warns_exactly_once_and_tells_the_first_refusal(limit: int) -> None:
    rates = RateLimiter(Limits(general=limit))
    verdicts = [rates.spend("u", "", "general", 1.0) for _ in range(limit + 3)]
    assert sum(verdict.warn for verdict in verdicts) == 1
    assert [verdict.first_refusal for verdict in verdicts[limit:]] == [True, False, False]


def test_a_warning_comes_at_ninety_five_percent_with_the_time_left() -> None:
    rates = RateLimiter(Limits(general=100))
    for _ in range(94):
        assert not rates.spend("u", "", "general", 10.0).warn
    verdict = rates.spend("u", "", "general", 25.5)
    assert (verdict.warn, verdict.count, verdict.limit, verdict.reset_in) == (True, 95, 100, 45)


def test_users_classes_and_roles_have_budgets_of_their_own() -> None:
    rates = RateLimiter(Limits(general=1, ping=1), {"service": Limits(general=3)})
    assert rates.spend("a", "", "general", 0).allowed
    assert not rates.spend("a", "", "general", 0).allowed
    assert rates.spend("a", "", "ping", 0).allowed
    assert rates.spend("b", "", "general", 0).allowed
    assert [rates.spend("s", "service", "general", 0).allowed for _ in range(4)] == [True, True, True, False]


def test_two_hundred_refusals_are_abuse() -> None:
    rates = RateLimiter(Limits(general=1))
    verdicts = [rates.spend("u", "", "general", 0.0) for _ in range(201)]
    assert [v.abuse for v in verdicts].index(True) == 200


@pytest.mark.long
def test_the_table_forgets_windows_that_ended() -> None:
    rates = RateLimiter()
    for n in range(100_000):
        rates.spend(f"u{n}", "", "general", n / 1000)
    assert len(rates.counts(100.0)) <= 60_001
    for n in range(100_000):
        rates.spend(f"v{n}", "", "general", 1_000 + n / 1000)
    assert len(rates._windows) <= 120_000


@given(st.integers(1, 20), st.floats(1, 3600), st.sampled_from(["general", "edit", "cursor", "ping", "read"]))
def test_a_lifted_limit_is_ten_times_as_high_in_every_class_and_no_more(
    limit: int, seconds: float, rate_class: RateClass
) -> None:
    rates = RateLimiter(Limits(limit, limit, limit, limit, limit), window=10_000)
    accepted = sum(rates.spend("u", "", rate_class, 5.0).allowed for _ in range(limit + 3))
    rates.raise_limit("u", seconds, 5.0)
    accepted += sum(rates.spend("u", "", rate_class, 5.0).allowed for _ in range(RAISED_FACTOR * limit + 3))
    assert accepted == RAISED_FACTOR * limit, "what was counted before counts"
    assert sum(rates.spend("other", "", rate_class, 5.0).allowed for _ in range(limit + 3)) == limit
    assert not rates.spend("u", "", rate_class, 5.0 + seconds).allowed, "it ends by itself"


def test_a_lift_is_ended_and_prolonged_and_tells_how_long_it_lasts() -> None:
    rates = RateLimiter(Limits(general=1))
    rates.raise_limit("u", 100, 0.0)
    rates.raise_limit("u", 100, 50.0)
    assert rates.raised_limits(60.0) == {"u": 90.0}
    assert [rates.spend("u", "", "general", 60.0).allowed for _ in range(2)] == [True, True]
    rates.raise_limit("u", 0, 61.0)
    assert rates.raised_limits(61.0) == {}
    assert not rates.spend("u", "", "general", 61.0).allowed


def test_however_many_are_lifted_the_table_is_bounded_and_the_longest_stay() -> None:
    rates = RateLimiter()
    for number in range(3_000):
        rates.raise_limit(f"u{number}", 100 + number, 0.0)
    left = rates.raised_limits(0.0)
    assert len(left) == 1_000
    assert min(left.values()) == 2_100
    rates.raise_limit("one more", 1, 10_000.0)
    assert len(rates._raised) == 1


def test_what_stands_is_what_was_warned_of_or_refused_in_an_open_window() -> None:
    rates = RateLimiter(Limits(general=20, ping=2))
    for user, count in (("calm", 18), ("near", 19), ("past", 23)):
        for _ in range(count):
            rates.spend(user, "editor", "general", 100.0)
    found = {one.user_id: one for one in rates.standing(130.0) if one is not None}
    assert found.keys() == {"near", "past"}
    assert (found["near"].counted, found["near"].limit, found["near"].refused) == (19, 20, 0)
    assert (found["past"].counted, found["past"].refused, found["past"].resets_in) == (20, 3, 30)
    assert len(list(rates.standing(130.0))) == 3, "one item a window, so that a reader can wait between two"
    assert not any(rates.standing(160.0)), "the windows are over"

"""Refusals of one client: free within the budget, then pauses that grow, stay bounded, and shrink again in calm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.instant import Instant
from app.core.refusal_budget import RefusalBudget, RefusalBudgets, RefusalLimits
from app.core.sessions.deadlines import Deadlines, Due, SessionLimits

LIMITS = RefusalLimits(per_second=20, longest_pause=0.5)
GAPS = st.lists(st.floats(0, 3), max_size=200)


def refuse(budget: RefusalBudget, steady: float, times: int) -> None:
    for _ in range(times):
        budget.refused(steady)


def test_the_budget_is_free_and_the_next_refusal_begins_a_pause() -> None:
    budget = RefusalBudget(LIMITS, 0.0)
    refuse(budget, 0.0, LIMITS.per_second)
    assert budget.pause(0.0) == 0.0
    budget.refused(0.0)
    assert budget.pause(0.0) == LIMITS.first_pause == 0.05


def test_pauses_double_up_to_the_longest_and_each_brings_a_whole_budget() -> None:
    budget, now, pauses = RefusalBudget(LIMITS, 0.0), 0.0, list[float]()
    for _ in range(6):
        refuse(budget, now, LIMITS.per_second)
        assert budget.pause(now) == 0.0
        budget.refused(now)
        pauses.append(round(budget.pause(now), 6))
        now += budget.pause(now)
    assert pauses == [0.05, 0.1, 0.2, 0.4, 0.5, 0.5]


@given(GAPS)
def test_no_pause_is_longer_than_the_longest(gaps: list[float]) -> None:
    budget, now = RefusalBudget(LIMITS, 0.0), 0.0
    for gap in gaps:
        now += gap
        refuse(budget, now, 15)
        assert 0.0 <= budget.pause(now) <= LIMITS.longest_pause + 1e-9
        assert budget.pause(now + LIMITS.longest_pause + 1e-9) == 0.0


@given(st.floats(0, 100), st.integers(1, 300))
def test_whoever_keeps_within_the_rate_never_notices(start: float, refusals: int) -> None:
    budget, now = RefusalBudget(LIMITS, start), start
    for _ in range(refusals):
        budget.refused(now)
        assert budget.pause(now) == 0.0
        now += 1.001 / LIMITS.per_second
        assert not budget.is_often(now)


@given(GAPS)
def test_calm_forgets_all(gaps: list[float]) -> None:
    budget, now = RefusalBudget(LIMITS, 0.0), 0.0
    for gap in gaps:
        now += gap
        refuse(budget, now, 25)
    calm = now + 10.0
    assert budget.is_calm(calm)
    assert not budget.is_often(calm)
    refuse(budget, calm, LIMITS.per_second)
    assert budget.pause(calm) == 0.0
    budget.refused(calm)
    assert budget.pause(calm) == pytest.approx(LIMITS.first_pause)


@given(GAPS)
def test_the_rate_of_refusals_that_are_read_is_bounded(gaps: list[float]) -> None:
    """Somebody who is refused without end, and not read in pauses, is refused so often in a time."""
    budget, now, refused = RefusalBudget(LIMITS, 0.0), 0.0, 0
    for gap in gaps:
        now += gap / 100
        if budget.pause(now) == 0.0:
            budget.refused(now)
            refused += 1
    assert refused <= LIMITS.per_second * (2 + len([gap for gap in gaps if gap]) + now / LIMITS.first_pause)


def test_a_handful_of_refusals_keeps_nobody_behind_the_others() -> None:
    budget = RefusalBudget(RefusalLimits(), 0.0)
    refuse(budget, 0.0, 5)
    assert not budget.is_often(0.0)
    assert not budget.is_calm(0.0)
    refuse(budget, 0.0, 5)
    assert budget.is_often(0.0)


@given(st.floats(0, 70), st.floats(0.01, 5))
def test_what_the_server_does_not_read_is_no_silence_of_the_peer(before: float, pause: float) -> None:
    limits = SessionLimits(ping_interval=1_000.0)
    deadlines = Deadlines(limits, Instant(0.0, 0.0))
    deadlines.authenticated(10_000, Instant(0.0, 0.0))
    deadlines.heard(Instant(before, before))
    deadlines.unread(pause)
    silent = before + limits.liveness_timeout + pause
    assert Due.SILENT not in deadlines.due(Instant(silent - 0.01, silent - 0.01))
    assert Due.SILENT in deadlines.due(Instant(silent + 0.01, silent + 0.01))


def test_an_end_for_abuse_spends_the_budget_and_a_return_does_not_renew_it() -> None:
    budgets = RefusalBudgets(LIMITS)
    for name in ("mal", "first", "second", "third"):  # logins: those who were never refused are forgotten
        budgets.of(name, 0.0)
    budgets.of("mal", 0.0).spend(0.0)
    returned = budgets.of("mal", 0.2)
    assert returned.pause(0.2) == pytest.approx(LIMITS.longest_pause - 0.2)
    assert returned.is_often(0.2)
    assert budgets.of("nora", 0.2).pause(0.2) == 0.0


@given(st.lists(st.tuples(st.integers(0, 30), st.floats(0, 2), st.integers(0, 40)), max_size=60))
def test_no_more_budgets_are_kept_than_the_bound_and_each_client_has_one(uses: list[tuple[int, float, int]]) -> None:
    budgets, now = RefusalBudgets(LIMITS, most=5), 0.0
    for client, gap, times in uses:
        now += gap
        budget = budgets.of(f"c{client}", now)
        refuse(budget, now, times)
        assert budgets.of(f"c{client}", now) is budget
        assert len(budgets) <= 5

"""Commitments: delegates of delegates, the people whom one concerns, and the end of snoozing. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from app.configuration.config import load
from app.configuration.office_calendar import alert_policy
from app.core.domain.commitments import commitment as core
from dossier_realtime.protocol.http.commitments import CommitmentBody
from dossier_realtime.recording.commitments.ladder import URGENT_LEVEL

POLICY = alert_policy(load(None, {}, keys=False).commitments)
CALENDAR = POLICY.calendar
BODY = CommitmentBody(
    mou_id="m1",
    title="Report",
    due_date="2027-03-31",
    mou_type="data-exchange",
    responsible_department="Agreements",
    owner="owner",
    escalation=[["ali"], ["bea"], ["cy"]],
)
ONE = core.registered(None, "c1", BODY, "owner", 0)
LATER = 1_000


def given_to(commitment: core.Commitment, by: str, to: str, until: int, now: float = 0) -> core.Commitment:
    made = core.delegations(commitment, by, to, until, now)
    return core.delegated(commitment, made, now, frozenset({to})).after


def test_a_delegate_hands_on_what_was_delegated_and_not_the_alerts_of_the_owner() -> None:
    first = given_to(ONE, "ali", "dan", LATER)
    second = given_to(first, "dan", "eve", 2 * LATER)
    assert second.delegations == (core.Delegation("ali", "eve", LATER),), "for as long as it was delegated"
    assert core.recipients(second, 1, 0) == ("eve",)
    assert core.recipients(second, 1, LATER) == ("ali",)


def test_one_who_stands_in_for_two_hands_on_both_and_the_owner_delegates_their_own() -> None:
    both = given_to(given_to(ONE, "ali", "dan", LATER), "bea", "dan", LATER)
    assert core.recipients(given_to(both, "dan", "eve", LATER), 2, 0) == ("eve",)
    assert given_to(ONE, "owner", "eve", LATER).delegations == (core.Delegation("owner", "eve", LATER),)
    own = given_to(given_to(ONE, "ali", "owner", LATER), "owner", "eve", LATER)
    assert {one.user: one.to for one in own.delegations} == {"owner": "eve", "ali": "eve"}


def test_what_was_delegated_back_or_is_over_is_not_handed_on() -> None:
    first = given_to(ONE, "ali", "dan", LATER)
    assert core.delegations(first, "dan", "eve", 3 * LATER, 2 * LATER) == (core.Delegation("owner", "eve", 3 * LATER),)
    assert all(one.user != one.to for one in given_to(first, "dan", "ali", LATER).delegations)


def test_a_delegate_whose_time_is_over_is_concerned_no_more_unless_it_was_raised_to_them() -> None:
    first = given_to(ONE, "ali", "dan", LATER)
    assert "dan" in first.people(LATER - 1)
    assert "dan" not in first.people(LATER)
    raised = core.climb(first, 0, frozenset({"dan"})).after
    assert "dan" in raised.people(LATER)


@pytest.mark.parametrize("level", [0, 1, 2])
@given(minutes=st.integers(0, 60 * 24 * 28))
def test_a_snooze_ends_in_working_hours_but_for_the_urgent_level(level: int, minutes: int) -> None:
    after = datetime(2027, 4, 1, tzinfo=UTC).timestamp()  # every level was due before
    until = int(after + 60 * minutes)
    state = core.snoozed(structs.replace(ONE, level=level), until)
    moment = core.next_moment(state, POLICY)
    assert moment is not None
    assert moment >= until
    if level + 1 == URGENT_LEVEL or not CALENDAR.is_quiet(until):
        assert moment == until
        return
    assert not CALENDAR.is_quiet(moment)
    assert all(CALENDAR.is_quiet(quiet) for quiet in range(until, int(moment), 1_800))


def test_the_first_working_moment_after_a_weekend_is_its_opening() -> None:
    friday = datetime(2027, 4, 2, 9, tzinfo=UTC).timestamp()
    assert CALENDAR.working_from(friday) == CALENDAR.opening(date(2027, 4, 4))
    assert CALENDAR.working_from(CALENDAR.midnight(date(2027, 4, 5))) == CALENDAR.opening(date(2027, 4, 5))


def test_each_new_clock_is_counted_so_that_its_alerts_are_entries_of_their_own() -> None:
    moved = core.registered(ONE, "c1", structs.replace(BODY, due_date="2027-05-01"), "owner", 0)
    again = core.registered(core.deleted(moved), "c1", BODY, "owner", 0)
    same = core.registered(moved, "c1", structs.replace(moved.said, owner="omar"), "owner", 0)
    assert [one.restarts for one in (ONE, moved, again, same)] == [0, 1, 2, 1]

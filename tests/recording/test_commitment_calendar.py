"""The calendar of an office and the moments of alerts: by table for what is known, by property for all days."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier_realtime.recording.commitments.dry_run import Deadline, changed_policy, dry_run
from dossier_realtime.recording.commitments.ladder import AlertPolicy, priority
from dossier_realtime.recording.commitments.work_calendar import Holiday, WorkCalendar, hijri_date

RIYADH = ZoneInfo("Asia/Riyadh")
WEEK = frozenset({"sunday", "monday", "tuesday", "wednesday", "thursday"})
EID = Holiday("umm_al_qura", 10, 1, 4, "Eid al-Fitr", "عيد الفطر")
FOUNDING = Holiday("gregorian", 2, 22, 1, "Founding Day", "يوم التأسيس")
ONCE = Holiday("gregorian", 6, 7, 2, "An announced day", "يوم معلن", 2027)
OFFICE = WorkCalendar(RIYADH, WEEK, time(8), time(16), (EID, FOUNDING, ONCE))  # type: ignore[arg-type]  # the Literals
DAYS = {
    "data-exchange": (60, 30, 7),
    "capacity-building": (90, 60, 30),
    "strategic-partnership": (90, 30, 14),
    "technical-cooperation": (30, 14, 7),
}
POLICY = AlertPolicy(OFFICE, DAYS)
days = st.dates(date(2026, 1, 1), date(2060, 1, 1))


@pytest.mark.parametrize(
    ("day", "hijri"),
    [
        (date(2024, 4, 10), "1445-10-01"),  # Eid al-Fitr 1445, as announced
        (date(2024, 6, 16), "1445-12-10"),
        (date(2025, 3, 30), "1446-10-01"),
        (date(2025, 6, 6), "1446-12-10"),
        (date(2026, 3, 20), "1447-10-01"),
        (date(1800, 1, 1), None),
        (date(2300, 1, 1), None),
    ],
)
def test_days_have_the_date_of_umm_al_qura(day: date, hijri: str | None) -> None:
    found = hijri_date(day)
    assert (None if found is None else found.text) == hijri


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2027, 1, 3), True),  # Sunday
        (date(2027, 1, 7), True),  # Thursday
        (date(2027, 1, 1), False),  # Friday
        (date(2027, 1, 2), False),  # Saturday
        (date(2027, 2, 22), False),  # Founding Day, a Monday
        (date(2028, 2, 22), False),
        (date(2027, 3, 8), True),
        (date(2027, 3, 9), False),  # 1 Shawwal 1448
        (date(2027, 3, 11), False),
        (date(2027, 3, 14), True),
        (date(2027, 6, 8), False),  # the second of two announced days
        (date(2028, 6, 8), True),
    ],
)
def test_the_office_works_in_its_week_and_on_no_holiday(day: date, works: bool) -> None:
    assert OFFICE.is_working_day(day) is works


@pytest.mark.parametrize(
    ("moment", "quiet"),
    [
        (datetime(2027, 1, 4, 7, 59, tzinfo=RIYADH), True),
        (datetime(2027, 1, 4, 8, 0, tzinfo=RIYADH), False),
        (datetime(2027, 1, 4, 15, 59, tzinfo=RIYADH), False),
        (datetime(2027, 1, 4, 16, 0, tzinfo=RIYADH), True),
        (datetime(2027, 1, 1, 10, 0, tzinfo=RIYADH), True),
    ],
)
def test_quiet_hours_are_outside_of_working_hours(moment: datetime, quiet: bool) -> None:
    assert OFFICE.is_quiet(moment.timestamp()) is quiet


def test_a_level_on_a_day_off_comes_on_the_working_day_before_and_the_urgent_one_on_the_day_itself() -> None:
    first, second, third = POLICY.moments("data-exchange", date(2027, 4, 10))
    assert OFFICE.local(first) == datetime(2027, 2, 9, 8, 0, tzinfo=RIYADH)
    assert OFFICE.local(second) == datetime(2027, 3, 8, 8, 0, tzinfo=RIYADH)  # the eleventh is in the Eid
    assert OFFICE.local(third) == datetime(2027, 4, 3, 0, 0, tzinfo=RIYADH)  # a Saturday
    assert [priority(level) for level in (1, 2, 3)] == ["high", "high", "urgent"]


@given(days, st.sampled_from(sorted(DAYS)))
def test_moments_rise_never_come_late_and_only_urgent_ones_are_in_quiet_hours(due: date, kind: str) -> None:
    moments = POLICY.moments(kind, due)
    assert list(moments) == sorted(moments)
    for level, at in enumerate(moments, start=1):
        left = POLICY.days_left(due, at)
        assert DAYS[kind][level - 1] <= left <= DAYS[kind][level - 1] + 10
        assert level == 3 or not OFFICE.is_quiet(at)


@given(days)
def test_days_off_of_a_year_are_those_that_the_office_is_closed_beside_weekends(day: date) -> None:
    off = {when for when, _ in OFFICE.days_off(day.year)}
    weekend = day.weekday() in (4, 5)
    assert OFFICE.is_working_day(day) is not (weekend or day in off)


@given(st.lists(days, max_size=5), days, st.integers(0, 400))
def test_a_dry_run_is_the_sum_of_its_parts(dues: list[date], begin: date, length: int) -> None:
    deadlines = [Deadline(f"c{n}", "m", "data-exchange", due, (("a",), ("b",), ("c",))) for n, due in enumerate(dues)]
    first, last = OFFICE.midnight(begin), OFFICE.midnight(begin + timedelta(days=length))
    middle = (first + last) / 2
    whole = dry_run(deadlines, POLICY, first, last)
    assert whole == dry_run(deadlines, POLICY, first, middle) + dry_run(deadlines, POLICY, middle, last)
    assert len({(alert.commitment_id, alert.level) for alert in whole}) == len(whole)


@pytest.mark.parametrize("text", ["data-exchange:20/10/5", '{"data-exchange": [20, 10, 5]}'])
def test_a_policy_may_have_other_days(text: str) -> None:
    assert changed_policy(POLICY, text).days_before == DAYS | {"data-exchange": (20, 10, 5)}


NO_POLICIES = (
    "x",
    "data-exchange",
    "data-exchange:1/2/3",
    "data-exchange:3/2",
    "friends:3/2/1",
    "{",
    "{}x",
    "[" * 9_999,
)
NO_DAYS = ('{"data-exchange": 3}', '{"data-exchange": [3, 2, -1]}', '{"data-exchange": [3, 2, true]}')


@pytest.mark.parametrize("text", [*NO_POLICIES, *NO_DAYS, "data-exchange:99999/2/1"])
def test_a_policy_that_is_none_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"policy|days|type") as refused:
        changed_policy(POLICY, text)
    assert "\n" not in str(refused.value)

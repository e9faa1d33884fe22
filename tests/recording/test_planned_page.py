"""Pages of a dry run: together they are the whole of it, in its order, whatever their size."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier_realtime.recording.commitments.dry_run import Deadline, PlannedAlert, dry_run
from dossier_realtime.recording.commitments.planned_page import AlertPlace, PlannedPage
from tests.recording.test_commitment_calendar import DAYS, POLICY

BEGIN = date(2027, 1, 1)
deadlines = st.lists(
    st.builds(
        lambda number, kind, ahead: Deadline(
            f"c{number}", f"m{number % 3}", kind, BEGIN + timedelta(days=ahead), (("ali",), ("bea",), ())
        ),
        st.integers(0, 99),
        st.sampled_from([*DAYS, "friendship"]),
        st.integers(-200, 500),
    ),
    max_size=30,
    unique_by=lambda one: one.commitment_id,
)
moments = st.integers(-200, 500).map(lambda day: datetime(2027, 1, 1, 7, tzinfo=UTC).timestamp() + day * 86_400)


@given(deadlines, moments, moments, st.integers(1, 7))
def test_pages_are_together_the_whole_dry_run(found: list[Deadline], begin: float, end: float, limit: int) -> None:
    by_day = sorted(found, key=lambda one: (one.due, one.commitment_id))
    told: list[PlannedAlert] = []
    after: AlertPlace | None = None
    while True:
        page: PlannedPage[str] = PlannedPage(POLICY, begin, end, after, limit)
        first = page.first_due
        for deadline in by_day:
            if deadline.due < first:
                continue
            if page.is_complete(deadline.due):
                break
            page.add(deadline, deadline.commitment_id)
        alerts, place = page.alerts()
        assert all(alert.commitment_id == source for alert, source in alerts)
        assert len(alerts) <= limit
        told += [alert for alert, _ in alerts]
        if place is None:
            break
        assert AlertPlace.read(place.text) == place
        after = place
    assert told == dry_run(found, POLICY, begin, end)


def test_a_page_is_complete_long_before_the_last_deadline() -> None:
    page: PlannedPage[None] = PlannedPage(POLICY, 0.0, 4e9, None, 10)
    looked_at = 0
    for number in range(10_000):
        deadline = Deadline(f"c{number}", "m", "data-exchange", BEGIN + timedelta(days=number), (("ali",),))
        if page.is_complete(deadline.due):
            break
        looked_at += 1
        page.add(deadline, None)
    assert looked_at < 200
    assert len(page.alerts()[0]) == 10


@pytest.mark.parametrize("text", ["", "0", "1~4~c", "1~1~", "x~1~c", "1~1", "1234567890123~1~c"])
def test_a_text_that_no_page_said_is_no_place(text: str) -> None:
    assert AlertPlace.read(text) is None


@pytest.mark.parametrize(("begin", "day"), [(-1e15, date.min), (1e15, date.max)])
def test_times_before_and_after_all_days_have_a_first_deadline(begin: float, day: date) -> None:
    page: PlannedPage[None] = PlannedPage(POLICY, begin, 2e15, None, 10)
    assert page.first_due == day

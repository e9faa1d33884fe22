"""Full jitter: the whole range below a bound that doubles."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dossier_realtime.client.state.backoff import Backoff

JITTER = st.floats(0, 1, exclude_max=True)


@given(st.lists(JITTER, min_size=1, max_size=200))
def test_every_delay_lies_between_nothing_and_a_bound_that_doubles_up_to_the_cap(jitters: list[float]) -> None:
    backoff = Backoff(base=0.5, cap=30)
    for attempt, jitter in enumerate(jitters):
        bound = min(30, 0.5 * 2**attempt)
        assert backoff.delay(jitter) == bound * jitter


def test_ten_minutes_of_refusals_are_no_busy_loop() -> None:
    backoff, elapsed, attempts = Backoff(), 0.0, 0
    while elapsed < 600:
        elapsed += backoff.delay(0.5)  # the mean of the jitter
        attempts += 1
    assert attempts < 50


def test_a_reset_begins_at_the_base_again() -> None:
    backoff = Backoff(base=0.5, cap=30)
    for _ in range(10):
        backoff.delay(0.5)
    backoff.reset()
    assert backoff.delay(1) == 0.5


def test_days_of_failure_stay_at_the_cap() -> None:
    backoff = Backoff(attempts=10**9)
    assert backoff.delay(1) == 30

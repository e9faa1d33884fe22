"""Durations of the last minute: quantiles that are true to five per cent, of that minute alone."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.telemetry.latency import LastMinute
from app.telemetry.metrics import Histogram

durations = st.floats(min_value=1e-6, max_value=100.0)


@given(st.lists(st.tuples(durations, st.integers(1, 50)), min_size=1, max_size=40))
def test_quantiles_are_those_of_all_durations(observed: list[tuple[float, int]]) -> None:
    minute = LastMinute()
    for seconds, count in observed:
        minute.observe(seconds, 7.0, count)
    every = sorted(seconds for seconds, count in observed for _ in range(count))
    spread = minute.spread(7.0)
    assert spread is not None
    assert (spread.observed, spread.longest) == (len(every), every[-1])
    for share, said in ((0.5, spread.p50), (0.95, spread.p95)):
        true = every[math.ceil(share * len(every)) - 1]
        assert true * (1 - 1e-9) <= said <= true * 1.045


@given(st.floats(0, 1e6), st.floats(0, 200))
def test_a_duration_counts_for_a_minute(at: float, later: float) -> None:
    minute = LastMinute()
    minute.observe(0.003, at)
    known = minute.spread(at + later) is not None
    assert known or later > 50
    assert not known or later < 60


def test_a_slow_minute_is_forgotten_with_its_slots() -> None:
    minute = LastMinute()
    for now in range(600):
        minute.observe(5.0 if now < 300 else 0.001, float(now))
    spread = minute.spread(599.0)
    assert spread is not None
    assert spread.longest == 0.001
    assert 50 <= spread.observed <= 60


def test_nothing_is_said_of_a_minute_without_a_delivery() -> None:
    minute = LastMinute()
    assert minute.figures(0.0) == {"deliveries_minute": 0}
    minute.observe(0.002, 0.0, 3)
    assert minute.figures(1.0) == {
        "deliveries_minute": 3,
        "delivery_p50_ms": 2.0,
        "delivery_p95_ms": 2.0,
        "delivery_max_ms": 2.0,
    }
    assert minute.figures(70.0) == {"deliveries_minute": 0}


@pytest.mark.parametrize(("seconds", "below"), [(0.0, "0.001"), (0.001, "0.001"), (0.0011, "0.0025"), (9.0, "+Inf")])
def test_a_histogram_counts_each_into_the_first_bucket_that_holds_it(seconds: float, below: str) -> None:
    histogram = Histogram()
    histogram.observe(seconds, 3)
    buckets = {
        sample.labels["le"]: sample.value
        for sample in histogram.family("h", "of a test").samples
        if sample.name == "h_bucket"
    }
    assert buckets[below] == 3
    assert all(count in (0, 3) for count in buckets.values())
    assert sum(count == 0 for count in buckets.values()) == list(buckets).index(below)

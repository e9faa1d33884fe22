"""Deadlines: each looked at when it is due, never forgotten, never twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.instant import Instant, until_next_second
from app.node.sockets.timers import Timers
from tests.harness.coroutine_tests import asynchronous
from tests.harness.in_process import running


class Alarm:
    """Due at each of its times in turn."""

    def __init__(self, times: list[float]) -> None:
        self.times = sorted(times)
        self.rang: list[float] = []

    @property
    def deadline(self) -> float:
        return self.times[0] if self.times else float("inf")

    def tick(self, at: Instant) -> None:
        while self.times and self.times[0] <= at.steady:
            self.rang.append(self.times.pop(0))


@given(st.lists(st.lists(st.floats(0, 100), max_size=6), max_size=20), st.floats(0.1, 7))
def test_everything_that_is_due_is_looked_at(plans: list[list[float]], step: float) -> None:
    timers, alarms = Timers(), [Alarm(plan) for plan in plans]
    for alarm in alarms:
        timers.watch(alarm)
    now = 0.0
    while now < 110:
        timers.run(Instant(now, 0.0))
        assert all(alarm.deadline > now for alarm in alarms)
        now += step
    assert [alarm.rang for alarm in alarms] == [sorted(plan) for plan in plans]


def test_a_deadline_that_came_nearer_is_kept_when_told() -> None:
    timers, alarm = Timers(), Alarm([50.0])
    timers.watch(alarm)
    alarm.times.insert(0, 10.0)
    timers.watch(alarm)
    timers.run(Instant(10.0, 0.0))
    assert alarm.rang == [10.0]
    timers.run(Instant(50.0, 0.0))
    assert alarm.rang == [10.0, 50.0]


def test_what_is_forgotten_never_rings() -> None:
    timers, alarm = Timers(), Alarm([1.0])
    timers.watch(alarm)
    timers.forget(alarm)
    timers.run(Instant(5.0, 0.0))
    assert alarm.rang == []


class _Failing(Alarm):
    def tick(self, at: Instant) -> None:
        if not self.rang:
            self.rang.append(at.steady)
            raise RuntimeError("once")
        super().tick(at)


def test_a_tick_that_raises_is_tried_again() -> None:
    timers, alarm = Timers(), _Failing([1.0])
    timers.watch(alarm)
    with pytest.raises(RuntimeError):
        timers.run(Instant(1.0, 0.0))
    timers.run(Instant(1.5, 0.0))
    assert alarm.rang == [1.0]
    timers.run(Instant(2.0, 0.0))
    assert alarm.rang == [1.0, 1.0]


def test_who_keeps_time_hears_of_each_deadline_that_is_now_the_first() -> None:
    heard: list[float] = []
    timers = Timers(lambda: heard.append(timers.first))
    assert timers.first == float("inf")
    for times in ([50.0], [70.0], [20.0], [30.0], [10.0]):
        timers.watch(Alarm(times))
    assert heard == [50.0, 20.0, 10.0]
    timers.run(Instant(10.0, 0.0))
    assert timers.first == 20.0


@given(st.floats(0, 1e6))
def test_the_next_second_is_half_a_second_to_one_and_a_half_away_and_whole(now: float) -> None:
    wait = until_next_second(now)
    assert 0.499 < wait <= 1.501
    assert abs(now + wait - round(now + wait)) < 1e-6


@asynchronous
async def test_a_nearer_deadline_of_what_settles_does_not_begin_the_clock_of_a_stopped_node_again(
    tmp_path: Path,
) -> None:
    async with running(tmp_path / "data") as service:
        node = service.node
        node._tick_at(node.loop.time() + 3600.0)  # so that the deadline is nearer than it

        async def settle() -> None:
            while not node.draining:  # noqa: ASYNC110  the product has no event for it
                await asyncio.sleep(0)
            node.timers.watch(Alarm([node.clock().steady]))

        settling = node.background.start(settle())
    await settling
    assert node._ticker is None

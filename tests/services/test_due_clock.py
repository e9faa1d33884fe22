"""Records are handed out when they are due: once, in order, over jumps of the wall clock, downtime and failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from app.core.instant import Instant
from app.core.ratelimit import RateLimiter
from app.engine.build import open_engine
from app.engine.limits import EngineLimits
from app.engine.ports.engine import Engine
from app.engine.ports.errors import Unavailable
from app.engine.ports.records import Record, RecordChange
from app.services.due_clock import DueClock
from tests.harness.eventually import eventually_async

KIND = "reminder"
HOUR = 3_600.0


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the clock look at the wall clock, which the test sets, without the second in between."""
    monkeypatch.setattr("app.services.due_clock._LOOK_SECONDS", 0.01)


class SetClock:
    """Both clocks, moved by the test alone."""

    def __init__(self) -> None:
        self.steady, self.wall = 100.0, 1_000_000.0

    def __call__(self) -> Instant:
        return Instant(self.steady, self.wall)

    def pass_by(self, seconds: float) -> None:
        """Let time pass on both clocks."""
        self.steady += seconds
        self.wall += seconds


class Reminders:
    """A service that notes each record that it is handed, and ends it or puts it off by `again` seconds."""

    def __init__(self, engine: Engine, *, again: float | None = None) -> None:
        self.engine, self.again = engine, again
        self.handed: list[str] = []
        self.broken: set[str] = set()
        self.attempts = 0
        self.away = False

    async def handle(self, record: Record, now: float) -> None:
        self.attempts += 1
        if self.away:
            raise Unavailable("away")
        if record.key in self.broken:
            raise RuntimeError(record.key)
        assert record.due is not None
        assert record.due <= now
        due = None if self.again is None else record.due + self.again
        await self.engine.broker.publish([], changes=[RecordChange(KIND, record.key, record.revision, b"", due=due)])
        self.handed.append(record.key)


@asynccontextmanager
async def opened(folder: Path, clock: SetClock) -> AsyncIterator[Engine]:
    engine = await open_engine("embedded", folder, limits=EngineLimits(), rates=RateLimiter(), clock=clock)
    try:
        yield engine
    finally:
        await engine.close()


@asynccontextmanager
async def running(clock: DueClock) -> AsyncIterator[DueClock]:
    task = asyncio.create_task(clock.run())
    try:
        yield clock
    finally:
        await clock.stop()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def keep(engine: Engine, clock: DueClock | None, **due: float) -> None:
    changes = [RecordChange(KIND, name, 0, b"", due=at) for name, at in due.items()]
    await engine.broker.publish([], changes=changes)
    if clock is not None:
        clock.changed(changes)


def test_each_record_is_handed_out_once_when_its_wall_time_comes(tmp_path: Path) -> None:
    async def scene() -> None:
        clock = SetClock()
        async with opened(tmp_path, clock) as engine:
            service = Reminders(engine)
            async with running(DueClock(engine.records, clock, {KIND: service.handle})) as due_clock:
                await keep(engine, due_clock, b=clock.wall + HOUR, a=clock.wall - 1, c=clock.wall + 2 * HOUR)
                await eventually_async(lambda: service.handed == ["a"])
                clock.wall += HOUR + 1  # set forwards
                await eventually_async(lambda: service.handed == ["a", "b"])
                clock.wall -= 10 * HOUR  # set back: nothing comes a second time
                await keep(engine, due_clock, d=clock.wall - 1)
                await eventually_async(lambda: service.handed == ["a", "b", "d"])
                clock.wall += 12 * HOUR
                await eventually_async(lambda: service.handed == ["a", "b", "d", "c"])
            assert service.attempts == 4

    asyncio.run(scene())


def test_a_record_that_holds_up_all_others_is_named_in_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.services.due_clock._LONG_SECONDS", 0.01)

    async def scene() -> None:
        clock = SetClock()
        async with opened(tmp_path, clock) as engine:
            service, freed = Reminders(engine), asyncio.Event()

            async def slow(record: Record, now: float) -> None:
                if record.key == "slow":
                    await freed.wait()
                await service.handle(record, now)

            with capture_logs() as told:
                async with running(DueClock(engine.records, clock, {KIND: slow})) as due_clock:
                    await keep(engine, due_clock, slow=clock.wall - 2, other=clock.wall - 1)
                    await eventually_async(lambda: bool(told))
                    assert service.handed == []
                    freed.set()
                    await eventually_async(lambda: service.handed == ["slow", "other"])
            assert (told[0]["kind"], told[0]["record"], told[0]["log_level"]) == (KIND, "slow", "warning")

    asyncio.run(scene())


def test_what_fell_due_while_the_process_was_down_comes_at_the_start_in_order(tmp_path: Path) -> None:
    async def scene() -> None:
        clock = SetClock()
        async with opened(tmp_path, clock) as engine:
            await keep(engine, None, **{f"r{number}": clock.wall + 300 - number for number in range(250)})
        clock.pass_by(HOUR)
        async with opened(tmp_path, clock) as engine:
            service = Reminders(engine)
            async with running(DueClock(engine.records, clock, {KIND: service.handle})):
                await eventually_async(lambda: len(service.handed) >= 250)
            assert service.handed == [f"r{number}" for number in reversed(range(250))]

    asyncio.run(scene())


def test_a_record_that_fails_holds_up_no_other_and_is_tried_again_later_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.due_clock._BATCH", 4)

    async def scene() -> None:
        clock = SetClock()
        async with opened(tmp_path, clock) as engine:
            broken = Reminders(engine)
            broken.broken = {f"bad{number}" for number in range(6)}  # more than one batch, and due before all others
            due_clock = DueClock(engine.records, clock, {KIND: broken.handle})
            async with running(due_clock):
                await keep(engine, due_clock, **dict.fromkeys(broken.broken, clock.wall - HOUR), fine=clock.wall - 1)
                await eventually_async(lambda: broken.handed == ["fine"])
                clock.pass_by(1.5)
                await eventually_async(lambda: broken.attempts >= 2 * 6 + 1)
                clock.pass_by(1.5)  # the second pause is two seconds
                await keep(engine, due_clock, next=clock.wall - 1)
                await eventually_async(lambda: broken.handed == ["fine", "next"])
                assert broken.attempts == 2 * 6 + 2
                broken.broken = set()
                clock.pass_by(1.0)
                await eventually_async(lambda: len(broken.handed) == 8)

    asyncio.run(scene())


def test_a_clock_set_back_while_the_store_answers_makes_a_record_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        clock = SetClock()
        async with opened(tmp_path, clock) as engine:
            ask, asked = engine.records.due, asyncio.Event()

            async def set_back(kind: str, now: float, limit: int) -> list[Record]:
                answer = list(await ask(kind, now, limit))
                if answer and not asked.is_set():
                    asked.set()
                    clock.wall -= HOUR
                return answer

            monkeypatch.setattr(engine.records, "due", set_back)
            service = Reminders(engine)
            due_clock = DueClock(engine.records, clock, {KIND: service.handle})
            async with running(due_clock):
                await keep(engine, due_clock, a=clock.wall - 1)
                await asked.wait()
                await keep(engine, due_clock, b=clock.wall - 1)
                await eventually_async(lambda: service.handed == ["b"])
                clock.wall += HOUR  # the steady clock stands still: a record that had failed would not come now
                await eventually_async(lambda: service.handed == ["b", "a"])
            assert service.attempts == 2

    asyncio.run(scene())


def test_a_store_that_takes_nothing_delays_records_and_loses_none(tmp_path: Path) -> None:
    async def scene() -> None:
        clock = SetClock()
        async with opened(tmp_path, clock) as engine:
            service = Reminders(engine)
            service.away = True
            due_clock = DueClock(engine.records, clock, {KIND: service.handle})
            async with running(due_clock):
                await keep(engine, due_clock, a=clock.wall - 2, b=clock.wall - 1)
                await eventually_async(lambda: service.attempts == 1)
                service.away = False
                clock.pass_by(2)
                await eventually_async(lambda: service.handed == ["a", "b"])

    asyncio.run(scene())


def test_after_stop_nothing_is_handed_out(tmp_path: Path) -> None:
    async def scene() -> None:
        clock = SetClock()
        async with opened(tmp_path, clock) as engine:
            service = Reminders(engine)
            due_clock = DueClock(engine.records, clock, {KIND: service.handle})
            async with running(due_clock):
                await keep(engine, due_clock, a=clock.wall - 1)
                await eventually_async(lambda: service.handed == ["a"])
                await due_clock.stop()
                await keep(engine, due_clock, b=clock.wall - 1)
                for _ in range(50):
                    await asyncio.sleep(0)
                await engine.records.next_due(KIND)  # behind all that was asked of the store
            assert service.handed == ["a"]

    asyncio.run(scene())


def test_it_ends_when_it_is_cancelled_in_the_moment_in_which_it_is_woken(tmp_path: Path) -> None:
    """`asyncio.wait_for` of Python 3.11 forgets a cancellation that comes together with what it waits for."""

    async def scene() -> bool:
        clock = SetClock()
        async with opened(tmp_path, clock) as engine:
            due_clock = DueClock(engine.records, clock, {KIND: Reminders(engine).handle})
            task = asyncio.create_task(due_clock.run())
            await keep(engine, due_clock, first=clock.wall - 1)
            await eventually_async(due_clock._idle.is_set)  # it waits
            due_clock.changed([RecordChange(KIND, "second", 0, b"", due=clock.wall + HOUR)])
            task.cancel()
            await asyncio.wait({task}, timeout=5)
            ended = task.cancelled()
            task.cancel()
            return ended

    assert asyncio.run(scene())


moves = st.lists(
    st.one_of(
        st.tuples(st.just("register"), st.integers(-500, 4_000)),
        st.tuples(st.just("pass"), st.integers(1, 3_000)),
        st.tuples(st.just("jump"), st.integers(-90_000, 3_000)),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(moves, min_size=1, max_size=3))
def test_whatever_the_clocks_do_every_record_comes_exactly_once(lives: list[list[tuple[str, int]]]) -> None:
    async def scene(folder: Path) -> None:
        clock, handed, times = SetClock(), list[str](), dict[str, float]()
        for steps in lives:
            async with opened(folder, clock) as engine:
                service = Reminders(engine)
                async with running(DueClock(engine.records, clock, {KIND: service.handle})) as due_clock:
                    for kind, seconds in steps:
                        if kind == "jump":
                            clock.wall += seconds
                        elif kind == "pass":
                            clock.pass_by(seconds)
                        else:
                            name = f"r{len(times)}"
                            times[name] = clock.wall + seconds
                            await keep(engine, due_clock, **{name: times[name]})
                        due = {name for name, at in times.items() if at <= clock.wall} - set(handed)
                        await eventually_async(lambda: due <= set(service.handed))  # noqa: B023  in this turn
                handed += service.handed
            clock.pass_by(1_000)
        assert len(handed) == len(set(handed))

    with TemporaryDirectory() as folder:
        asyncio.run(scene(Path(folder)))

"""Two nodes and their due records: each is handed out with one effect, by one node at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from app.core.ratelimit import RateLimiter
from app.engine.build import open_engine
from app.engine.limits import EngineLimits
from app.engine.ports.engine import Engine
from app.engine.ports.errors import Moved
from app.engine.ports.records import Record, RecordChange
from app.services.due_clock import DueClock, DueHandler
from app.services.nodes.due_lease import LEASE_SECONDS, DueLease
from tests.harness.eventually import eventually_async
from tests.services.test_due_clock import SetClock

KIND = "reminder"


class Office:
    """Two nodes on one store, with clocks that the test moves. `done` are effects, `vain` attempts that had none."""

    def __init__(self, engine: Engine, clock: SetClock, *, leases: bool) -> None:
        self.engine, self.clock = engine, clock
        self.done: list[tuple[str, str]] = []
        self.vain = 0
        self.leases = [DueLease(node, engine.records, engine.broker) for node in ("n1", "n2")]
        self.clocks = [
            DueClock(engine.records, clock, {KIND: self.handler(node)}, lease if leases else None)
            for node, lease in zip(("n1", "n2"), self.leases, strict=True)
        ]

    def handler(self, node: str) -> DueHandler:
        async def handle(record: Record, now: float) -> None:
            await asyncio.sleep(0)  # the other node has its turn here
            try:
                await self.engine.broker.publish([], None, [RecordChange(KIND, record.key, record.revision, b"done")])
            except Moved:
                self.vain += 1
                raise
            self.done.append((record.key, node))

        return handle

    async def put(self, count: int) -> None:
        for start in range(0, count, 50):
            numbers = range(start, min(start + 50, count))
            changes = [RecordChange(KIND, f"r{number:04}", 0, b"", due=self.clock.wall + 1) for number in numbers]
            await self.engine.broker.publish([], None, changes)
        for each in self.clocks:
            each.changed([RecordChange(KIND, "", 0, b"", due=0.0)])


async def served(folder: Path, clock: SetClock, count: int, *, leases: bool) -> Office:
    engine = await open_engine("embedded", folder, limits=EngineLimits(), rates=RateLimiter(), clock=clock)
    try:
        office = Office(engine, clock, leases=leases)
        tasks = [asyncio.create_task(each.run()) for each in office.clocks]
        await office.put(count)
        clock.pass_by(2)
        await eventually_async(lambda: len(office.done) >= count, lambda: f"{len(office.done)} of {count}")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return office
    finally:
        await engine.close()


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.services.due_clock._LOOK_SECONDS", 0.01)
    monkeypatch.setattr("app.services.nodes.due_lease._LOOK_SECONDS", 0.01)


def test_each_record_has_one_effect_and_nodes_do_not_work_in_vain(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    async def scenario() -> None:
        alone = await served(tmp_path / "alone", SetClock(), 200, leases=False)
        taken = await served(tmp_path / "turns", SetClock(), 200, leases=True)
        for office in (alone, taken):
            assert sorted(key for key, _ in office.done) == [f"r{number:04}" for number in range(200)]
        assert alone.vain > 50  # without turns the nodes meet at most records
        assert taken.vain == 0
        assert sum(lease.taken for lease in taken.leases) <= 4
        record_property("vain", f"{alone.vain} of 200 without turns, {taken.vain} with")

    asyncio.run(scenario())


def test_a_node_that_died_with_the_lease_is_followed_by_another(tmp_path: Path) -> None:
    async def scenario() -> None:
        clock = SetClock()
        engine = await open_engine("embedded", tmp_path, limits=EngineLimits(), rates=RateLimiter(), clock=clock)
        one, other = (DueLease(node, engine.records, engine.broker) for node in ("n1", "n2"))
        assert await one.wait(KIND, clock()) == 0.0
        assert await other.wait(KIND, clock()) > 0
        clock.wall += 86_400.0  # a wall clock that jumps ends no lease
        assert await other.wait(KIND, clock()) > 0
        clock.pass_by(LEASE_SECONDS - 0.1)
        assert one.holds(KIND, clock.steady)
        assert await other.wait(KIND, clock()) > 0
        clock.pass_by(0.2)
        assert not one.holds(KIND, clock.steady)
        assert await other.wait(KIND, clock()) == 0.0
        assert await one.wait(KIND, clock()) > 0  # it comes back too late
        await other.give_back(KIND, clock())
        assert await one.wait(KIND, clock()) == 0.0
        clock.pass_by(LEASE_SECONDS / 2 + 0.1)
        assert await one.wait(KIND, clock()) == 0.0  # prolonged
        clock.pass_by(LEASE_SECONDS / 2 + 0.1)
        assert one.holds(KIND, clock.steady)
        await engine.close()

    asyncio.run(scenario())

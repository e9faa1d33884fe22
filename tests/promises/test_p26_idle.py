"""The cost of open commitments while none is due: few questions to the store, whatever their number.

The share of a core and the time of a start are printed.
"""

from __future__ import annotations

import asyncio
import resource
import time
from contextlib import suppress
from pathlib import Path
from typing import cast

from app.core.ratelimit import RateLimiter
from app.engine.build import open_engine
from app.engine.limits import EngineLimits
from app.engine.ports.records import Record, RecordChange, RecordStore
from app.services.due_clock import _READ_SECONDS, DueClock
from tests.engine.conftest import Clock
from tests.promises.conftest import Report, Sized

_KIND, _BATCH, _YEAR_SECONDS = "commitment", 2_000, 365 * 86_400.0


class CountedRecords:
    """A store of records that counts the questions about due records, and refuses all others."""

    def __init__(self, records: RecordStore) -> None:
        self._records = records
        self.next_due_reads = self.due_reads = 0

    async def next_due(self, kind: str) -> float | None:
        self.next_due_reads += 1
        return await self._records.next_due(kind)

    async def due(self, kind: str, until: float, limit: int) -> list[Record]:
        self.due_reads += 1
        return await self._records.due(kind, until, limit)

    def __getattr__(self, name: str) -> None:
        raise AssertionError(f"the clock asked the store for {name}")


async def _unexpected(record: Record, _: float) -> None:
    raise AssertionError(f"{record.key} is not due")


def test_p26_open_commitments_cost_nothing_until_they_are_due(tmp_path: Path, report: Report, sized: Sized) -> None:
    records, seconds = sized(10_000, 100_000), sized(3, 20)

    async def scene() -> None:
        clock = Clock()
        engine = await open_engine("embedded", tmp_path, limits=EngineLimits(), rates=RateLimiter(), clock=clock)
        due = time.time() + _YEAR_SECONDS
        for start in range(0, records, _BATCH):
            numbers = range(start, min(start + _BATCH, records))
            changes = [RecordChange(_KIND, f"c{n}", 0, b"x" * 400, ("all",), f"0{n}", due + n) for n in numbers]
            await engine.broker.publish([], changes=changes)
        await engine.close()
        began = time.perf_counter()
        engine = await open_engine("embedded", tmp_path, limits=EngineLimits(), rates=RateLimiter(), clock=clock)
        counted = CountedRecords(engine.records)
        due_clock = DueClock(cast("RecordStore", counted), clock, {_KIND: _unexpected})
        task = asyncio.create_task(due_clock.run())
        assert await engine.records.next_due(_KIND) == due
        started = time.perf_counter() - began
        before, at = _cpu_seconds(), time.perf_counter()
        await asyncio.sleep(seconds)
        share = 100 * (_cpu_seconds() - before) / (time.perf_counter() - at)
        passed = time.perf_counter() - began
        assert counted.due_reads == 0, "none is due, so none is read"
        assert counted.next_due_reads <= 1 + passed / _READ_SECONDS
        report(f"{records:,} open: start {started:.2f} s, nothing due {share:.3f} % of a core")
        await due_clock.stop()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await engine.close()

    asyncio.run(scene())


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime

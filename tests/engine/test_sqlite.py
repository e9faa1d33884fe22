"""The writer's group commit."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from app.engine.sqlite.connection import connect
from app.engine.sqlite.reader import Reader
from app.engine.sqlite.writer import Writer


class Full(Exception):
    """The error of the writers here."""


class Loud(Exception):
    """A job's own failure."""


class Gate:
    """Holds the writer, so that what is submitted meanwhile becomes one batch."""

    def __init__(self, writer: Writer, rollbacks: list[int]) -> None:
        self.rollbacks = rollbacks
        self._opened, entered = threading.Event(), threading.Event()

        def hold(db: sqlite3.Connection) -> None:
            entered.set()
            self._opened.wait(60)

        writer.submit(hold)
        entered.wait(60)

    def open(self) -> None:
        self._opened.set()


Scenario = Callable[[Writer, Gate], Coroutine[Any, Any, None]]


def _run(tmp_path: Path, scenario: Scenario, limit: int = 100) -> None:
    async def main() -> None:
        connection = connect(tmp_path / "test.db")
        connection.execute("CREATE TABLE rows (value INTEGER UNIQUE) STRICT")
        rollbacks: list[int] = []
        writer = Writer(connection, Full, lambda: rollbacks.append(1), limit=limit)
        gate = Gate(writer, rollbacks)
        try:
            await scenario(writer, gate)
        finally:
            gate.open()
            await writer.close()

    asyncio.run(main())


def _insert(value: int) -> Callable[[sqlite3.Connection], int]:
    def work(db: sqlite3.Connection) -> int:
        db.execute("INSERT INTO rows VALUES (?)", (value,))
        return value

    return work


def _rows(db: sqlite3.Connection) -> list[int]:
    return [value for (value,) in db.execute("SELECT value FROM rows ORDER BY value")]


def test_a_job_that_refuses_before_it_wrote_fails_alone(tmp_path: Path) -> None:
    def refuse(db: sqlite3.Connection) -> None:
        raise Loud

    async def scenario(writer: Writer, gate: Gate) -> None:
        jobs: list[asyncio.Future[Any]] = [writer.submit(work) for work in (_insert(1), refuse, _insert(2))]
        gate.open()
        outcomes = await asyncio.gather(*jobs, return_exceptions=True)
        assert outcomes[::2] == [1, 2]
        assert isinstance(outcomes[1], Loud)
        assert await writer.submit(_rows) == [1, 2]

    _run(tmp_path, scenario)


@pytest.mark.parametrize("fault", [Loud, sqlite3.OperationalError])
def test_a_batch_in_which_a_job_broke_halfway_is_not_committed(tmp_path: Path, fault: type[Exception]) -> None:
    def break_halfway(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO rows VALUES (2)")
        raise fault

    async def scenario(writer: Writer, gate: Gate) -> None:
        jobs: list[asyncio.Future[Any]] = [writer.submit(_insert(1)), writer.submit(break_halfway)]
        gate.open()
        outcomes = await asyncio.gather(*jobs, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [Full, Full]
        assert not writer.healthy
        assert gate.rollbacks == [1]
        assert await writer.submit(_rows) == []
        assert writer.healthy  # a later batch was committed

    _run(tmp_path, scenario)


def test_results_come_in_order_and_before_those_who_wait_go_on(tmp_path: Path) -> None:
    async def scenario(writer: Writer, gate: Gate) -> None:
        seen: list[str] = []

        async def submit(value: int) -> None:
            await writer.submit(_insert(value), lambda result: seen.append(f"then {result}"))
            seen.append(f"done {value}")

        submitting = [asyncio.ensure_future(submit(value)) for value in (1, 2)]
        await asyncio.sleep(0)
        gate.open()
        await asyncio.gather(*submitting)
        assert seen == ["then 1", "then 2", "done 1", "done 2"]

    _run(tmp_path, scenario)


def test_a_delivery_that_fails_costs_nobody_an_ack(tmp_path: Path) -> None:
    async def scenario(writer: Writer, gate: Gate) -> None:
        complaints: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))

        def fail(result: int) -> None:
            raise Loud

        jobs = [writer.submit(_insert(1), fail), writer.submit(_insert(2))]
        gate.open()
        assert await asyncio.gather(*jobs) == [1, 2]
        assert [type(complaint["exception"]) for complaint in complaints] == [Loud]

    _run(tmp_path, scenario)


def test_more_than_the_bound_is_refused_at_once(tmp_path: Path) -> None:
    async def scenario(writer: Writer, gate: Gate) -> None:
        jobs = [writer.submit(_insert(value)) for value in range(9)]  # the gate is the tenth
        assert not writer.healthy
        with pytest.raises(Full, match="try again"):
            writer.submit(_insert(99))
        writer.post(_insert(99))
        gate.open()
        await asyncio.gather(*jobs)
        assert await writer.submit(_rows) == list(range(9))
        assert writer.healthy

    _run(tmp_path, scenario, limit=10)


def test_closing_runs_what_waits_and_takes_nothing_more(tmp_path: Path) -> None:
    async def scenario(writer: Writer, gate: Gate) -> None:
        jobs = [writer.submit(_insert(value)) for value in range(2000)]
        gate.open()
        await writer.close()
        assert [job.result() for job in jobs] == list(range(2000))
        assert not writer.healthy
        with pytest.raises(Full, match="closed"):
            writer.submit(_insert(3000))

    _run(tmp_path, scenario, limit=5000)


def test_the_reader_sees_what_is_committed_while_the_writer_writes(tmp_path: Path) -> None:
    async def scenario(writer: Writer, gate: Gate) -> None:
        gate.open()
        await writer.submit(_insert(1))
        reader = Reader(tmp_path / "test.db", Full)
        held = Gate(writer, [])
        assert await reader.run(_rows) == [1]
        with pytest.raises(Full, match="cannot be read"):
            await reader.run(_insert(2))
        held.open()
        await reader.close()
        with pytest.raises(Full, match="closed"):
            await reader.run(_rows)

    _run(tmp_path, scenario)

"""The thread that writes and checkpoints a SQLite file.

Jobs that wait when the thread wakes share one transaction (group commit): 64 publishers wait for one fsync instead of
64. `synchronous=FULL` makes a commit survive a power cut, and WAL lets the reader go on meanwhile. The reader never
checkpoints: older SQLite (the WAL-reset bug) can lose a commit when two connections checkpoint.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, copy_context
from queue import Empty, SimpleQueue
from typing import Any, Final, NamedTuple, TypeVar

import structlog

from app.telemetry.stalls import MeasuredLoop

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

MAX_WAITING_JOBS: Final = 10_000
MAX_BATCH: Final = 512  # jobs a transaction: bounds how many outcomes come to the loop at once
RETRY_SECONDS: Final = 1.0
TURN_SECONDS: Final = 0.005  # for outcomes in one turn of the loop; the others wait for the next turn

_log = structlog.get_logger("sqlite")


class _Job(NamedTuple):
    work: Work[Any]
    then: Callable[[Any], None] | None
    future: asyncio.Future[Any] | None
    context: Context


class _Outcome(NamedTuple):
    job: _Job
    result: Any
    error: Exception | None


class Writer:
    """The queue of jobs and the thread that runs them. It is made on the event loop's thread and used from there.

    A job either writes everything or raises **before** it has written anything: then it alone fails, with its own
    exception. After a failure of SQLite (disk full, I/O) the whole batch is rolled back and each of its jobs fails with
    `unavailable(message)`. `rolled_back` is then called in the writer's thread, for jobs that remember what they wrote.
    Later jobs are tried again, so the writer recovers once the disk does.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        unavailable: type[Exception],
        rolled_back: Callable[[], None],
        *,
        limit: int = MAX_WAITING_JOBS,
    ) -> None:
        self._connection, self._unavailable, self._rolled_back = connection, unavailable, rolled_back
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._fresh: list[_Job] = []  # of this turn of the loop: the thread is woken once, when the loop rests
        self._limit, self._waiting = limit, 0
        self._trouble = ""
        self._outcomes: deque[_Outcome] = deque()
        self._is_resolving = False
        self._closing = self._last = False
        self._thread = threading.Thread(target=self._run, name="sqlite-writer", daemon=True)
        self._thread.start()

    @property
    def healthy(self) -> bool:
        """Return True while the last transaction was committed and there is room for more jobs."""
        return not (self._trouble or self._closing) and self._waiting < self._limit

    def submit(self, work: Work[T], then: Callable[[T], None] | None = None) -> asyncio.Future[T]:
        """Run `work` in the writer's thread; the future has its result once that is durable.

        Jobs run in the order of their submission. `then` gets the result on the event loop, in that order, in the
        caller's context and before the future is done, also when the future was cancelled. Raises `unavailable` at once
        when too many wait.
        """
        if self._closing:
            raise self._unavailable("The event store is closed: try again when the service is up")
        if self._waiting >= self._limit:
            raise self._unavailable("Too many changes wait for the disk: try again in a few seconds")
        future: asyncio.Future[T] = self._loop.create_future()
        self._add(_Job(work, then, future, copy_context()))
        return future

    def post(self, work: Work[T], then: Callable[[T], None] | None = None) -> None:
        """Submit a job without waiting for it; it may be lost when the disk refuses."""
        if not self._closing and self._waiting < self._limit:
            self._add(_Job(work, then, None, copy_context()))

    def _add(self, job: _Job) -> None:
        self._waiting += 1
        self._fresh.append(job)
        if not isinstance(self._loop, MeasuredLoop):
            self._hand_over()
        elif len(self._fresh) == 1:
            self._loop.call_at_turn_end(self._hand_over)

    def _hand_over(self) -> None:
        jobs, self._fresh = self._fresh, []
        for job in jobs:
            self._queue.put(job)

    async def close(self) -> None:
        """Run all jobs that wait, then stop the thread and close the connection."""
        if not self._closing:
            self._closing = True
            self._hand_over()
            self._queue.put(None)
            await self._loop.run_in_executor(None, self._thread.join)
            while self._outcomes:  # noqa: ASYNC110  they are delivered in turns of this loop
                await asyncio.sleep(0)

    # In the writer's thread

    def _run(self) -> None:
        while jobs := self._take():
            outcomes = self._transact(jobs)
            with suppress(RuntimeError):  # the loop is closed: no future is awaited any more
                self._loop.call_soon_threadsafe(self._resolve, outcomes)
        with suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()

    def _take(self) -> list[_Job]:
        """Return the jobs that wait, at least one and at most `MAX_BATCH`; none at the end.

        While the disk refuses, an empty queue gives the probe once a second: the writer notices by itself that the disk
        takes writes again, also when no job comes because `healthy` is false.
        """
        jobs: list[_Job] = []
        if self._last:
            return jobs
        try:
            job = self._queue.get(timeout=RETRY_SECONDS if self._trouble else None)
            while job is not None:
                jobs.append(job)
                if len(jobs) == MAX_BATCH:
                    return jobs
                job = self._queue.get_nowait()
        except Empty:
            return jobs or [_Job(_probe, None, None, copy_context())]
        self._last = True
        return jobs

    def _transact(self, jobs: list[_Job]) -> list[_Outcome]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")  # takes the write lock now, not at the first write of a job
            outcomes = [self._outcome(job) for job in jobs]
            self._connection.execute("COMMIT")
        except Exception as error:  # a thread must not die unseen: whatever it is, nothing of the batch holds
            return self._failed(jobs, error)
        if self._trouble:
            self._trouble = ""
            _log.info("store_healthy")
        return outcomes

    def _outcome(self, job: _Job) -> _Outcome:
        before = self._connection.total_changes
        try:
            return _Outcome(job, job.work(self._connection), None)
        except sqlite3.Error:
            raise
        except Exception as error:
            if self._connection.total_changes != before:
                raise  # half a job must not be committed with the others
            return _Outcome(job, None, error)

    def _failed(self, jobs: list[_Job], error: Exception) -> list[_Outcome]:
        with suppress(sqlite3.Error):  # SQLite may have rolled back itself
            self._connection.execute("ROLLBACK")
        self._rolled_back()
        if not self._trouble:
            _log.error("store_refused", error=repr(error))
        self._trouble = f"The event store cannot be written ({error}): free space on its disk, or check the log"
        return [_Outcome(job, None, self._unavailable(self._trouble)) for job in jobs]

    # On the loop again

    def _resolve(self, outcomes: list[_Outcome]) -> None:
        self._outcomes.extend(outcomes)
        if not self._is_resolving:
            self._is_resolving = True
            self._resolve_some()

    def _resolve_some(self) -> None:
        """Deliver outcomes in the order of the commits, for `TURN_SECONDS`; the rest in the next turn of the loop."""
        until = time.perf_counter() + TURN_SECONDS
        while self._outcomes:
            self._deliver(self._outcomes.popleft())
            if time.perf_counter() >= until:
                break
        if self._outcomes:
            self._loop.call_soon(self._resolve_some)
        else:
            self._is_resolving = False

    def _deliver(self, outcome: _Outcome) -> None:
        (work, then, future, caller), result, error = outcome
        if work is not _probe:
            self._waiting -= 1
        if error is None and then is not None:
            try:
                caller.run(then, result)
            except Exception as wrong:  # a fault in one delivery must not cost another its ack
                context = {"message": "delivery of a commit failed", "exception": wrong}
                self._loop.call_exception_handler(context)
        if future is None or future.cancelled():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


def _probe(connection: sqlite3.Connection) -> None:
    """Write the first page of the file again, to see whether the disk takes it. `user_version` has no meaning here."""
    connection.execute("PRAGMA user_version = 0")

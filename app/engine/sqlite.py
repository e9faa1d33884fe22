"""SQLite beside an event loop: one thread that writes and checkpoints, one that reads.

All jobs that wait when the writer wakes share one transaction (group commit), so 64 writers wait for one
sync, not for 64. `synchronous=FULL` makes a commit survive a power cut; WAL lets the reader go on meanwhile.
The reader never checkpoints: older SQLite can lose a commit when two connections do.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import Context, copy_context
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, NamedTuple, TypeVar

import structlog

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

MAX_WAITING_JOBS: Final = 10_000
BATCH: Final = 512  # jobs a transaction: bounds how long the loop is busy with their outcomes
RETRY_SECONDS: Final = 1.0
TURN_SECONDS: Final = 0.005  # in which one turn of the loop tells of outcomes; the others wait for the next

_log = structlog.get_logger("sqlite")


class StoreError(Exception):
    """The store cannot be opened; the message says what to do."""


def lock_folder(folder: Path) -> int:
    """Make the folder, and take it for this process until the returned descriptor is closed. Raises
    StoreError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / "engine.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(
            f"The data folder {folder} cannot be used ({error.strerror}): check its path, rights and disk"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise StoreError(
            f"Another process uses the data folder {folder}: stop it, or give this one a folder of its own"
        ) from error
    return lock


def connect(file: Path) -> sqlite3.Connection:
    """The writing connection. Transactions are begun and ended by hand. Raises sqlite3.Error."""
    with suppress(OSError):  # SQLite says better what is wrong with the path; its side files take the mode of this one
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "busy_timeout=5000",
        "foreign_keys=OFF",
        "temp_store=MEMORY",  # a full disk must not fail what needs no room on it
        "cache_size=-32768",
    ):
        connection.execute(f"PRAGMA {pragma}")
    return connection


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
    """The one who writes. Made on the event loop's thread, and used from there alone.

    A job writes all it has to or raises **before** it wrote anything: then it alone fails, with its own
    exception. After a failure of SQLite (disk full, I/O) the whole batch is rolled back, and each of its jobs
    fails with `unavailable(message)`; `rolled_back` is called in the writer's thread, for jobs that remember
    what they wrote. Later jobs are tried again, so it heals by itself.
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
        self._limit, self._waiting = limit, 0
        self._trouble = ""
        self._outcomes: deque[_Outcome] = deque()
        self._is_resolving = False
        self._closing = self._last = False
        self._thread = threading.Thread(target=self._run, name="sqlite-writer", daemon=True)
        self._thread.start()

    @property
    def healthy(self) -> bool:
        """Whether the last transaction was committed and there is room for more."""
        return not (self._trouble or self._closing) and self._waiting < self._limit

    def submit(self, work: Work[T], then: Callable[[T], None] | None = None) -> asyncio.Future[T]:
        """Run `work` in the writer's thread; the future has its result once that is durable.

        Jobs run in the order of their submission. `then` gets the result on the event loop, in that order and
        before the future is done, also when nobody waits for the future any more, and in the caller's context. Raises
        `unavailable` at once when too many wait.
        """
        if self._closing:
            raise self._unavailable("The event store is closed: try again when the service is up")
        if self._waiting >= self._limit:
            raise self._unavailable("Too many changes wait for the disk: try again in a few seconds")
        future: asyncio.Future[T] = self._loop.create_future()
        self._waiting += 1
        self._queue.put(_Job(work, then, future, copy_context()))
        return future

    def post(self, work: Work[T], then: Callable[[T], None] | None = None) -> None:
        """Submit what nobody waits for, and what may be lost when the disk refuses."""
        if not self._closing and self._waiting < self._limit:
            self._waiting += 1
            self._queue.put(_Job(work, then, None, copy_context()))

    async def close(self) -> None:
        """Run all that waits, then stop and close the connection."""
        if not self._closing:
            self._closing = True
            self._queue.put(None)
            await self._loop.run_in_executor(None, self._thread.join)
            while self._outcomes:  # noqa: ASYNC110  they are told in turns of this loop
                await asyncio.sleep(0)

    # In the writer's thread

    def _run(self) -> None:
        while jobs := self._take():
            outcomes = self._transact(jobs)
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._resolve, outcomes)
        with suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()

    def _take(self) -> list[_Job]:
        """All that waits, at least one and at most BATCH; nothing at the end."""
        jobs: list[_Job] = []
        if self._last:
            return jobs
        try:
            job = self._queue.get(timeout=RETRY_SECONDS if self._trouble else None)
            while job is not None:
                jobs.append(job)
                if len(jobs) == BATCH:
                    return jobs
                job = self._queue.get_nowait()
        except Empty:
            return jobs or [_Job(_probe, None, None, copy_context())]
        self._last = True
        return jobs

    def _transact(self, jobs: list[_Job]) -> list[_Outcome]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
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
        """Tell of as many outcomes as one turn of the loop has room for, in the order of the commits."""
        until = time.perf_counter() + TURN_SECONDS
        while self._outcomes:
            self._tell(self._outcomes.popleft())
            if time.perf_counter() >= until:
                break
        if self._outcomes:
            self._loop.call_soon(self._resolve_some)
        else:
            self._is_resolving = False

    def _tell(self, outcome: _Outcome) -> None:
        (work, then, future, caller), result, error = outcome
        if work is not _probe:
            self._waiting -= 1
        if error is None and then is not None:
            try:
                caller.run(then, result)
            except Exception as wrong:  # what one delivery does wrong must not cost another its ack
                context = {"message": "delivery of a commit failed", "exception": wrong}
                self._loop.call_exception_handler(context)
        if future is None or future.cancelled():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


def _probe(connection: sqlite3.Connection) -> None:
    """Write the file's first page anew, to see whether the disk takes it; `user_version` means nothing
    here."""
    connection.execute("PRAGMA user_version = 0")


class Reader:
    """Queries on a thread and a read-only connection of their own; they see what is committed."""

    def __init__(self, file: Path, unavailable: type[Exception]) -> None:
        self._connection = sqlite3.connect(
            f"{file.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )
        self._unavailable = unavailable
        self._pool = ThreadPoolExecutor(1, "sqlite-reader")
        self._closed = False

    async def run(self, query: Work[T]) -> T:
        """The query's result. Raises `unavailable`."""
        if self._closed:
            raise self._unavailable("The event store is closed: try again when the service is up")
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._pool, query, self._connection)
        except sqlite3.Error as error:
            raise self._unavailable(f"The event store cannot be read ({error}): check its disk, and the log") from error

    async def close(self) -> None:
        """Finish what is under way, then stop."""
        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(None, self._pool.shutdown)
            self._connection.close()

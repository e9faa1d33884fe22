"""The thread that reads a SQLite file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class Reader:
    """Queries on a thread and a read-only connection of their own: they see committed data only.

    One thread runs them in the order of their calls. The file is in WAL mode, so a query never waits for the writer.
    """

    def __init__(self, file: Path, unavailable: type[Exception]) -> None:
        self._connection = sqlite3.connect(
            f"{file.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )
        self._unavailable = unavailable
        self._pool = ThreadPoolExecutor(1, "sqlite-reader")
        self._closed = False

    async def run(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Return the result of the query. Raises `unavailable`."""
        if self._closed:
            raise self._unavailable("The event store is closed: try again when the service is up")
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._pool, query, self._connection)
        except sqlite3.Error as error:
            raise self._unavailable(f"The event store cannot be read ({error}): check its disk, and the log") from error

    async def close(self) -> None:
        """Wait for the queries that were begun, then close the connection."""
        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(None, self._pool.shutdown)
            self._connection.close()

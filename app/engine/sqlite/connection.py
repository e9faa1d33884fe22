"""The writing connection to a SQLite file, and the lock on its folder."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import suppress
from pathlib import Path


class StoreError(Exception):
    """Raised when the store cannot be opened; the message says what to do."""


def lock_folder(folder: Path) -> int:
    """Make the folder and lock it for this process; the lock is held until the returned descriptor is closed.

    Raises StoreError.
    """
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
    """Open the writing connection. Its transactions are begun and ended by hand. Raises sqlite3.Error."""
    with suppress(OSError):  # SQLite says better what is wrong with the path; its side files take the mode of this one
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # each commit is synced: NORMAL may lose the last ones in a power cut
        "busy_timeout=5000",  # milliseconds; an online copy or a shell may hold the file for a moment
        "foreign_keys=OFF",
        "temp_store=MEMORY",  # a full disk must not fail what needs no room on it
        "cache_size=-32768",
    ):
        connection.execute(f"PRAGMA {pragma}")
    return connection

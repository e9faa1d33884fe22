"""The mark by which a copied or restored store is recognised.

Each start writes a new random mark into the store and into a new file beside it, and keeps in the store the identity of
that file: its inode, the time at which it was made, and its file system. No copy has all of them: a copied folder has a
new file, a store that was put back has an older mark, and moving the folder on its own file system changes nothing.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import sqlite3
from pathlib import Path
from typing import Final

from app.engine.sqlite.connection import StoreError

FILE: Final = "engine.mark"
COPY: Final = "copy"
"""The mark of a copy that was made on purpose: no file holds it."""

_STATX_BTIME: Final = 0x800
_AT_FDCWD: Final = -100


def moved(db: sqlite3.Connection, store: Path, recorded: int) -> str:
    """Return why the store is a copy or was restored; "" where it lies as it was left.

    `recorded` is the last commit that the journal holds: a store that has not come so far is an older one. A store
    without any mark is new, or of a version that made none.
    """
    meta = dict(db.execute("SELECT name, value FROM meta WHERE name IN ('mark', 'place')"))
    mark, file = meta.get("mark", ""), store.with_name(FILE)
    beside = file.read_text(encoding="utf-8", errors="replace").strip() if file.exists() else ""
    if mark == COPY:
        return "it is a copy that was made to be restored"
    if mark and not beside:
        return f"the file {FILE} beside it is missing"
    if mark != beside:
        return f"the file {FILE} beside it is of another start"
    if mark and meta.get("place", "") != _place(store):
        return "it lies in other files than it was left in"
    if last_commit(db) < recorded:
        return "the journal holds later changes than it does"
    return ""


def begin_anew(db: sqlite3.Connection, recorded: int) -> str:
    """Give the store a new id, from which all epochs are derived; return it.

    Its commits are numbered from `recorded` on, so that no number stands for two.
    """
    store = secrets.token_hex(16)
    db.execute("BEGIN IMMEDIATE")
    db.execute("UPDATE meta SET value = ? WHERE name = 'store'", (store,))
    if last_commit(db) < recorded:
        db.execute("DELETE FROM sqlite_sequence WHERE name = 'events'")
        db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('events', ?)", (recorded,))
    db.execute("COMMIT")
    return store


def put(db: sqlite3.Connection, store: Path) -> None:
    """Mark the store and a new file beside it. A crash between the two makes the next start begin new epochs.

    Raises StoreError where the file cannot be written.
    """
    mark, file = secrets.token_hex(16), store.with_name(FILE)
    draft = file.with_name(f".{FILE}.part")
    try:
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, mark.encode() + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        draft.replace(file)
        folder = os.open(store.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        place = _place(store)
    except OSError as error:
        raise StoreError(
            f"The mark {file} of the event store cannot be written ({error.strerror}): free space on its disk, or "
            "make the folder writable"
        ) from error
    write(db, mark, place)


def write(db: sqlite3.Connection, mark: str, place: str = "") -> None:
    """Write a mark into a store."""
    db.execute("BEGIN IMMEDIATE")
    db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", [("mark", mark), ("place", place)])
    db.execute("COMMIT")


def last_commit(db: sqlite3.Connection) -> int:
    """Return the number of the last event that was ever committed, also where it is trimmed."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    return row[0] if row else 0


def _place(store: Path) -> str:
    """Return the identity of both files: a copy, or a file put in the place of another, has a different one."""
    mark = store.with_name(FILE)
    return f"{os.statvfs(mark).f_fsid}:{_file(mark)}:{_file(store)}"


def _file(file: Path) -> str:
    return f"{file.stat().st_ino}.{_born(file)}"


def _born(file: Path) -> int:
    """Return when the file was made, in nanoseconds, where its file system knows that; else 0."""
    buffer = ctypes.create_string_buffer(256)
    try:
        failed = ctypes.CDLL(None).statx(_AT_FDCWD, os.fsencode(file), 0, _STATX_BTIME, buffer)
    except AttributeError:  # a C library without it
        return 0
    # struct statx of linux/stat.h: stx_mask at 0, stx_btime at 80 (seconds, nanoseconds)
    told = buffer.raw
    if failed or not int.from_bytes(told[0:4], "little") & _STATX_BTIME:
        return 0
    seconds = int.from_bytes(told[80:88], "little", signed=True)
    return seconds * 1_000_000_000 + int.from_bytes(told[88:92], "little")

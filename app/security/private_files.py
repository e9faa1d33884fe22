"""Files for the process's user only: new files, and those that are in the data folder at the start.

`keep_private` sets the umask: files that this process or its libraries make are 0600, and folders 0700. Code that opens
a file by itself names the mode too, for the case that it runs under another umask.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class FileEntry(NamedTuple):
    """A file or folder: its permission bits and its owner's number."""

    path: Path
    mode: int
    owner: int

    @property
    def is_loose(self) -> bool:
        """Return True where users other than the owner have any right on the file."""
        return bool(self.mode & _OTHERS)


def keep_private() -> None:
    """Make new files 0600 and new folders 0700, from now on and in child processes."""
    os.umask(0o077)


def open_private(path: Path) -> IO[bytes]:
    """Open a file for writing from its beginning; it is for its owner only, also if it was there before."""
    file = open(path, "wb", opener=_create)  # noqa: SIM115  the caller closes it
    found = os.fstat(file.fileno())
    if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and found.st_mode & _OTHERS:
        os.fchmod(file.fileno(), 0o600)
    return file


def check_folder(data: Path, *, production: bool) -> int:
    """Check the data folder before it is used; return how many entries were open to others and were tightened.

    Raises ValueError, in one line with the command to run: in production for the first entry that is open to others, or
    that another user owns; otherwise only where tightening fails.
    """
    loose = 0
    for entry in _entries(data):
        if production and entry.owner != os.geteuid():
            raise ValueError(
                f"storage.data: {entry.path} belongs to user {entry.owner}, and the service runs as {os.geteuid()}; "
                f"run: chown -R {os.geteuid()} {shlex.quote(str(data))}"
            )
        if not entry.is_loose:
            continue
        if production:
            raise ValueError(
                f"storage.data: others may use {entry.path} (mode {entry.mode:04o}); "
                f"run: chmod -R u=rwX,go= {shlex.quote(str(data))}"
            )
        try:
            entry.path.chmod(entry.mode & ~_OTHERS)
        except OSError as error:
            raise ValueError(
                f"storage.data: {entry.path} is open to others and cannot be tightened ({error.strerror}); give the "
                "service a folder of its own"
            ) from error
        loose += 1
    return loose


def _entries(data: Path) -> Iterator[FileEntry]:
    """Yield the folder and everything in it.

    A link counts as the file that it points to. `lost+found` in the root of a disk belongs to the system and is
    skipped.
    """
    if not data.exists():
        return
    yield _entry(data)
    for folder, folders, files in os.walk(data):
        folders[:] = [name for name in folders if name != "lost+found"]
        for name in (*folders, *files):
            path = Path(folder, name)
            if path.exists():  # SQLite's side files come and go; a link may point nowhere
                yield _entry(path)


def _entry(path: Path) -> FileEntry:
    found = path.stat()
    return FileEntry(path, stat.S_IMODE(found.st_mode), found.st_uid)


def _create(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)

"""Sentences about files that a command cannot read or write: the path, the fault and the next step."""

from __future__ import annotations

import errno
import os
import re
import sys
from pathlib import Path

from dossier_realtime.protocol.plain_text import visible

BAD_START = 2  # the exit status of a command that could not begin
_NUMBER = re.compile(r"\[Errno -?\d+\] ")


def error_sentence(wrong: Exception) -> str:
    """Return the sentence to print for an error.

    An error of the operating system becomes its path, the fault, and the next step; every other error keeps its own
    text.
    """
    reason = without_number(str(wrong))
    if not isinstance(wrong, OSError) or not isinstance(wrong.filename, str):
        return reason
    file = Path(wrong.filename)
    match wrong.errno:
        case errno.ENOENT if not file.parent.is_dir():
            return f"{file}: there is no folder {file.parent}; make it, or correct the path"
        case errno.ENOENT:
            return f"there is no {file}; correct the path"
        case errno.EEXIST:
            return f"{file} is there already; name another file, or add --replace"
        case errno.EISDIR:
            return f"{file} is a folder; name a file"
        case errno.ENOTDIR:
            return f"{file}: a part of this path is a file and no folder; correct the path"
        case errno.EACCES | errno.EPERM:
            return f"{file}: this user has no right to it; give it the right, or run the command as another user"
        case errno.ELOOP:
            return f"{file} leads back to itself by symbolic links; name the file itself"
        case _:
            return reason


def without_number(text: str) -> str:
    """Return a sentence without the numbers of errors of the operating system: they tell a reader nothing."""
    return _NUMBER.sub("", text)


def expect_place(file: Path, *, replace: bool = True) -> None:
    """Raise OSError where no file can be put at this path, before any work is done for it.

    `replace`: a file that is there may be replaced.
    """
    try:
        folder = file.is_dir()
        there = file.parent.is_dir()
    except OSError as wrong:
        raise OSError(wrong.errno, wrong.strerror, str(file)) from wrong
    if folder:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(file))
    if not replace and file.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(file))
    if not there:
        number = errno.ENOTDIR if file.parent.exists() else errno.ENOENT
        raise OSError(number, os.strerror(number), str(file))
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))


__all__ = ["BAD_START", "error_sentence", "expect_place", "refuse_start", "without_number"]


def refuse_start(message: str) -> int:
    """Print why a command cannot start; return its exit status."""
    print(f"dossier: {visible(' '.join(without_number(message).split()))}", file=sys.stderr)
    return BAD_START

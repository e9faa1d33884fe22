"""Compression of closed segments, by a thread of its own at the lowest priority.

The compressed file is written whole and synced before the plain one is removed. A crash between leaves both: readers
take the plain one, and the next look makes the other again.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Final

import structlog

from app.journal.store import SEGMENTS, read_head, sync_folder, write_whole
from dossier_realtime.archive.folder import first_seq, segment_paths
from dossier_realtime.archive.segments import PACKED, PLAIN, BlockCache, PackedSegment, Segment, pack

POLL_SECONDS: Final = 20.0
_NICE = 19

_log = structlog.get_logger("journal")


class Compressor:
    """The thread that looks for closed segments every 20 seconds, from `start` to `close`."""

    def __init__(self, folder: Path, node: str, poll_seconds: float = POLL_SECONDS) -> None:
        self._folder, self._node, self._poll_seconds = folder, node, poll_seconds
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal-compressor", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End after the segment that is under way. Blocks."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        with suppress(OSError, AttributeError):  # on systems where threads have no priority of their own
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        while not self._closing.wait(self._poll_seconds):
            for path in closed(self._folder, self._node):
                if self._closing.is_set():
                    return
                try:
                    compress(path)
                except Exception as wrong:  # whatever it is: a thread that ends would compress nothing more, silently
                    _log.error("a segment of the journal was not compressed", segment=path.name, reason=str(wrong))
                    break


def closed(folder: Path, node: str) -> list[Path]:
    """Return the plain segments that the writer is done with. Raises OSError.

    A segment counts as closed once an entry of the next one is known to be on the disk: a crash can then tear nothing
    off that would make the writer return to the segment.
    """
    try:
        head = read_head(folder, node)
        paths = segment_paths(folder, node)
    except OSError:
        return []  # the journal's writer has the same trouble, and says so
    return [path for path, after in pairwise(paths) if path.suffix == PLAIN and head and head.seq >= first_seq(after)]


def compress(path: Path) -> Path:
    """Put the compressed file in the place of a plain segment. Raises OSError and ValueError; then the plain stays."""
    packed = path.with_name(path.name.removesuffix(PLAIN) + PACKED)
    with SEGMENTS:
        _replace(path, packed)
    return packed


def _replace(path: Path, packed: Path) -> None:
    plain = Segment(path)
    write_whole(packed, pack(plain.lines()))
    if _digest(PackedSegment(packed, BlockCache())) != _digest(plain):
        packed.unlink()
        raise ValueError("the compressed file does not hold what the plain one does")
    sync_folder(path.parent)
    path.unlink()
    sync_folder(path.parent)


def _digest(segment: Segment) -> bytes:
    made = sha256()
    for line in segment.lines():
        made.update(line)
    return made.digest()

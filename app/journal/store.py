"""The journal's folder on disk: segments, the head of each node, the lock, the ballast.

The format of segments and heads is in dossier_realtime/recording/entry.py.

One process writes a node's journal at a time; nodes on one machine may share a folder, and any number of processes may
read. Files are for their owner only.
"""

from __future__ import annotations

import fcntl
import os
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dossier_realtime.archive.folder import (
    NODE,
    first_seq,
    nodes,
    read_head,
    read_lines,
    segment_paths,
    verify_folder,
)
from dossier_realtime.recording.entry import FORMAT, GENESIS, Anchor, Head, encode_anchor, encode_head
from dossier_realtime.recording.joined import headers_of
from dossier_realtime.recording.proof.chain import Chain
from dossier_realtime.recording.proof.verify import ChainFault, UnreadableSegmentError, is_torn

__all__ = [
    "BALLAST",
    "LOCK",
    "OLD_BALLAST",
    "OLD_LOCK",
    "SEGMENTS",
    "JournalError",
    "Tail",
    "create_segment",
    "first_time",
    "nodes",
    "open_tail",
    "read_head",
    "read_lines",
    "release_ballast",
    "reserve_ballast",
    "segment_paths",
    "sync_folder",
    "take_folder",
    "verify_folder",
    "write_anchor",
    "write_head",
    "write_whole",
]

SEGMENTS: Final = threading.Lock()
"""Held by who replaces segment files: what compresses and what redacts must not undo each other's work."""
_STOP: Final = b'"kind":"stop"'
_START_OF_LINE: Final = 160  # the link, the seq and the kind stand in it
LOCK, BALLAST = ".lock", ".ballast"
OLD_LOCK, OLD_BALLAST = "lock", "ballast"  # of versions in which nodes could not share a folder
BALLAST_BYTES: Final = 4 * 1024 * 1024


class JournalError(Exception):
    """Raised when the folder cannot be written to; the sentence says why and what to do."""


@dataclass(frozen=True)
class Tail:
    """The place at which writing goes on: after entry `seq` with link `link`, at byte `size` of segment `path`.

    `path` is None while there is no segment; `commit` is the highest recorded; `cut_bytes` were torn off.
    """

    seq: int
    link: bytes
    commit: int
    path: Path | None
    size: int
    cut_bytes: int


def write_head(folder: Path, node: str, head: Head) -> None:
    """Replace the head: after a crash the old one or the new one is there, whole."""
    write_whole(folder / f"{node}.head", [encode_head(head)])


def write_anchor(folder: Path, anchor: Anchor) -> None:
    """Say from where on the journal is kept."""
    write_whole(folder / f"{anchor.node}.anchor", [encode_anchor(anchor)])
    sync_folder(folder)


def write_whole(path: Path, lines: Iterable[bytes]) -> None:
    """Replace a file: after a crash the old one or the new one is there, whole."""
    fresh = path.with_name(path.name + ".new")
    with open(fresh, "wb", opener=_private) as file:
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def take_folder(folder: Path, node: str) -> tuple[int, Tail]:
    """Take the node's journal for this process until the descriptor is closed; find its end.

    Repairs what a crash has torn off behind the head. Raises JournalError when another process writes it, the journal
    is not intact, or the disk refuses.
    """
    if not re.fullmatch(NODE, node):
        raise JournalError(f"{node!r:.80} cannot be a node's name: use 1 to 64 of A-Z a-z 0-9 . _ -")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_folder(folder.parent)  # else a power cut takes the whole journal, with acts that were said to be kept
        descriptor = _lock(folder, node)
        try:
            return descriptor, open_tail(folder, node)
        except BaseException:
            os.close(descriptor)
            raise
    except OSError as error:
        raise JournalError(
            f"The journal in {folder} cannot be opened: {error}. Make the folder writable or free disk space."
        ) from error


def _lock(folder: Path, node: str) -> int:
    descriptor = os.open(folder / f"{node}{LOCK}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise JournalError(
            f"The journal of {node} in {folder} is being written by another process (pid {holder}). "
            "Stop that one, or give this one a data folder or a node.id of its own."
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def reserve_ballast(folder: Path, node: str) -> None:
    """Hold back disk space for what is accepted before the disk is full. Raises OSError without it."""
    path = folder / f"{node}{BALLAST}"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, BALLAST_BYTES)
    except OSError:
        path.unlink()
        raise
    finally:
        os.close(descriptor)


def release_ballast(folder: Path, node: str) -> None:
    """Remove the ballast, so that a full disk has room for the last entries."""
    for path in (folder / f"{node}{BALLAST}", folder / OLD_BALLAST):
        path.unlink(missing_ok=True)


def create_segment(folder: Path, name: str) -> int:
    """Create a segment file, durably, and return its descriptor. Leaves nothing behind on OSError."""
    path = folder / name
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        sync_folder(folder)
    except OSError:
        os.close(descriptor)
        path.unlink()
        raise
    return descriptor


def open_tail(folder: Path, node: str) -> Tail:
    """Find the end of the node's journal and repair what a crash has torn off behind its head.

    Verifies the last segment whole (64 MiB: under a second). Raises JournalError when it is not intact.
    """
    head = read_head(folder, node)
    paths = segment_paths(folder, node)
    if head is None and not paths:
        head = Head(0, GENESIS.hex())
        write_head(folder, node, head)
        sync_folder(folder)
    if head is None:
        raise _refusal(folder, ChainFault(1, f"{node}.head", 0, "the head file is missing or unreadable"))
    cut = 0
    for path in reversed(paths):
        chain, size = _follow(folder, path, head)
        packed = path.suffix == ".zst"
        torn_off = 0 if packed else path.stat().st_size - size
        cut += torn_off
        # The crash fell into the making of this segment, or it is empty and of an earlier format.
        if size == 0 or (chain.format != FORMAT and chain.seq < chain.first):
            path.unlink()
            continue
        if chain.seq < head.seq or head.seq < chain.first - 1:
            what = f"the head file says that {head.seq} entries were written, the files end at {chain.seq}"
            raise _refusal(folder, ChainFault(chain.seq + 1, path.name, 0, what))
        if torn_off:
            _cut(path, size)
        if chain.seq > head.seq:  # a crash came before the head: the next segment must not begin behind an old one
            with path.open("rb") as file:
                os.fsync(file.fileno())
            write_head(folder, node, Head(chain.seq, chain.link.hex()))
        if packed or chain.format != FORMAT:  # nothing is written behind what is compressed or of an earlier format
            return Tail(chain.seq, chain.link, chain.commit, None, 0, cut)
        return Tail(chain.seq, chain.link, chain.commit, path, size, cut)
    if head.seq:
        raise _refusal(folder, ChainFault(1, "", 0, f"all {head.seq} entries are missing"))
    return Tail(0, GENESIS, 0, None, 0, cut)


def first_time(path: Path) -> float | None:
    """Return the time of a segment's first entry, in Unix seconds; None where it has none yet."""
    lines = read_lines(path)
    next(lines, None)  # the header of the segment
    line = next(lines, None)
    return None if line is None else headers_of(line.split(b"\t", 2)[1])[0].at


def _follow(folder: Path, path: Path, head: Head) -> tuple[Chain, int]:
    """Follow the last segment to its end or to where it is torn: the chain there, and the good bytes.

    Behind the head nothing was said to be on the disk. A power cut leaves some of what was written there, in pieces and
    in any order: whatever does not go on from the line before is torn off. Behind a stop in good order nothing was
    written, so there it is a fault.
    """
    chain, has_stopped = Chain(head), False
    size = number = 0
    lines = read_lines(path)
    what = ""
    try:
        for number, line in enumerate(lines, 1):
            what = chain.take(line) if size else chain.take_header(path.name.removesuffix(".zst"), line, resume=True)
            if what:
                seq = chain.seq + 1 if size else first_seq(path)
                if seq <= head.seq or (has_stopped and not is_torn(line, lines)):
                    raise _refusal(folder, ChainFault(seq, path.name, number, what))
                break
            size += len(line)
            has_stopped = _STOP in line[:_START_OF_LINE]
    except UnreadableSegmentError as wrong:
        raise _refusal(folder, ChainFault(chain.seq + 1, path.name, number + 1, str(wrong))) from wrong
    return chain, size


def _refusal(folder: Path, fault: ChainFault) -> JournalError:
    return JournalError(
        f"The journal in {folder} is not intact, so nothing more is written to it. {fault}. "
        "Run `python run.py verify` for the whole finding, keep this folder, and start with an empty one."
    )


def _cut(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make the names of new and removed files in the folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)

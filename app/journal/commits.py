"""The commits that a node's journal holds.

A node that shares its store records the events of others too, and its own ones where their turn is: their order in the
journal is not that of their numbers. So the highest number does not say which of its own commits a crash took.
"""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from app.journal.store import read_lines, segment_paths
from dossier_realtime.recording.proof.verify import UnreadableSegmentError

LOOKBACK_SECONDS: Final = 60.0
"""The time by which a commit is recorded, or its process has ended, after one with a higher number was."""


class RecordedCommits(NamedTuple):
    """All commits up to `until` that were the node's to record are recorded; of later ones, those in `known`."""

    until: int
    known: frozenset[int]


class _Brief(msgspec.Struct):
    at: float = 0.0
    commit: int = 0


def recorded_commits(folder: Path, node: str) -> RecordedCommits:
    """Read the end of a node's journal. Raises OSError."""
    known: set[int] = set()
    since, until = -inf, 0
    for path in reversed(segment_paths(folder, node)):
        try:
            before, entries = _commits(path)
        except UnreadableSegmentError:  # what it held, the next one says in its first line
            break
        until = before
        if entries and not known:
            since = entries[-1].at - LOOKBACK_SECONDS
        while entries and entries[-1].at >= since:
            known.add(entries.pop().commit)
        if entries:
            return RecordedCommits(max(before, *(entry.commit for entry in entries)), frozenset(known))
    return RecordedCommits(until, frozenset(known))


def _commits(path: Path) -> tuple[int, list[_Brief]]:
    """Return the highest number before a segment, and its entries that have one."""
    before, entries = 0, []
    for place, line in enumerate(read_lines(path)):
        header = line.split(b"\t", 2)[1] if line.count(b"\t", 0, 4096) >= 2 else b""
        if not place:
            before = _decode(header).commit
        elif b'"commit":' in header and (entry := _decode(header)).commit:
            entries.append(entry)
    return before, entries


def _decode(header: bytes) -> _Brief:
    try:
        return _headers.decode(header)
    except msgspec.DecodeError:  # a line that is being written
        return _Brief()


_headers = msgspec.json.Decoder(_Brief)

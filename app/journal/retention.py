"""Retention: old entries lose their frames, by level, and are removed later. The chain stays verifiable.

Only closed segments are changed, each replaced or removed as a whole; the service may be writing meanwhile. A removal
writes a signed anchor first, from which `verify` goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from app.journal.signatures.signing import Signer
from app.journal.store import SEGMENTS, write_anchor, write_whole
from dossier_realtime.archive.folder import read_lines, segment_paths
from dossier_realtime.archive.segments import PACKED, open_segment, pack
from dossier_realtime.recording.entry import Anchor, SegmentHeader, anchor_text, redact
from dossier_realtime.recording.joined import width

DAY = 86_400.0
NO_CHANNEL = "internal"  # the level of frames on no channel, as of channels without a classification


@dataclass(frozen=True)
class Retention:
    """Days for which entries are kept, and their frames by level. 0: for ever."""

    keep_days: float
    frame_days: Mapping[str, float]

    @property
    def asked(self) -> bool:
        """Return True where anything is ever to be removed."""
        return bool(self.keep_days or any(self.frame_days.values()))


def retain(folder: Path, node: str, retention: Retention, now: float, signer: Signer) -> tuple[int, int]:
    """Apply it to a node's journal at a time (Unix seconds): (segments removed, frames redacted). Raises OSError."""
    with SEGMENTS:
        return _retain(folder, node, retention, now, signer)


def _retain(folder: Path, node: str, retention: Retention, now: float, signer: Signer) -> tuple[int, int]:
    closed = segment_paths(folder, node)[:-1]
    removed = 0
    while retention.keep_days and closed and _last_at(closed[0]) < now - retention.keep_days * DAY:
        _move_anchor(folder, node, segment_paths(folder, node)[1], signer)
        _remove(closed.pop(0))
        removed += 1
    return removed, sum(_redact_old(path, retention.frame_days, now) for path in closed)


def _remove(path: Path) -> None:
    plain = path.with_name(path.name.removesuffix(".zst"))
    for file in (plain.with_name(plain.name + ".zst"), plain):  # a crash while it was compressed may have left both
        file.unlink(missing_ok=True)


def _move_anchor(folder: Path, node: str, following: Path, signer: Signer) -> None:
    """Move the anchor to the end of the segment before `following`, whose first line names that end."""
    first = _segment_header(next(read_lines(following)))
    anchor = Anchor(node, first.first - 1, first.previous, first.commit)
    signed = msgspec.structs.replace(anchor, signature=signer.sign("anchor", anchor_text(anchor)))
    write_anchor(folder, signed)


def _redact_old(path: Path, days: Mapping[str, float], now: float) -> int:
    old = (line for line in _entries(path) if _is_old(line, days, now))
    count = sum(width(line.split(b"\t", 2)[1]) for line in old) if any(days.values()) else 0
    if count:
        lines = (redact(line) if _is_old(line, days, now) else line for line in read_lines(path))
        write_whole(path, pack(lines) if path.name.endswith(PACKED) else lines)
    return count


def _is_old(line: bytes, days: Mapping[str, float], now: float) -> bool:
    _, head, _, body = line.split(b"\t")
    if body == b"\n" or head.startswith(b'{"format"'):
        return False
    header = _kept.decode(head)
    kept = days.get(header.level or NO_CHANNEL, 0.0)
    return bool(kept) and header.at < now - kept * DAY


def _entries(path: Path) -> Iterator[bytes]:
    lines = read_lines(path)
    next(lines)
    return lines


def _last_at(path: Path) -> float:
    last = open_segment(path).last_line()
    return _kept.decode(last.split(b"\t")[1]).at


def _segment_header(line: bytes) -> SegmentHeader:
    return msgspec.json.decode(line.split(b"\t")[1], type=SegmentHeader)


class _Kept(msgspec.Struct):
    at: float
    level: str = ""


_kept = msgspec.json.Decoder(_Kept)  # of a line of any kind

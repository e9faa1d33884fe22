"""Is a journal whole and unchanged? Follows the chain over the exact bytes of its lines (entry.py)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import msgspec

from dossier_realtime.recording.entry import (
    DIGEST_DIGITS,
    FORMAT,
    GENESIS,
    SEAL_DIGITS,
    Anchor,
    Head,
    Header,
    SegmentHeader,
    encode_segment_header,
    frame_digest,
    segment_name,
)

CHANGED: Final = (
    "this line does not continue the one before it: its link, header, seal or frame was changed, "
    "or the line before was replaced"
)
CUT: Final = "this line is cut off: it does not end in a line feed"


@dataclass(frozen=True)
class Fault:
    """The first thing wrong: the seq that belongs there, the place (line 0: no line), and a sentence."""

    seq: int
    segment: str
    line: int
    what: str

    def __str__(self) -> str:
        place = f" ({self.segment}, line {self.line})" if self.line else f" ({self.segment})" if self.segment else ""
        return f"entry {self.seq}{place}: {self.what}"


@dataclass(frozen=True)
class Report:
    """What verifying found. `entries` are the good ones, up to the first fault.

    `gaps` and `lost` count what the journal itself says it could not write; `redacted` the frames taken out
    since. `torn` is true when the last write, later than the head, is unfinished: normal after a crash, cut
    off at start. `removed` entries stood before the anchor: their time was over.
    """

    entries: int
    fault: Fault | None
    missing_at_end: int
    gaps: int
    lost: int
    redacted: int
    torn: bool
    removed: int = 0

    @property
    def ok(self) -> bool:
        return self.fault is None


class Chain:
    """The state of the chain between two lines; `take` and `take_header` say what is wrong with the next one.

    They return "" or one English sentence; after a sentence the state stands where it stood. The chain must
    have the link of `head` at the seq of `head`; it begins after `anchor`.
    """

    def __init__(self, head: Head | None = None, anchor: Anchor | None = None) -> None:
        self._head = head or Head(0, GENESIS.hex())
        self.seq = anchor.seq if anchor else 0
        self.link = bytes.fromhex(anchor.link) if anchor else GENESIS
        self.commit = anchor.commit if anchor else 0
        self.node = anchor.node if anchor else ""
        self.first = self.seq + 1
        self.gaps = self.lost = self.redacted = 0

    def take(self, line: bytes) -> str:
        """The next line of a segment."""
        if not line.endswith(b"\n"):
            return CUT
        parts = line[:-1].split(b"\t")
        if len(parts) != 4:
            return f"this line has {len(parts)} parts instead of 4"
        written, header, seal, body = parts
        digest = _digest(seal, body)
        link = sha256(self.link + header if digest is None else b"%b%b\t%b" % (self.link, header, digest))
        if link.hexdigest().encode() != written:
            return self._misplaced(header) or CHANGED
        start = b'{"seq":%d,"kind":"' % (self.seq + 1)
        if not header.startswith(start):
            return self._misplaced(header) or "this line is not an entry"
        if self.seq + 1 == self._head.seq and link.hexdigest() != self._head.link:
            return "the head file holds another link for this entry: the entry or the head file was changed"
        try:
            if b'"commit":' in header:
                self.commit = max(self.commit, _brief.decode(header).commit)
            if header.startswith(b'gap"', len(start)):
                self._count(_full.decode(header))
        except _UNREADABLE:
            return "the header of this entry cannot be read"
        self.seq += 1
        self.link = link.digest()
        self.redacted += not body and bool(seal)
        return ""

    def take_header(self, name: str, line: bytes, *, resume: bool = False) -> str:
        """The first line of the segment file `name`; with `resume` it says where the chain stands."""
        if not line.endswith(b"\n"):
            return CUT
        parts = line.split(b"\t")
        try:
            header = _segment.decode(parts[1] if len(parts) == 4 else b"")
            previous = bytes.fromhex(header.previous)
        except _UNREADABLE:
            return "the first line of this segment is not a segment header"
        if header.format != FORMAT:
            return f"this segment is written in format {header.format}; this version reads format {FORMAT}"
        if resume:
            self.seq, self.link, self.commit = header.first - 1, previous, header.commit
            if self.seq == self._head.seq and header.previous != self._head.link:
                return "the head file holds another link for the entry before this segment"
        missing = header.first - self.seq - 1
        if missing > 0:
            return f"{missing} entries are missing here: the next segment begins at entry {header.first}"
        if name != segment_name(header.node, header.first) or self.node not in ("", header.node):
            written_as = segment_name(header.node, header.first)
            return f"this file is not in its place: it was written as {written_as!r:.120}"
        expected, link = encode_segment_header(
            SegmentHeader(FORMAT, header.node, self.seq + 1, self.link.hex(), self.commit), self.link
        )
        if line != expected:
            return "this segment does not continue the one before it, or its first line was changed"
        self.link, self.node, self.first = link, header.node, header.first
        return ""

    def _misplaced(self, header: bytes) -> str:
        try:
            found = _brief.decode(header).seq
        except _UNREADABLE:
            return ""
        if found == self.seq + 1:
            return ""
        return f"entry {found} stands where {self.seq + 1} belongs: lines were removed, repeated or moved"

    def _count(self, gap: Header) -> None:
        lost = gap.detail.get("lost")
        self.gaps += 1
        self.lost += lost if isinstance(lost, int) else 0


class _Brief(msgspec.Struct):
    seq: int
    commit: int = 0


_brief = msgspec.json.Decoder(_Brief)
_full = msgspec.json.Decoder(Header)
_segment = msgspec.json.Decoder(SegmentHeader)
_UNREADABLE: Final = (ValueError, RecursionError)  # msgspec's errors are ValueErrors


def torn(line: bytes) -> bool:
    """True for what a crash leaves of a last write: no line end, or zeros (no whole line has them)."""
    return not line.endswith(b"\n") or b"\0" in line


def verify(segments: Iterable[tuple[str, Iterable[bytes]]], head: Head | None, anchor: Anchor | None = None) -> Report:
    """Follow the whole chain of one node: its segments in order, each the file's name and its lines.

    Streams: one line is in memory at a time. `head` is None when its file is missing or unreadable. With an
    `anchor` the chain begins after it, and segments from before it must not be given.
    """
    chain = Chain(head, anchor)
    removed = chain.seq
    fault: Fault | None = None
    torn_end = False
    for name, lines in segments:
        if torn_end:  # a crash leaves nothing behind the end that it tore
            torn_end = False
            break
        fault, last = _follow(chain, name, lines)
        if fault:
            torn_end = head is not None and chain.seq >= head.seq and torn(last)
            if not torn_end:
                break
    missing = 0
    if torn_end:
        fault = None
    elif fault is None:
        missing = max(0, head.seq - chain.seq) if head else 0
        fault = _at_end(chain, head, missing)
    return Report(chain.seq - removed, fault, missing, chain.gaps, chain.lost, chain.redacted, torn_end, removed)


def _follow(chain: Chain, name: str, lines: Iterable[bytes]) -> tuple[Fault | None, bytes]:
    """Take one segment; the fault and the line it is on."""
    number, line = 0, b""
    for number, line in enumerate(lines, 1):
        what = chain.take(line) if number > 1 else chain.take_header(name, line)
        if what:
            return Fault(chain.seq + 1, name, number, what), line
    return (None, line) if number else (Fault(chain.seq + 1, name, 0, "this segment is empty"), b"")


def _at_end(chain: Chain, head: Head | None, missing: int) -> Fault | None:
    if head is None:
        what = "the head file is missing or unreadable: whether entries are missing at the end cannot be known"
    elif missing:
        what = f"{missing} entries are missing at the end: the head file says that {head.seq} were written"
    elif head.seq < chain.first - 1:
        what = f"the head file is older than the last segment: it says that {head.seq} entries were written"
    else:
        return None
    return Fault(chain.seq + 1, "", 0, what)


def _digest(seal: bytes, body: bytes) -> bytes | None:
    """The digest of a frame, there or redacted; None without one; b"" for what no writer has written."""
    if body:
        return frame_digest(seal, body) if len(seal) == SEAL_DIGITS else b""
    if not seal:
        return None
    try:
        digest = bytes.fromhex(seal.decode("ascii"))
    except ValueError:
        return b""
    return digest if len(seal) == DIGEST_DIGITS and digest.hex().encode() == seal else b""

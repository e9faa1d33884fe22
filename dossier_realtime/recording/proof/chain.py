"""The chain of a journal, checked line by line: each must have its one spelling and continue the one before it."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

import msgspec

from ..entry import (
    FORMAT,
    GENESIS,
    READABLE,
    Anchor,
    Head,
    Header,
    SegmentHeader,
    encode_segment_header,
    has_one_spelling,
    segment_name,
    stored_digest,
)
from ..joined import JoinedHeader, can_be_split, read_any_header, width
from .checkpoint import Outside, checkpoint_of
from .keys import Keys, RecentLinks

CHANGED: Final = (
    "this line does not continue the one before it: its link, header, seal or frame was changed, "
    "or the line before was replaced"
)
CONTRADICTED: Final = (
    "a checkpoint kept elsewhere holds another link for this entry: it, or something before it, was changed, removed "
    "or made anew"
)
CUT: Final = "this line is cut off: it does not end in a line feed"


class Chain:
    """The state of the chain between two lines; `take` and `take_header` check the next one.

    They return "" or the fault in one English sentence; after a fault the state is unchanged. The chain must have the
    link of `head` at the seq of `head`, and the links that are known from `outside`; it begins after `anchor`.
    """

    def __init__(self, head: Head | None = None, anchor: Anchor | None = None, outside: Outside | None = None) -> None:
        self._outside = outside or Outside()
        self._keys = Keys(self._outside.checks, self._outside.make_check)
        self._links = RecentLinks()
        self._head = head or Head(0, GENESIS.hex())
        self.seq = anchor.seq if anchor else 0
        self.link = bytes.fromhex(anchor.link) if anchor else GENESIS
        self.commit = anchor.commit if anchor else 0
        self.node = anchor.node if anchor else ""
        self.first = self.seq + 1
        self.format = FORMAT  # of the segment that was begun last
        self.gaps = self.lost = self.redacted = 0
        self.restored: list[int] = []

    def take(self, line: bytes) -> str:
        """Check the next line of a segment."""
        if not line.endswith(b"\n"):
            return CUT
        parts = line[:-1].split(b"\t")
        if len(parts) != 4:
            return f"this line has {len(parts)} parts instead of 4"
        written, header, seal, body = parts
        digest = stored_digest(seal, body)
        link = sha256(self.link + header if digest is None else b"%b%b\t%b" % (self.link, header, digest))
        if link.hexdigest().encode() != written:
            return self._misplaced(header) or CHANGED
        try:
            found = read_any_header(header)
        except UNREADABLE:
            return self._misplaced(header) or "the header of this entry cannot be read, or has another spelling"
        if found.seq != self.seq + width(header):
            return self._misplaced(header)
        if isinstance(found, Header) and found.node:
            return "this entry names a node, as no journal does: it is of a merged recording"
        if not has_one_spelling(body) or not can_be_split(header, body):
            return "the frame of this entry is not spelled as the journal spells it"
        what = self._against_known(found.seq, link.hexdigest()) or self._vouched(found)
        if what:
            return what
        self.seq, self.link = found.seq, link.digest()
        self._links.put(self.seq, self.link)
        self.commit = max(self.commit, found.commit)
        self.redacted += width(header) if seal and not body else 0
        if isinstance(found, JoinedHeader):
            return ""
        if found.kind == "gap":
            self._count(found)
        elif found.kind == "restored":
            self.restored.append(found.seq)
        return ""

    def go_on_after(self, line: bytes) -> str:
        """Continue behind an entry's line that was proven before; "" or the fault where it is no such line."""
        try:
            link, header, _ = line.split(b"\t", 2)
            self.seq, self.link = _brief.decode(header).seq, bytes.fromhex(link.decode("ascii"))
        except UNREADABLE:
            return "this line is not an entry"
        self.first = self.seq + 1
        return ""

    def _against_known(self, seq: int, link: str) -> str:
        if seq == self._head.seq and link != self._head.link:
            return "the head file holds another link for this entry: the entry or the head file was changed"
        if self._outside.links.get(seq, link) != link:
            return CONTRADICTED
        return ""

    def _vouched(self, header: Header | JoinedHeader) -> str:
        """Check an entry that names a key or proves the chain before it; "" or the fault."""
        if isinstance(header, JoinedHeader):
            return ""
        if header.kind == "start":
            return self._keys.started(header.detail)
        if header.kind == "key":
            return self._keys.rotated(self.node, header.detail)
        if header.kind != "checkpoint":
            return ""
        try:
            checkpoint = checkpoint_of(self.node, header.detail)
        except ValueError:
            return "this checkpoint cannot be read"
        known = self._links.get(checkpoint.seq)
        if checkpoint.seq > self.seq or (known is not None and known != checkpoint.link):
            return "this checkpoint was made of another chain: entries before it were removed, changed or made anew"
        return self._keys.signed(checkpoint)

    @property
    def keys(self) -> Keys:
        """The signing keys and signatures found so far."""
        return self._keys

    def take_header(self, name: str, line: bytes, *, resume: bool = False) -> str:
        """Check the first line of the segment file `name`; with `resume` the chain continues from it."""
        if not line.endswith(b"\n"):
            return CUT
        parts = line.split(b"\t")
        try:
            header = _segment.decode(parts[1] if len(parts) == 4 else b"")
            previous = bytes.fromhex(header.previous)
        except UNREADABLE:
            return "the first line of this segment is not a segment header"
        if header.format not in READABLE:
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
            SegmentHeader(header.format, header.node, self.seq + 1, self.link.hex(), self.commit), self.link
        )
        if line != expected:
            return "this segment does not continue the one before it, or its first line was changed"
        self.link, self.node, self.first, self.format = link, header.node, header.first, header.format
        return ""

    def _misplaced(self, header: bytes) -> str:
        try:
            found = _brief.decode(header).seq
        except UNREADABLE:
            return ""
        found -= width(header) - 1
        if found == self.seq + 1:
            return ""
        return f"entry {found} stands where {self.seq + 1} belongs: lines were removed, repeated or moved"

    def _count(self, gap: Header) -> None:
        lost = gap.detail.get("lost")
        self.gaps += 1
        self.lost += lost if isinstance(lost, int) else 0


class _Brief(msgspec.Struct):
    seq: int


_brief = msgspec.json.Decoder(_Brief)
_segment = msgspec.json.Decoder(SegmentHeader)
UNREADABLE: Final = (ValueError, RecursionError)  # msgspec's errors are ValueErrors

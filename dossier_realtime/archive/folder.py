"""Reading a journal's folder: its nodes, segments, heads and anchors (the format is in recording/entry.py)."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from dossier_realtime.recording.entry import (
    FORMAT,
    READABLE,
    Anchor,
    Head,
    anchor_text,
    decode_anchor,
    decode_head,
)
from dossier_realtime.recording.joined import headers_of, line_place, part_at, placed
from dossier_realtime.recording.proof.chain import Chain
from dossier_realtime.recording.proof.checkpoint import Outside
from dossier_realtime.recording.proof.signed import Check, signed_text
from dossier_realtime.recording.proof.verify import (
    ChainFault,
    DamagedJournalError,
    Report,
    UnreadableSegmentError,
    Walk,
    is_torn,
)
from dossier_realtime.recording.proof.witness import Witnesses

from .segments import BlockCache, Segment, open_segment

NODE: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"

_SEGMENT = re.compile(rf"({NODE})-([0-9]{{16}})\.journal(\.zst)?")
_HEAD = re.compile(rf"({NODE})\.head")
_DAMAGED = "this recording is not intact: it is shown up to where it is damaged; verify() says where, and what is wrong"


class DamagedRecordingWarning(UserWarning):
    """The warning about a recording that is shown only up to a damaged entry."""


def nodes(folder: Path) -> list[str]:
    """Return the nodes that have written to the folder."""
    found = (_SEGMENT.fullmatch(path.name) or _HEAD.fullmatch(path.name) for path in folder.iterdir())
    return sorted({match[1] for match in found if match})


def segment_paths(folder: Path, node: str) -> list[Path]:
    """Return the node's segment files in order; of a segment that is both plain and compressed, the plain file."""
    found: dict[str, Path] = {}
    for path in folder.iterdir():
        match = _SEGMENT.fullmatch(path.name)
        if match and match[1] == node and (match[2] not in found or match[3] is None):
            found[match[2]] = path
    return [path for _, path in sorted(found.items())]


def first_seq(path: Path) -> int:
    """Return the seq of a segment's first entry."""
    return int(path.name.removesuffix(".zst").removesuffix(".journal")[-16:])


def read_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a segment file with their ends, as in the plain file. Raises UnreadableSegmentError."""
    return open_segment(path).lines()


def read_after(folder: Path, node: str, seq: int) -> Iterator[bytes]:
    """Yield the node's lines from the one before entry `seq + 1` on, as far as each is written.

    The first lines of segments are included. Earlier lines are not read: segments are skipped by their names, and
    within a segment the line is found by bisection. Each line must continue the chain of the one before it.

    Raises:
        DamagedJournalError: for a line that does not continue the chain.
        ValueError: for a line of another form.
        OSError: for a segment that retention has just removed.
    """
    chain = Chain(read_head(folder, node))
    paths = kept_paths(folder, node, read_anchor(folder, node))
    paths = paths[max(0, sum(first_seq(path) <= seq + 1 for path in paths) - 1) :]
    for number, path in enumerate(paths):
        segment = open_segment(path)
        try:
            yield from _lines_on(chain, segment, seq, first=not number, last=path is paths[-1])
        except UnreadableSegmentError as wrong:
            raise DamagedJournalError(ChainFault(chain.seq + 1, segment.name, 0, str(wrong))) from wrong


def _lines_on(chain: Chain, segment: Segment, seq: int, *, first: bool, last: bool) -> Iterator[bytes]:
    """Yield a segment's lines; those of the `first` segment from the line before entry `seq + 1` on."""
    place = segment.place_before(seq) if first else 0
    begun = not first
    lines = segment.lines(place)
    for line in lines:
        what = ""
        if place == 0:
            what = chain.take_header(segment.name, line, resume=not begun)
        elif begun:
            what = chain.take(line)
        else:
            what = chain.go_on_after(line)
        if what:
            if last and is_torn(line, lines):
                return  # being written: the bytes behind it belong to it
            raise DamagedJournalError(ChainFault(chain.seq + 1, segment.name, 0, what))
        yield line
        begun, place = True, place + len(line)


def seq_before(folder: Path, node: str, moment: float) -> int:
    """Return a seq after which every entry since a moment (Unix seconds) stands, by the first entries of segments.

    0 where no segment began before that moment.
    """
    seq = 0
    for path in kept_paths(folder, node, read_anchor(folder, node)):
        first = next(islice(read_lines(path), 1, 2), b"")
        try:
            if headers_of(first.split(b"\t", 2)[1])[0].at >= moment:
                break
        except (ValueError, IndexError):
            break  # reading on from here reports it
        seq = first_seq(path) - 1
    return seq


def read_head(folder: Path, node: str) -> Head | None:
    """Return the node's head; None where the file is missing or not exactly a head."""
    try:
        return decode_head((folder / f"{node}.head").read_bytes())
    except FileNotFoundError:
        return None


def read_anchor(folder: Path, node: str) -> Anchor | None:
    """Return the node's anchor; None where nothing was removed."""
    try:
        return decode_anchor((folder / f"{node}.anchor").read_bytes())
    except FileNotFoundError:
        return None


def kept_paths(folder: Path, node: str, anchor: Anchor | None) -> list[Path]:
    """Return the segments behind the anchor; those before it are about to be removed."""
    return [path for path in segment_paths(folder, node) if anchor is None or first_seq(path) > anchor.seq]


_MAX_POLLS = 5  # at a head and segments that do not fit: the writer begins segments minutes apart at the least


class OpenedJournal:
    """The journal of one node at the time of opening. `check` is of the anchor's signature. Raises OSError."""

    def __init__(self, folder: Path, node: str, check: Check | None = None, outside: Outside | None = None) -> None:
        self._outside = outside
        paths: list[Path] = []
        for _ in range(_MAX_POLLS):
            # The head before the segments: they may grow meanwhile, and the head must not be ahead.
            self._head = read_head(folder, node)
            self._anchor = read_anchor(folder, node)
            paths = kept_paths(folder, node, self._anchor)
            if self._head is None or not paths or self._head.seq >= first_seq(paths[-1]) - 1:
                break  # else a segment was begun between the two, or the head is one of before
        self._fault = _at_anchor(node, self._anchor, check)
        cache = BlockCache()
        self.segments = [open_segment(path, cache) for path in paths]

    def walk(self) -> Walk:
        """Return a walk along the whole chain."""
        lines = ((segment.name, segment.lines()) for segment in self.segments)
        return Walk(lines, self._head, self._anchor, self._fault, self._outside)


def _at_anchor(node: str, anchor: Anchor | None, check: Check | None) -> ChainFault | None:
    if anchor is None or check is None:
        return None
    text = anchor_text(anchor)
    if check(signed_text("anchor", text), anchor.signature) or check(text, anchor.signature):
        return None  # the second form is from before signatures named their purpose
    what = "the anchor is not signed by this service: entries before it were removed by somebody else"
    return ChainFault(anchor.seq + 1, f"{node}.anchor", 0, what)


def verify_node(folder: Path, node: str, check: Check | None = None, outside: Outside | None = None) -> Report:
    """Verify the journal of one node; reads only, also while it is being written.

    `check` is of the anchor's signature; `outside` is knowledge of the journal from elsewhere.
    """
    return OpenedJournal(folder, node, check, outside).walk().to_the_end()


def witnesses(folder: Path, checks: Mapping[str, Check] | None = None) -> Witnesses:
    """Return what the journals in the folder hold of each other.

    Call it before the journals are opened: they may grow meanwhile, and must not be behind what others hold of them.
    """
    found = Witnesses(checks)
    for node in nodes(folder):
        for path in segment_paths(folder, node):
            with suppress(OSError, UnreadableSegmentError):  # removed by now; or the walk along it reports it
                found.take(node, read_lines(path))
    return found


def verify_folder(folder: Path, check: Check | None = None) -> dict[str, Report]:
    """Verify every node's journal in the folder, also against what they hold of each other."""
    known = witnesses(folder)
    found = {node: verify_node(folder, node, check, Outside(known.links.get(node, {}))) for node in nodes(folder)}
    return {
        node: report if report.fault is not None else replace(report, fault=known.fault(node))
        for node, report in found.items()
    }


def verify_together(folder: Path, check: Check | None = None) -> Report:
    """Return one report on all journals in the folder: sums, and the first fault with the name of its node."""
    reports = verify_folder(folder, check)
    return Report(
        entries=sum(report.entries for report in reports.values()),
        fault=next((_of_node(node, report.fault) for node, report in reports.items() if report.fault), None),
        missing_at_end=sum(report.missing_at_end for report in reports.values()),
        gaps=sum(report.gaps for report in reports.values()),
        lost=sum(report.lost for report in reports.values()),
        redacted=sum(report.redacted for report in reports.values()),
        torn=any(report.torn for report in reports.values()),
        removed=sum(report.removed for report in reports.values()),
        notes=tuple(f"{node}: {note}" for node, report in reports.items() for note in report.notes),
        checkpoints=sum(report.checkpoints for report in reports.values()),
    )


def _of_node(node: str, fault: ChainFault) -> ChainFault:
    return fault if fault.segment else replace(fault, segment=node)


class FolderSource:
    """The journal of one node as a `Source`. Later writes are not seen. Segments are mapped, not read.

    It shows the entries that the proof covers: up to the first fault, with a DamagedRecordingWarning for a fault.
    Raises ValueError for a segment of another format.
    """

    def __init__(self, folder: Path, node: str, check: Check | None = None) -> None:
        self._folder, self._node, self._check = folder, node, check
        self._opened = OpenedJournal(folder, node, check)
        self._ends: list[int] | None = (
            None  # of each segment the place behind its last proven line, after the first walk
        )
        for segment in self._opened.segments:
            _must_be_readable(folder, segment)

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield every proven entry's place and line."""
        segments = self._opened.segments
        if self._ends is not None:
            for number, (segment, end) in enumerate(zip(segments, self._ends, strict=True)):
                place = 0
                for line in segment.lines():
                    if place >= end:
                        break
                    if place:
                        yield from placed(number << _SHIFT | place, line)
                    place += len(line)
            return
        walk, ends = self._opened.walk(), [0] * len(segments)
        for number, place, line in walk:
            ends[number] = place + len(line)
            yield from placed(number << _SHIFT | place, line)
        self._ends = ends
        if not walk.report.ok:
            warnings.warn(_DAMAGED, DamagedRecordingWarning, stacklevel=2)

    def line(self, place: int) -> bytes:
        """Return the line at a place."""
        begin = line_place(place)
        return part_at(place, self._opened.segments[begin >> _SHIFT].line(begin & ((1 << _SHIFT) - 1)))

    def verify(self) -> Report:
        """Verify the whole journal."""
        return verify_node(self._folder, self._node, self._check)


def _must_be_readable(folder: Path, segment: Segment) -> None:
    path = folder / segment.name
    try:
        first = next(segment.lines(), b"")
        if not first:  # being made
            return
        form = msgspec.json.decode(first.split(b"\t")[1], type=_Format).format
    except (IndexError, ValueError) as wrong:
        raise ValueError(f"{path} does not begin like a journal; `python run.py verify` says what is wrong") from wrong
    if form not in READABLE:
        raise ValueError(
            f"{path} is written in format {form}; this version reads format {FORMAT}: use one that reads it"
        )


class _Format(msgspec.Struct):
    format: int


_SHIFT = 40  # a place is the number of the segment, and the byte in it

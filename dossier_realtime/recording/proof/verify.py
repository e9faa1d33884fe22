"""Verification that a journal is whole and unchanged: a walk along its chain, byte by byte (entry.py, chain.py).

Verifiers and readers use the same walk, so a reader shows the entries that the proof covers, and no other byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from ..entry import Anchor, Head
from .chain import Chain
from .checkpoint import Outside

UNCHECKED: Final = "{} checkpoints in it are signed by a key that was not given, and were not checked"
OTHER_KEY: Final = "the chain names another signing key than the one that was given: {}"

RESTORED: Final = (
    "at entry {} the service went on from a copy or an older state of its store: another journal may hold what "
    "happened between that state and this entry"
)
_MAX_RESTORED_SHOWN: Final = 3

Segments = Iterable[tuple[str, Iterable[bytes]]]


class UnreadableSegmentError(ValueError):
    """A segment file whose bytes can not be read as lines; the message says why."""


@dataclass(frozen=True)
class ChainFault:
    """The first fault: the seq that belongs there (0: none), the place (line 0: no line), and a sentence."""

    seq: int
    segment: str
    line: int
    what: str

    def __str__(self) -> str:
        place = ", ".join(filter(None, (self.segment, f"line {self.line}" if self.line else "")))
        if not self.seq:
            return f"{place}: {self.what}" if place else self.what
        return f"entry {self.seq} ({place}): {self.what}" if place else f"entry {self.seq}: {self.what}"


class DamagedJournalError(ValueError):
    """A journal that does not continue its chain; `fault` is the place and the reason."""

    def __init__(self, fault: ChainFault) -> None:
        super().__init__(str(fault))
        self.fault = fault


@dataclass(frozen=True)
class Report:
    """The outcome of a verification. `entries` counts the good ones, up to the first fault.

    `gaps` and `lost` count the entries that the journal itself says it could not write; `redacted` the frames that were
    removed since. `torn`: the last write, later than the head, is unfinished, as after a crash; the next start cuts
    it off. `removed` entries stood before the anchor (retention). `checkpoints` counts those in the chain
    whose signature was checked; up to entry `vouched` a checkpoint kept elsewhere agrees; of an export `compared` of
    those are of entries in it. `notes` are further remarks in sentences.
    """

    entries: int
    fault: ChainFault | None
    missing_at_end: int
    gaps: int
    lost: int
    redacted: int
    torn: bool
    removed: int = 0
    notes: tuple[str, ...] = ()
    checkpoints: int = 0
    vouched: int = 0
    compared: int = 0

    @property
    def ok(self) -> bool:
        """True where no fault was found."""
        return self.fault is None


class Walk:
    """A walk along the journal of one node, from its first kept line on.

    Iterating yields every proven entry: the number of its segment, the byte at which its line begins, and the line. It
    ends before the first line that is not proven; after that `report` says why, and `chain` is at that place. One line
    is in memory at a time. `head` is None when its file is missing or unreadable. With an `anchor` the chain begins
    after it, and segments from before it must not be given. With a `fault` known before, nothing is proven.
    """

    def __init__(
        self,
        segments: Segments,
        head: Head | None,
        anchor: Anchor | None = None,
        fault: ChainFault | None = None,
        outside: Outside | None = None,
    ) -> None:
        self._outside = outside or Outside()
        self.chain = Chain(head, anchor, self._outside)
        self._segments, self._head = segments, head
        self._removed = self.chain.seq
        self._fault = fault
        self._torn = False
        self._missing = 0

    def __iter__(self) -> Iterator[tuple[int, int, bytes]]:
        if self._has_ended():
            return
        for number, (name, lines) in enumerate(self._segments):
            if self._torn:  # a crash leaves nothing behind the end that it tore
                self._torn = False
                return
            yield from self._follow(number, name, iter(lines))
            if self._has_ended():
                return
        if self._torn:
            self._fault = None
        else:
            self._missing = max(0, self._head.seq - self.chain.seq) if self._head else 0
            self._fault = _at_end(self.chain, self._head, self._missing)
        if self._fault is None:
            self._fault = self._against_outside()

    @property
    def report(self) -> Report:
        """The report, complete after the last entry."""
        chain, removed = self.chain, self._removed
        return Report(
            entries=chain.seq - removed,
            fault=self._fault,
            missing_at_end=self._missing,
            gaps=chain.gaps,
            lost=chain.lost,
            redacted=chain.redacted,
            torn=self._torn,
            removed=removed,
            notes=(
                *((UNCHECKED.format(chain.keys.unchecked),) if chain.keys.unchecked else ()),
                *(RESTORED.format(seq) for seq in chain.restored[-_MAX_RESTORED_SHOWN:]),
            ),
            checkpoints=chain.keys.signatures,
            vouched=max((seq for seq in self._outside.links if seq <= chain.seq), default=0),
        )

    def _against_outside(self) -> ChainFault | None:
        chain = self.chain
        last = max(self._outside.links, default=0)
        if last > chain.seq:
            self._missing = last - chain.seq
            what = f"{self._missing} entries are missing at the end: a checkpoint kept elsewhere holds entry {last}"
            return ChainFault(chain.seq + 1, "", 0, what)
        if not chain.keys.is_trusted:
            return ChainFault(chain.seq, "", 0, OTHER_KEY.format(chain.keys.named))
        return None

    def to_the_end(self) -> Report:
        """Walk to the end and return the report."""
        for _ in self:
            pass
        return self.report

    def _has_ended(self) -> bool:
        return self._fault is not None and not self._torn

    def _follow(self, segment: int, name: str, lines: Iterator[bytes]) -> Iterator[tuple[int, int, bytes]]:
        number, place, line, what = 0, 0, b"", "this segment is empty"
        try:
            for number, line in enumerate(lines, 1):
                what = self.chain.take(line) if number > 1 else self.chain.take_header(name, line)
                if what:
                    break
                if number > 1:
                    yield segment, place, line
                place += len(line)
        except UnreadableSegmentError as wrong:
            self._fault = ChainFault(self.chain.seq + 1, name, number + 1, str(wrong))
            return
        if what:
            self._fault = ChainFault(self.chain.seq + 1, name, number, what)
            behind = self._head is not None and self.chain.seq >= self._head.seq
            self._torn = behind and is_torn(line, lines)


def is_torn(line: bytes, following: Iterator[bytes]) -> bool:
    """Return True where an unproven line and the rest of its file are the trace of a crash during the last write.

    That is a line without its end, then at most zeros up to the end of the file. With readable bytes behind it is not.
    """
    started = line.rstrip(b"\0")
    return b"\n" not in started and b"\0" not in started and not any(piece.strip(b"\0") for piece in following)


def verify(segments: Segments, head: Head | None, anchor: Anchor | None = None) -> Report:
    """Verify the whole chain of one node: its segments in order, each the file's name and its lines."""
    return Walk(segments, head, anchor).to_the_end()


def _at_end(chain: Chain, head: Head | None, missing: int) -> ChainFault | None:
    if head is None:
        what = "the head file is missing or unreadable: whether entries are missing at the end cannot be known"
    elif missing:
        what = f"{missing} entries are missing at the end: the head file says that {head.seq} were written"
    elif head.seq < chain.first - 1:
        what = f"the head file is older than the last segment: it says that {head.seq} entries were written"
    else:
        return None
    return ChainFault(chain.seq + 1, "", 0, what)

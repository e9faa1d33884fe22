"""One order of entries over the journals of several nodes. Pure.

The order keeps that of each journal. Beyond that entries follow each other by time, then by the name of the node; but
an event of a channel never follows a later one of the same channel, and what caused or published it stands before what
other nodes delivered of it. Clocks of machines differ, so a journal is read ahead of the order by `AHEAD_SECONDS`: a
difference up to that does not change the order of events. Where two journals contradict each other in what must stand
first, time decides.

In the merged form entries are numbered anew, from 1; `cause` and `after` name new numbers, `node` the journal that an
entry is of. There are no links, since the order is no node's own.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import msgspec

from .entry import Header, decode_header

AHEAD_SECONDS: Final = 5.0
_MAX_AHEAD: Final = 2_000  # entries of one journal that are read ahead
_PUBLISHED: Final = ("fanout", "recovered")

Lines = Iterator[tuple[int, bytes]]
"""The lines of one journal, each with its place in its source."""


class MergedEntry(NamedTuple):
    """An entry in the merged order: its journal's place in the names, its place there, its line in merged form."""

    chain: int
    place: int
    number: int
    cause: int
    after: int
    header: Header
    line: bytes


class _Ahead(NamedTuple):
    at: float  # never less than that of the entry before: the wall clock may have gone back, the order did not
    place: int
    line: bytes
    header: Header


class _Chain:
    """One journal, read ahead. `waiting`: by channel and epoch the offsets of events among what was read ahead."""

    def __init__(self, number: int, node: str, lines: Lines) -> None:
        self.number, self.node, self._lines = number, node, lines
        self._ahead: deque[_Ahead] = deque()
        self._latest = 0.0
        self._ended = False
        self.waiting: dict[tuple[str, str], deque[tuple[int, bool]]] = {}
        self._first = 0
        self._numbers = array("I")  # by seq from the first on: the number in the merged order

    @property
    def head(self) -> _Ahead | None:
        """Return the next entry; None at the end."""
        self._read()
        return self._ahead[0] if self._ahead else None

    def pop(self) -> _Ahead:
        """Take the next entry."""
        entry = self._ahead.popleft()
        if (event := _event(entry.header)) is not None:
            offsets = self.waiting[event]
            offsets.popleft()
            if not offsets:
                del self.waiting[event]
        return entry

    def renumber(self, seq: int, number: int) -> None:
        """Remember the number of an entry: later ones name it as their cause."""
        if not self._numbers:
            self._first = seq
        self._numbers.extend([0] * (seq - self._first - len(self._numbers)))
        self._numbers.append(number)

    def numbered(self, seq: int) -> int:
        """Return the number of an entry of before; 0 where there was none."""
        at = seq - self._first
        return self._numbers[at] if 0 <= at < len(self._numbers) else 0

    def _read(self) -> None:
        while not self._ended and len(self._ahead) < _MAX_AHEAD:
            if self._ahead and self._latest > self._ahead[0].at + AHEAD_SECONDS:
                return
            found = next(self._lines, None)
            if found is None:
                self._ended = True
                return
            place, line = found
            start = line.find(b"\t") + 1
            header = decode_header(line[start : line.find(b"\t", start)])
            self._latest = max(self._latest, header.at)
            self._ahead.append(_Ahead(self._latest, place, line, header))
            if (event := _event(header)) is not None:
                self.waiting.setdefault(event, deque()).append((header.offset, header.cause == 0))


def _event(header: Header) -> tuple[str, str] | None:
    if header.offset and header.kind in _PUBLISHED and header.audience == "all":
        return header.channel, header.epoch
    return None


def merged(chains: Mapping[str, Lines]) -> Iterator[MergedEntry]:
    """Yield the entries of all journals in one order; `chains` by the names of their nodes.

    Raises the errors of reading them, and ValueError for a line that is no entry.
    """
    read = [_Chain(number, node, lines) for number, (node, lines) in enumerate(sorted(chains.items()))]
    number = 0
    while (chain := _next(read)) is not None:
        entry = chain.pop()
        number += 1
        header = entry.header
        chain.renumber(header.seq, number)
        cause = chain.numbered(header.cause) if header.cause else 0
        after = chain.numbered(header.after) if header.after else 0
        _, _, seal, body = entry.line.removesuffix(b"\n").split(b"\t", 3)
        shown = renumbered(header, number, (cause, after), chain.node)
        yield MergedEntry(chain.number, entry.place, number, cause, after, shown, merged_line(shown, seal, body))


def renumbered(header: Header, number: int, named: tuple[int, int], node: str) -> Header:
    """Return the header of an entry in merged form; `named`: the new numbers of its cause, and of `after`."""
    cause, after = named
    return msgspec.structs.replace(header, seq=number, cause=cause, after=after, node=node)


def merged_line(header: Header, seal: bytes, body: bytes) -> bytes:
    """Return an entry's line in merged form."""
    return b"\t%b\t%b\t%b\n" % (_encode(header), seal, body)


def _next(chains: list[_Chain]) -> _Chain | None:
    """Return the journal whose next entry comes next; None at the end of all."""
    found = [(head.at, chain.number, chain) for chain in chains if (head := chain.head) is not None]
    if not found:
        return None
    chain = min(found)[2]
    passed: set[int] = set()
    while (before := _first_before(chain, chains, passed)) is not None:
        passed.add(chain.number)
        chain = before
    return chain


def _first_before(chain: _Chain, chains: list[_Chain], passed: set[int]) -> _Chain | None:
    """Return another journal that holds what must stand before the next entry of this one."""
    head = chain.head
    event = None if head is None else _event(head.header)
    if head is None or event is None:
        return None
    mine = (head.header.offset, head.header.cause == 0)
    for other in chains:
        if other is chain or other.number in passed:
            continue
        offsets = other.waiting.get(event)
        if offsets and offsets[0] < mine:
            return other
    return None


_encode = msgspec.json.Encoder().encode

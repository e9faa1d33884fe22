"""The index of a recording, made in one pass over its headers."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from typing import Protocol

import msgspec

from .entry import Entry, decode_entry
from .proof.verify import Report


class Source(Protocol):
    """A source of entries, in the journal's order and form."""

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield every entry's place and line."""

    def line(self, place: int) -> bytes:
        """Return the line at a place."""

    def verify(self) -> Report:
        """Verify that all of it is whole and unchanged."""


class _Key(msgspec.Struct, gc=False):
    kind: str
    at: float
    session: str = ""
    user: str = ""
    channel: str = ""


_keys = msgspec.json.Decoder(_Key)
RARE = frozenset({"start", "stop", "open", "renewed", "close", "settings", "gap", "restored", "act", "outcome"})


def unreadable(number: int, wrong: Exception) -> ValueError:
    """Return the error for an entry that can not be read."""
    return ValueError(
        f"entry {number + 1} of this recording cannot be read ({wrong}); verify() says where it is damaged"
    )


def _numbers() -> array[int]:
    return array("I")


class Index:
    """An index of entries by number: 0, 1, 2 … in the order of the recording, independent of their seq.

    `sessions`: the entries that name a session; `fanouts`: those that go to a channel; `rare`: those of a rare kind. It
    takes 16 bytes an entry, and four for each of these. `attached`: the sessions that ever received a channel. `users`
    and `channels`: all that an entry names.

    Raises ValueError for an entry that can not be read.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._places = array("Q")
        self.times = array("d")
        self.sessions: dict[str, array[int]] = defaultdict(_numbers)
        self.fanouts: dict[str, array[int]] = defaultdict(_numbers)
        self.rare: dict[str, array[int]] = defaultdict(_numbers)
        self.attached: dict[str, set[str]] = defaultdict(set)
        self.users: set[str] = set()
        self.channels: set[str] = set()
        self._published: dict[str, dict[tuple[str, int], int]] = {}  # filled for a channel on its first use
        latest = 0.0
        for number, (place, line) in enumerate(source.lines()):
            start = line.find(b"\t") + 1
            try:
                key = _keys.decode(line[start : line.find(b"\t", start)])
            except ValueError as wrong:
                raise unreadable(number, wrong) from wrong
            latest = max(latest, key.at)  # the wall clock may have gone back; the order did not
            self._places.append(place)
            self.times.append(latest)
            self.users.add(key.user)
            self.channels.add(key.channel)
            if key.session:
                self.sessions[key.session].append(number)
            if key.kind in RARE:
                self.rare[key.kind].append(number)
            if key.channel and not key.session:
                self.fanouts[key.channel].append(number)
            elif key.kind == "attach":
                self.attached[key.channel].add(key.session)
        self.users.discard("")
        self.channels.discard("")

    def __len__(self) -> int:
        return len(self._places)

    def entry(self, number: int) -> Entry:
        """Return the entry, read from its source."""
        return decode_entry(self._source.line(self._places[number]))

    def until(self, moment: float) -> int:
        """Return the number of entries up to a time (Unix seconds), that time included."""
        return bisect_right(self.times, moment)

    def since(self, moment: float) -> int:
        """Return the number of the first entry at or after a time."""
        return bisect_left(self.times, moment)

    def by_seq(self, seq: int) -> int | None:
        """Return the number of the entry with a seq, by bisection: seqs rise in the order of the recording."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            here = self.entry(middle).header.seq
            if here == seq:
                return middle
            low, high = (middle + 1, high) if here < seq else (low, middle)
        return None

    def published(self, channel: str, epoch: str, offset: int) -> int | None:
        """Return the entry that published an event; None where the recording does not hold it."""
        places = self._published.get(channel)
        if places is None:
            places = self._published[channel] = {}
            for number in self.fanouts.get(channel, ()):
                header = self.entry(number).header
                if header.offset and header.audience == "all" and header.kind in ("fanout", "recovered"):
                    places.setdefault((header.epoch, header.offset), number)
        return places.get((epoch, offset))

    def fanouts_between(self, channel: str, after: int, before: int) -> array[int]:
        """Return the fan-outs of a channel between two entries."""
        row = self.fanouts.get(channel)
        return _numbers() if row is None else row[bisect_right(row, after) : bisect_left(row, before)]

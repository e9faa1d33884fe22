"""The redacted view of a recording for a lower clearance, made by the filter that the exports of the service use.

A first pass finds the level of each channel, a second the visible entries. It keeps the place of each visible entry (8
bytes) and the few parts that are shown with changes; no line is kept.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Final

import msgspec

from dossier_realtime.protocol.channels import is_whole_namespace, parse_pattern
from dossier_realtime.protocol.classification import HIGHEST, LEVELS, Clearance

from ..entry import Detail, Header
from ..index import Source, unreadable
from ..proof.verify import ChainFault, Report
from .visibility import ClearanceFilter, reach

CLEARANCE: Final = "internal"
"""The clearance of a view, unless another one is given."""

_ELSEWHERE: Final = (
    "the chain is broken here: entries were removed, repeated, moved or changed; "
    f"read it with clearance={HIGHEST!r} to know the place in its file"
)


def seen_with(source: Source, clearance: str, within: str = HIGHEST) -> Source:
    """Return the view of a source for a clearance; the source itself, where it holds nothing above.

    `within` is the clearance that the source was made for. Raises ValueError for an unknown clearance.
    """
    return source if reach(clearance) >= Clearance.strict(within) else RedactedView(source, clearance)


class Levels:
    """Levels by channel: the highest in any entry, so that a channel that was raised is hidden from the beginning.

    A name without a level in any entry may be secret: it has the highest level. A pattern has the lowest level of the
    channels that match; a pattern of a whole namespace has that of unclassified channels.
    """

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._levels: dict[str, str] = {}
        self._patterns: dict[str, str] = {}
        for line in lines:
            start = line.find(b"\t") + 1
            try:
                found = _levels.decode(line[start : line.find(b"\t", start)])
            except ValueError:
                continue  # reading the entry reports it
            if (
                found.level
                and found.channel
                and Clearance.strict(found.level) >= Clearance.strict(self._levels.get(found.channel, LEVELS[0]))
            ):
                self._levels[found.channel] = found.level

    def of(self, name: str) -> str:
        """Return the level of a channel, or of a pattern of channels."""
        known = self._levels.get(name)
        if known is not None:
            return known
        if name not in self._patterns:
            self._patterns[name] = self._lowest(name)
        return self._patterns[name]

    def _lowest(self, name: str) -> str:
        if is_whole_namespace(name):
            return CLEARANCE
        pattern = parse_pattern(name)
        fitting = [level for channel, level in self._levels.items() if pattern is not None and pattern.matches(channel)]
        return min(fitting, key=Clearance.strict, default=HIGHEST)


class RedactedView:
    """A view of a source without anything above a clearance; entries are renumbered and have no links.

    The source is read through on first use. `verify` still checks all of it.
    """

    def __init__(self, source: Source, clearance: str) -> None:
        self._source, self._clearance = source, clearance
        self._visible: _VisibleEntries | None = None

    @property
    def _seen(self) -> _VisibleEntries:
        if self._visible is None:
            self._visible = _VisibleEntries(self._source, self._clearance)
        return self._visible

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield every visible entry; its place is its number. Raises the error that the source raised on the way."""
        for number in range(len(self._seen.places)):
            yield number, self.line(number)
        if self._seen.trouble is not None:
            raise self._seen.trouble

    def line(self, place: int) -> bytes:
        """Return the entry with this number, as it may be seen."""
        seen = self._seen
        _, head, _, body = self._source.line(seen.places[place]).removesuffix(b"\n").split(b"\t", 3)
        header = _headers.decode(head)
        detail = seen.details.get(place)
        shown_detail = header.detail if detail is None else _details.decode(detail)
        body = b"" if seen.is_blank(place) else seen.bodies.get(place, body)
        shown = _encode(
            msgspec.structs.replace(
                header,
                seq=place + 1,
                commit=0,
                cause=seen.causes[place],
                after=seen.afters.get(place, 0),
                detail=shown_detail,
            )
        )
        return b"\t%b\t%b\t%b\n" % (shown, b"-" if body else b"", body)

    def verify(self) -> Report:
        """Verify the chain of the whole source; report numbers of the view, since others would count hidden entries."""
        found = self._source.verify()
        places, fault = self._seen.places, found.fault
        count = len(places)
        if fault is not None:
            count = 0
            for place, _ in islice(self._source.lines(), found.entries):
                count += count < len(places) and places[count] == place
            what = _ELSEWHERE if any(character.isdigit() for character in fault.what) else fault.what
            fault = ChainFault(count + 1 if fault.seq else 0, "", 0, what)
        return replace(found, entries=count, fault=fault, missing_at_end=0, redacted=0, removed=0)


class _VisibleEntries:
    """The entries that the clearance filter lets through: their places in the source, and by number what differs."""

    def __init__(self, source: Source, clearance: str) -> None:
        self.places = array("Q")
        self.causes = array("I")
        self.afters: dict[int, int] = {}
        self.details: dict[int, bytes] = {}
        self.bodies: dict[int, bytes] = {}
        self.trouble: ValueError | None = None
        self._blank = array("I")
        try:
            clearance_filter = ClearanceFilter(clearance, Levels(line for _, line in source.lines()).of)
            for place, line in source.lines():
                self._take(clearance_filter, place, line)
        except ValueError as wrong:
            self.trouble = wrong

    def is_blank(self, number: int) -> bool:
        """Return True for an entry whose frame is not shown."""
        at = bisect_left(self._blank, number)
        return at < len(self._blank) and self._blank[at] == number

    def _take(self, clearance_filter: ClearanceFilter, place: int, line: bytes) -> None:
        number = len(self.places)
        try:
            _, head, _, body = line.removesuffix(b"\n").split(b"\t", 3)
            header = _headers.decode(head)
            seen = clearance_filter.see(header, body)
        except (ValueError, LookupError) as wrong:
            raise unreadable(number, wrong) from wrong
        if seen is None:
            return
        self.places.append(place)
        shown, shown_body = seen
        self.causes.append(clearance_filter.number(shown).cause)
        if shown.after:
            self.afters[number] = shown.after
        if body and not shown_body:
            self._blank.append(number)
        elif body != shown_body:
            self.bodies[number] = shown_body
        if shown.detail != header.detail:
            self.details[number] = _encode(shown.detail)


class _Level(msgspec.Struct, gc=False):
    channel: str = ""
    level: str = ""


_levels = msgspec.json.Decoder(_Level)
_headers = msgspec.json.Decoder(Header)
_details = msgspec.json.Decoder(Detail)
_encode = msgspec.json.Encoder().encode

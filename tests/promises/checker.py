"""The judge of a run: what was published, what each reader received, and every way in which the two disagree.

Pure: the clients of a run write into a `Ledger`, with times of one steady clock in seconds; `breaches` then says what
was promised and not kept. It trusts nothing that it was not told, so a run that recorded nothing proves nothing:
tests check the counts too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple


class BreachKind(Enum):
    """The kinds of faults; each has a test that shows it is found."""

    LOST = "an acknowledged event did not reach a reader"
    GAP = "offsets are not contiguous within an epoch"
    TWICE = "an event took effect or arrived twice"
    ORDER = "two places name different events"
    REFUSED = "an event that was refused was delivered"
    FORBIDDEN = "an event reached somebody who was not allowed it"
    UNKNOWN = "an event was delivered that nobody published"


class Breach(NamedTuple):
    fault: BreachKind
    text: str


class Place(NamedTuple):
    """The position of an event in its channel."""

    epoch: str
    offset: int


class Delivery(NamedTuple):
    event: str
    place: Place
    at: float


@dataclass(slots=True)
class Publication:
    """One event, however often it was sent. `sent` is the first time, `acked` that of the first ack."""

    event: str
    channel: str
    sent: float
    acked: float | None = None
    refused: bool = False
    places: set[Place] = field(default_factory=set)


@dataclass(slots=True)
class Span:
    """The events that a reader received without a reported gap: everything after `start`."""

    start: Place
    deliveries: list[Delivery] = field(default_factory=list)

    @property
    def end(self) -> int:
        """The offset that the reader has come to."""
        return self.deliveries[-1].place.offset if self.deliveries else self.start.offset


@dataclass(slots=True)
class Reader:
    """One subscriber of one channel, over all its connections."""

    name: str
    channel: str
    spans: list[Span] = field(default_factory=list)
    present: bool = False
    forbidden_since: float | None = None

    def subscribed(self, position: Place, *, recovered: bool | None = None) -> None:
        """Record the answer to a `subscribe`. `recovered` True: the last span goes on; else a new one begins there."""
        self.present = True
        if not (recovered and self.spans):
            self.spans.append(Span(position))

    def received(self, event: str, offset: int, at: float) -> None:
        """Record a received event."""
        span = self.spans[-1]
        span.deliveries.append(Delivery(event, Place(span.start.epoch, offset), at))

    def left(self) -> None:
        """Record the end of a connection: until the next one, no event is owed to it."""
        self.present = False

    def forbid(self, at: float) -> None:
        """From here on it may receive nothing that is sent later."""
        self.forbidden_since = at
        self.present = False

    @property
    def since(self) -> Place:
        """The position that a return asks to recover from."""
        return Place(self.spans[-1].start.epoch, self.spans[-1].end)

    @property
    def deliveries(self) -> Iterator[Delivery]:
        """Everything received, in order."""
        return (delivery for span in self.spans for delivery in span.deliveries)


class Ledger:
    """The record of one run."""

    def __init__(self) -> None:
        self.publications: dict[str, Publication] = {}
        self.readers: list[Reader] = []
        self.acks = 0
        """The number of acknowledged events, each counted once."""
        self._heads: dict[tuple[str, str], int] = {}

    def reader(self, name: str, channel: str) -> Reader:
        """Return a subscriber to keep account of."""
        self.readers.append(one := Reader(name, channel))
        return one

    def sent(self, event: str, channel: str, at: float) -> None:
        """Record that an event is sent; sent again under its key, it stays one event."""
        self.publications.setdefault(event, Publication(event, channel, at))

    def acked(self, event: str, place: Place, at: float) -> None:
        """Record an acknowledgement of the event, at this place."""
        publication = self.publications[event]
        if publication.acked is None:
            publication.acked = at
            self.acks += 1
        publication.places.add(place)
        where = (publication.channel, place.epoch)
        self._heads[where] = max(place.offset, self._heads.get(where, 0))

    def refused(self, event: str) -> None:
        """Record that the service denied the event."""
        self.publications[event].refused = True

    @property
    def deliveries(self) -> int:
        """The number of delivered events, over all readers."""
        return sum(len(span.deliveries) for reader in self.readers for span in reader.spans)

    def check(self) -> None:
        """Fail, with the first of the breaches, when there is any."""
        if found := self.breaches():
            shown = "\n".join(f"{breach.fault.name}: {breach.text}" for breach in found[:10])
            raise AssertionError(f"{len(found)} breaches of what is promised:\n{shown}")

    def breaches(self) -> list[Breach]:
        """Everything that was promised and not kept."""
        found: list[Breach] = []
        for reader in self.readers:
            found += _continuous(reader)
            found += self._allowed(reader)
            found += self._complete(reader)
        return [*found, *self._one_order()]

    def caught_up(self, reader: Reader) -> bool:
        """Return whether the reader has received the last acknowledged event, so that a run may end and be judged."""
        epoch, offset = reader.since
        return offset >= self._heads.get((reader.channel, epoch), 0)

    def missing(self, reader: Reader) -> list[Publication]:
        """Return the acknowledged events that a reader who is there is still owed."""
        if not reader.present or not reader.spans:
            return []
        span = reader.spans[-1]
        epoch, start = span.start
        had = {delivery.event for delivery in span.deliveries}
        return [
            one
            for one in self.publications.values()
            if one.channel == reader.channel
            and one.event not in had
            and any(place.epoch == epoch and place.offset > start for place in one.places)
        ]

    def _complete(self, reader: Reader) -> Iterator[Breach]:
        for one in self.missing(reader):
            yield Breach(BreachKind.LOST, f"{reader.name} lacks {one.event}, acked at {sorted(one.places)}")

    def _allowed(self, reader: Reader) -> Iterator[Breach]:
        for delivery in reader.deliveries:
            known = self.publications.get(delivery.event)
            where = f"{reader.name} received {delivery.event} at {delivery.place}"
            if known is None or known.channel != reader.channel:
                yield Breach(BreachKind.UNKNOWN, where)
            elif known.refused:
                yield Breach(BreachKind.REFUSED, where)
            elif reader.forbidden_since is not None and known.sent > reader.forbidden_since:
                late = known.sent - reader.forbidden_since
                yield Breach(BreachKind.FORBIDDEN, f"{where}, sent {late:.3f} s after it lost the right")

    def _one_order(self) -> Iterator[Breach]:
        """Yield a fault for each place with two events and each event with two places."""
        places: dict[tuple[str, Place], str] = {}
        events: dict[str, Place] = {}
        said = [(one.channel, one.event, place) for one in self.publications.values() for place in one.places]
        said += [(reader.channel, one.event, one.place) for reader in self.readers for one in reader.deliveries]
        for channel, event, place in said:
            if (other := places.setdefault((channel, place), event)) != event:
                yield Breach(BreachKind.ORDER, f"{channel} {place} is {other} to one and {event} to another")
            if (first := events.setdefault(event, place)) != place:
                yield Breach(BreachKind.TWICE, f"{event} stands at {first} and at {place} of {channel}")


def _continuous(reader: Reader) -> Iterator[Breach]:
    for span in reader.spans:
        expected = span.start.offset + 1
        for delivery in span.deliveries:
            offset = delivery.place.offset
            if offset < expected:
                yield Breach(BreachKind.TWICE, f"{reader.name} received {delivery.event} at {offset}, being past it")
            elif offset > expected:
                yield Breach(BreachKind.GAP, f"{reader.name} received offset {offset} where {expected} was next")
            expected = max(expected, offset + 1)

"""Events as Redis holds them, in the log and in hints."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from app.core.position import epoch_of
from app.engine.delivery_rules import TO_EVERYBODY, DeliveryRules
from app.engine.ports.events import Publication, PublicationEntry
from app.engine.redis.log.store_state import StoreState
from dossier_realtime.protocol.namespaces import frame_of

LANE_BYTES: Final = 8
_HEADER: Final = struct.Struct(">IQQI")  # generation, offset, number of the commit, length of what follows


class StoredEvent(msgspec.Struct, array_like=True, frozen=True):
    """An event without its numbers. `rules` None: it goes to everybody."""

    channel: str
    body: bytes
    rules: DeliveryRules | None = None


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(StoredEvent)


class NumberedEvent(NamedTuple):
    """An event with its numbers: `offset` 0 is of one that is not kept.

    `store` is the id of the store that it was committed to; "": the one that the node knows.
    """

    generation: int
    offset: int
    commit: int
    event: StoredEvent
    store: str = ""

    def publication(self, store: StoreState, *, as_delivered: bool = True) -> Publication:
        """Return the event as subscribers get it, or as it is read later: then no rule of its delivery holds."""
        channel, body, rules = self.event.channel, self.event.body, self.event.rules
        epoch = epoch_of(self.store or store.store, channel, self.generation) if self.offset else ""
        delivery = rules if as_delivered and rules is not None else TO_EVERYBODY
        return Publication(channel, epoch, self.offset, frame_of(channel, body, self.offset), self.commit, delivery)


class HeadHint(NamedTuple):
    """The part of a hint that says only how far a channel is; its events are to be read."""

    generation: int
    offset: int


def stored(entry: PublicationEntry) -> StoredEvent:
    """Return the event of an entry."""
    rules = None if entry.delivery == TO_EVERYBODY else entry.delivery
    return StoredEvent(entry.channel, entry.body, rules)


def encoded(event: StoredEvent) -> bytes:
    """Return the bytes of an event."""
    return _encode(event)


def decoded(blob: bytes) -> StoredEvent:
    """Return the event of these bytes."""
    return _decoder.decode(blob)


def hinted(data: bytes) -> Iterator[NumberedEvent | HeadHint]:
    """Yield what a hint says, after the name of its lane."""
    at, view = LANE_BYTES, memoryview(data)
    while at < len(data):
        generation, offset, commit, length = _HEADER.unpack_from(data, at)
        at += _HEADER.size
        if length:
            yield NumberedEvent(generation, offset, commit, decoded(bytes(view[at : at + length])))
        else:
            yield HeadHint(generation, offset)
        at += length

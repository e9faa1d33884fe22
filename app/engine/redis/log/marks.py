"""Marks of what was delivered: by them a node finds out that another server took over without some of it.

A store that is behind what a node has seen is known by its commit number, but not once others have committed past
that. What is lost is the end of the log. So it is enough to look again for the last event of each channel that was
delivered before the last beat from the same server, and for all events since.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple
from zlib import crc32

from app.engine.ports.errors import Unavailable
from app.engine.redis.log.history import LogReader
from app.engine.redis.log.stored_event import NumberedEvent

MAX_MARKS: Final = 10_000
"""Marks of a channel between two beats; of more the last one counts."""

_CHUNK: Final = 500  # events a call: the server does nothing else meanwhile


class _Mark(NamedTuple):
    generation: int
    offset: int
    commit: int
    digest: int


def _mark(event: NumberedEvent) -> _Mark:
    return _Mark(event.generation, event.offset, event.commit, crc32(event.event.body))


class DeliveryMarks:
    """The marks of the channels that a node receives."""

    def __init__(self, reader: LogReader) -> None:
        self._reader = reader
        self._marks: dict[str, list[_Mark]] = {}
        self._grown: set[str] = set()  # channels with more than one
        self._places: dict[str, tuple[int, int]] = {}  # of channels that were joined and have none yet

    def joined(self, channel: str, generation: int, offset: int) -> None:
        """Note where the delivery of a channel begins."""
        self.forget(channel)
        if offset:
            self._places[channel] = generation, offset

    def delivered(self, event: NumberedEvent) -> None:
        """Note an event of a joined channel that is kept in the log."""
        channel = event.event.channel
        marks = self._marks.get(channel)
        if marks is None:
            self._marks[channel] = [_mark(event)]
            self._places.pop(channel, None)
            return
        if len(marks) >= MAX_MARKS:
            marks.pop()
        marks.append(_mark(event))
        self._grown.add(channel)

    def forget(self, channel: str) -> None:
        """Forget a channel that is not received any more."""
        self._marks.pop(channel, None)
        self._places.pop(channel, None)
        self._grown.discard(channel)

    def before_beat(self) -> dict[str, int]:
        """Return what `stood` is to be called with, if the beat that is sent now comes from the server of the last."""
        return {channel: len(self._marks[channel]) for channel in self._grown}

    def stood(self, before: Mapping[str, int]) -> None:
        """Keep one mark for what was delivered before a beat."""
        for channel, count in before.items():
            marks = self._marks.get(channel, [])
            del marks[: min(count, len(marks)) - 1]
            if len(marks) <= 1:
                self._grown.discard(channel)

    async def complete(self) -> None:
        """Mark the last events of channels that were joined and have delivered nothing since. Raises Unavailable."""
        while some := dict(list(self._places.items())[:_CHUNK]):
            places = [(channel, *place) for channel, place in some.items()]
            for (channel, *_), event in zip(places, await self._reader.at(places), strict=True):
                if self._places.get(channel) == some[channel]:
                    del self._places[channel]
                    if event is not None:
                        self._marks[channel] = [_mark(event)]

    async def are_lost(self, server: bytes) -> bool:
        """Return whether the log of a server lacks something that was delivered, or has another event there.

        `server` is the identity that a beat told. While servers change, one call may reach the new one and the next
        the old one, which has it all. Raises Unavailable, then too.
        """
        marks = [(channel, mark) for channel, marks in self._marks.items() for mark in marks]
        for start in range(0, len(marks), _CHUNK):
            some = marks[start : start + _CHUNK]
            places = [(channel, mark.generation, mark.offset) for channel, mark in some]
            answering, held = await self._reader.held(places)
            if answering != server:
                raise Unavailable("Redis is changing its servers: try again in a few seconds")
            for (_, mark), (event, head) in zip(some, held, strict=True):
                if event is not None and _mark(event) != mark:
                    return True
                if (mark.generation, mark.offset) > head:  # else it was trimmed
                    return True
        return False

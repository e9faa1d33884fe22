"""Reading the log of events in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from app.engine.redis.connection import Client, asked, execute
from app.engine.redis.keys import RedisKeys
from app.engine.redis.log.stored_event import NumberedEvent, decoded
from app.engine.redis.scripts import loader


class ChannelHead(NamedTuple):
    """The head of a channel. A channel without events has `offset` 0 and `oldest` 1."""

    generation: int
    offset: int
    oldest: int


class HeldPlace(NamedTuple):
    """The event at a place, if it is kept, and the generation and offset that its channel has come to."""

    event: NumberedEvent | None
    head: tuple[int, int]


class LogReader:
    """Queries of the log. Each raises Unavailable."""

    def __init__(self, client: Client, keys: RedisKeys) -> None:
        self.client, self._keys = client, keys

    async def heads(self, channels: Sequence[str]) -> tuple[str, list[ChannelHead]]:
        """Return the id of the store and the heads of channels, of one moment."""
        reply = await loader.run(self.client, "heads", [self._keys.meta], self._keys.log, *channels)
        store, numbers = reply[0].decode(), reply[1:]
        return store, [ChannelHead(*numbers[at : at + 3]) for at in range(0, len(numbers), 3)]

    async def events(self, channel: str, generation: int, after: int, limit: int) -> list[NumberedEvent]:
        """Return at most `limit` events of an epoch after an offset, in order; none where the first is gone."""
        rows = await asked(execute(self.client, *self._range(channel, generation, after, limit)))
        found = _numbered(generation, rows)
        return found if found and found[0].offset == after + 1 else []

    async def at(self, places: Sequence[tuple[str, int, int]]) -> list[NumberedEvent | None]:
        """Return the events at places (channel, generation, offset), None where none is kept."""
        pipeline = self.client.pipeline(transaction=False)
        for channel, generation, offset in places:
            pipeline.execute_command(*self._range(channel, generation, offset - 1, 1, offset))
        replies = await asked(pipeline.execute())
        return [
            _numbered(generation, rows)[0] if rows else None
            for (_, generation, _), rows in zip(places, replies, strict=True)
        ]

    async def held(self, places: Sequence[tuple[str, int, int]]) -> tuple[bytes, list[HeldPlace]]:
        """Return the identity of the server that answers (as `beat.lua` has it), and what it holds at places."""
        pipeline = self.client.pipeline(transaction=False)  # one connection, and so one server
        for section in ("server", "replication"):
            pipeline.execute_command("INFO", section)
        for channel, generation, offset in places:
            pipeline.execute_command(*self._range(channel, generation, offset - 1, 1, offset))
            pipeline.execute_command("HMGET", self._keys.channel(channel), "generation", "offset")
        run, data, *replies = await asked(pipeline.execute())
        found = []
        for (_, generation, _), rows, head in zip(places, replies[0::2], replies[1::2], strict=True):
            event = _numbered(generation, rows)[0] if rows else None
            found.append(HeldPlace(event, (int(head[0] or 0), int(head[1] or 0))))
        return _told(run, b"run_id") + b":" + _told(data, b"master_replid"), found

    async def first(self, channel: str, generation: int) -> int:
        """Return the first offset of an epoch that is kept; 0 where none is."""
        rows = await asked(execute(self.client, *self._range(channel, generation, 0, 1)))
        return _numbered(generation, rows)[0].offset if rows else 0

    async def commits(self, node: str, after: int, limit: int) -> list[NumberedEvent]:
        """Return events that a node committed after a number, in the order of their commits."""
        found: list[NumberedEvent] = []
        while not found:  # a page of events that are all trimmed is no end
            rows = await asked(
                execute(self.client, "XRANGE", self._keys.commits(node), f"({after}-0", "+", "COUNT", limit)
            )
            if not rows:
                break
            pipeline = self.client.pipeline(transaction=False)
            places = []
            for number, fields in rows:
                after = int(number.partition(b"-")[0])
                channel, generation, offset = fields[1].decode(), int(fields[3]), int(fields[5])
                places.append(generation)
                pipeline.execute_command(*self._range(channel, generation, offset - 1, 1, offset))
            for generation, events in zip(places, await asked(pipeline.execute()), strict=True):
                found += _numbered(generation, events)
        return found

    def _range(self, channel: str, generation: int, after: int, limit: int, until: int | str = "+") -> tuple[Any, ...]:
        return ("XRANGE", self._keys.events(channel, generation), f"{max(after, -1) + 1}-0", until, "COUNT", limit)


def _numbered(generation: int, rows: Sequence[Any]) -> list[NumberedEvent]:
    return [
        NumberedEvent(generation, int(number.partition(b"-")[0]), int(fields[1]), decoded(fields[3]))
        for number, fields in rows
    ]


def _told(information: bytes, name: bytes) -> bytes:
    """Return a value of an answer to INFO; nothing where it has none."""
    return next((line[len(name) + 1 :] for line in information.split(b"\r\n") if line.startswith(name + b":")), b"")

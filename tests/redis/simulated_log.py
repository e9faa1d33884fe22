"""A log in memory with one node's cursors before it: each answer and each hint comes when a test says so."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from contextvars import copy_context
from typing import Any, NamedTuple

from app.core.position import epoch_of
from app.engine.ports.events import Publication
from app.engine.redis.log.cursors import ChannelCursor, ChannelCursors
from app.engine.redis.log.history import ChannelHead, LogReader
from app.engine.redis.log.store_state import StoreState
from app.engine.redis.log.stored_event import HeadHint, NumberedEvent, StoredEvent

Place = tuple[str, str, int]
"""Channel, epoch and offset of an event."""


class _Channel:
    def __init__(self) -> None:
        self.generation, self.offset, self.oldest = 0, 0, 1
        self.kept: dict[tuple[int, int], NumberedEvent] = {}

    @property
    def head(self) -> ChannelHead:
        return ChannelHead(self.generation, self.offset, self.oldest)


class SimulatedLog(LogReader):
    """The log, as a server has it. Each question is answered a turn of the loop later, by what holds in between."""

    def __init__(self) -> None:
        self.store, self.commit = "store-0", 0
        self.channels: dict[str, _Channel] = {}

    def channel(self, name: str) -> _Channel:
        return self.channels.setdefault(name, _Channel())

    def append(self, name: str) -> NumberedEvent:
        channel = self.channel(name)
        channel.offset += 1
        self.commit += 1
        body = json.dumps({"type": "test", "channel": name, "number": self.commit}, separators=(",", ":")).encode()
        event = NumberedEvent(channel.generation, channel.offset, self.commit, StoredEvent(name, body))
        channel.kept[channel.generation, channel.offset] = event
        return event

    async def heads(self, channels: Sequence[str]) -> tuple[str, list[ChannelHead]]:
        await asyncio.sleep(0)
        found = self.store, [self.channel(name).head for name in channels]
        await asyncio.sleep(0)
        return found

    async def events(self, channel: str, generation: int, after: int, limit: int) -> list[NumberedEvent]:
        await asyncio.sleep(0)
        kept = self.channel(channel).kept
        found = [kept[place] for place in sorted(kept) if place[0] == generation and place[1] > after][:limit]
        await asyncio.sleep(0)
        return found if found and found[0].offset == after + 1 else []


class _State(StoreState):
    """The store as the node knows it."""

    def __init__(self, log: SimulatedLog) -> None:
        self._log, self.store = log, log.store

    async def open(self, recorded: int = 0, *, is_lost: bool = False) -> None:
        self.store = self._log.store


class _Answer(NamedTuple):
    """The answer of the server to a commit of the node, under way."""

    events: list[NumberedEvent]


class SimulatedNode:
    """A node's cursors. `committed`: its own commits; `delivered` and `recorded`: what left by each way."""

    def __init__(self) -> None:
        self.log = SimulatedLog()
        self._store = _State(self.log)
        self.cursors = ChannelCursors(self._store, self.log)
        self.delivered: list[Publication] = []
        self.recorded: list[Publication] = []
        self.committed: dict[int, Place] = {}
        self.acked: list[int] = []
        self.answers: deque[_Answer] = deque()
        self._hints: deque[tuple[str, list[NumberedEvent | HeadHint]]] = deque()
        self._heads: dict[str, tuple[ChannelCursor, ChannelHead]] = {}  # asked and not yet answered
        self.stale: list[Place] = []
        """Events of another store than the node knows that were delivered on a joined channel."""
        self.cursors.deliver, self.cursors.record = self._deliver, self.recorded.extend
        self.cursors.has_unanswered = lambda: bool(self.answers)

    def _deliver(self, publications: Sequence[Publication]) -> None:
        self.delivered += publications
        for one in publications:
            cursor = self.cursors.find(one.channel)
            if cursor is not None and cursor.joining is None:
                known = {epoch_of(self._store.store, one.channel, cursor.generation - back) for back in range(2)}
                self.stale += [place(one)] if one.epoch not in known else []

    # Steps; each may be taken at any time

    def commit(self, channels: Sequence[str]) -> None:
        """Let the server carry out a commit of the node; it does not know of it before `answer`."""
        events = [self.log.append(name)._replace(store=self.log.store) for name in channels]
        for event in events:
            epoch = epoch_of(self.log.store, event.event.channel, event.generation)
            self.committed[event.commit] = event.event.channel, epoch, event.offset
        self.answers.append(_Answer(events))

    def answer(self) -> None:
        """Let the oldest answer come."""
        if self.answers:
            answer = self.answers[0]
            numbers = [event.commit for event in answer.events]
            self.cursors.own(answer.events, copy_context(), lambda: self.acked.extend(numbers))
            self.answers.popleft()
            if not self.answers:
                self.cursors.forget_read()

    def commit_elsewhere(self, name: str) -> None:
        """Let another node commit; its hint is under way."""
        self._hints.append((name, [self.log.append(name)]))

    def receive(self, *, lost: bool = False) -> None:
        """Let the oldest hint come, or be lost."""
        if self._hints:
            name, found = self._hints.popleft()
            if not lost:
                self.cursors.hint(name, found)

    def join(self, name: str) -> None:
        """Begin to join a channel."""
        if self.cursors.find(name) is None:
            self.cursors.begin(name)

    def ask_head(self, name: str) -> None:
        """Let the server say the head of a channel that is being joined; the node does not know it yet."""
        cursor = self.cursors.find(name)
        if cursor is not None and cursor.joining is not None and cursor.refill is None:
            self._heads[name] = cursor, self.log.channel(name).head

    def settle(self, name: str) -> None:
        """Let the answer about the head come."""
        cursor, head = self._heads.pop(name, (None, None))
        if cursor is None or head is None or self.cursors.find(name) is not cursor:
            return
        if cursor.joining is not None and cursor.refill is None:  # else the node itself asks again
            self.cursors.settle(cursor, head)

    def leave(self, name: str) -> None:
        """Leave a channel."""
        self.cursors.end(name)

    def renew(self, name: str) -> None:
        """Let another node begin another epoch of a channel; its hint is under way."""
        channel = self.log.channel(name)
        channel.generation, channel.offset, channel.oldest = channel.generation + 1, 0, 1
        self._hints.append((name, [HeadHint(channel.generation, 0)]))

    def trim(self, name: str) -> None:
        """Let the log forget the events of a channel but the last."""
        channel = self.log.channel(name)
        if channel.offset:
            channel.oldest = channel.offset
            for place in [one for one in channel.kept if one < (channel.generation, channel.oldest)]:
                del channel.kept[place]

    def lose_store(self, *, empty: bool) -> None:
        """Let the store become another one, with or without what was in it; the node finds out at once."""
        self.log.store = f"store-{self.log.commit}-{self.log.store.count('-')}-"
        if empty:
            self.log.channels.clear()
            self._hints.clear()
        self._heads.clear()
        self._store.store = self.log.store
        self.cursors.void()

    async def compare(self) -> None:
        """Compare all heads."""
        names = list(self.cursors.joined)
        _, heads = await self.log.heads(names)
        for name, head in zip(names, heads, strict=True):
            self.cursors.compare(name, head)

    async def turns(self, count: int) -> None:
        """Let the loop turn."""
        for _ in range(count):
            await asyncio.sleep(0)

    async def calm(self) -> None:
        """Let everything come that is under way, and what it brings about."""
        for name in list(self.cursors.joined):
            self.ask_head(name)
            self.settle(name)
        while self.answers:
            self.answer()
        while self._hints:
            self.receive()
        for _ in range(3):
            await self.compare()
            found = (self.cursors.find(name) for name in self.cursors.joined)
            await asyncio.gather(*(one.refill for one in found if one is not None and one.refill is not None))
            await self.turns(3)


def place(publication: Publication) -> Place:
    """Return the place of a publication."""
    return publication.channel, publication.epoch, publication.offset


Step = tuple[Any, ...]


async def take(node: SimulatedNode, step: Step) -> None:
    """Take a step: the name of a method, then its arguments."""
    name, *arguments = step
    match name:
        case "compare" | "turns":
            await getattr(node, name)(*arguments)
        case "lose hint":
            node.receive(lost=True)
        case "lose store":
            node.lose_store(empty=arguments[0])
        case _:
            getattr(node, name)(*arguments)

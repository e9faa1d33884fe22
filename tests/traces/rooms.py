"""The services that a trace is played to: the pure core in memory, and a running one over raw sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Self

import msgspec

from dossier_realtime.ot.document import Document
from dossier_realtime.protocol import codec, responses
from dossier_realtime.protocol.commands import EditOperation, EditPayload
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Overrides, Service
from tests.harness.wire import Client, Message
from tests.sdk.document_service import PAPER, DocumentService
from tests.traces.copies import PlainCopy, ReplicaCopy
from tests.traces.replay import Copy, Person, VersionMessage
from tests.traces.trace import Trace

SETTINGS: Overrides = {"limits.edit": 1_000_000, "limits.general": 1_000_000, "limits.bytes_mib": 1_000}
"""Limits that a trace does not reach, at the pace at which it is played."""


class RoomInMemory:
    """The service's half of the pure core; messages are in every inbox at once."""

    def __init__(self, trace: Trace, copy: Callable[[str, DocumentService], Copy]) -> None:
        self._service = DocumentService(trace.start)
        start = self._service.document
        self.people = [Person(name, copy(name, self._service), start) for name in _names(trace)]

    @classmethod
    def plain(cls, trace: Trace) -> Self:
        """Return one whose people have the client's half of the pure core alone."""
        return cls(trace, lambda name, service: PlainCopy(name, service.content, service.log.tip))

    @classmethod
    def with_sdk(cls, trace: Trace) -> Self:
        """Return one whose people have the SDK's state."""
        return cls(trace, ReplicaCopy)

    async def reached(self, person: Person, version: int) -> None:
        pass  # at once

    async def commit(self, author: Person, payload: EditPayload) -> int:
        before = self._service.log.tip
        answer = self._service.edited(EditOperation(channel=PAPER, payload=payload), author.name)
        assert isinstance(answer, responses.OperationAck), answer
        for version in range(before + 1, self._service.log.tip + 1):
            for other in self.people:
                if other is not author:
                    other.inbox.append(self._service.remote(version))
        author.inbox.append(answer)
        return answer.payload.version

    async def close(self, version: int) -> str:
        assert self._service.log.tip == version
        return self._service.content


class RoomOverSockets:
    """A running service, and a raw socket for each person; they wait for messages, never for time."""

    def __init__(self, channel: str, people: list[Person], sockets: dict[str, Client]) -> None:
        self.people = people
        self._channel, self._sockets = channel, sockets
        self._told = {person.name: person.own for person in people}
        self._news = asyncio.Event()
        for person in people:
            sockets[person.name].on_message = partial(self._delivered, person)

    @classmethod
    async def opened(cls, service: Service, trace: Trace, document_id: str) -> Self:
        """Connect everybody to a new document, which begins with the trace's first text."""
        channel = f"document:{document_id}"
        sockets = {
            name: await Client.connect(service, service.token(name, f"write:{channel}")) for name in _names(trace)
        }
        first, *others = sockets.values()
        version = (await first.subscribe(channel))["document"]["version"]
        if trace.start:
            said = EditOperation(channel=channel, payload=EditPayload("insert", 0, version, trace.start))
            version = (await _answered(first, said))["payload"]["version"]
        for socket in others:
            assert (await socket.subscribe(channel))["document"]["content"] == trace.start
        people = [
            Person(name, PlainCopy(name, trace.start, version), Document.of(trace.start), own=version)
            for name in sockets
        ]
        return cls(channel, people, sockets)

    async def reached(self, person: Person, version: int) -> None:
        async with asyncio.timeout(HANG_SECONDS):
            while self._told[person.name] < version:
                self._news.clear()
                await self._news.wait()

    async def commit(self, author: Person, payload: EditPayload) -> int:
        answer = await _answered(self._sockets[author.name], EditOperation(channel=self._channel, payload=payload))
        return int(answer["payload"]["version"])

    async def close(self, version: int) -> str:
        """Return the text that the service tells a socket which subscribes anew."""
        one = next(iter(self._sockets.values()))
        one.on_message = None
        assert (await one.ask({"type": "unsubscribe", "channel": self._channel}))["type"] == "unsubscribed"
        document = (await one.subscribe(self._channel))["document"]
        for socket in self._sockets.values():
            await socket.close()
        assert document["version"] == version
        return str(document["content"])

    def _delivered(self, person: Person, message: Message) -> None:
        if message["type"] in ("remote_operation", "operation_ack"):
            event = codec.decode_event(msgspec.json.encode(message))
            assert isinstance(event, VersionMessage)
            person.inbox.append(event)
            self._told[person.name] = event.payload.version
            self._news.set()


def _names(trace: Trace) -> list[str]:
    return [f"agent{number}" for number in range(trace.agents)]


async def _answered(socket: Client, said: EditOperation) -> Message:
    """Send an edit and return its answer. What else has come is in the inbox already."""
    said.ref = said.payload.op_id or "first"
    await socket.send(codec.encode(said))
    answer = await socket.receive(ref=said.ref)
    assert answer["type"] == "operation_ack", answer
    socket.take_all()
    return answer

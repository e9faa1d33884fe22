"""Play a trace again: each person edits the text that they had seen then, however much more has been committed.

A person has a *copy* of the document, which is what is tested, and a *screen*, which shows of the others exactly what
the trace says that its agent had seen. Messages lie in the person's inbox until the screen must show them, or until
the answer to the person's own last edit lies behind them; in the second case the copy takes them and the screen is
late. So every edit is sent against the oldest version that the wire allows, and the rest is the service's to merge.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from dossier_realtime.ot import transform as transformation
from dossier_realtime.ot.document import Document, apply
from dossier_realtime.ot.operations import Operation
from dossier_realtime.protocol.commands import EditPayload
from dossier_realtime.protocol.events import RemoteOperation
from dossier_realtime.protocol.responses import OperationAck
from tests.traces.trace import NOTHING, Trace, operation_of

VersionMessage = RemoteOperation | OperationAck


class Copy(Protocol):
    """One person's copy of the document, that knows nothing of traces."""

    @property
    def document(self) -> Document:
        """The text with the person's own edits."""
        ...

    @property
    def synced(self) -> bool:
        """True when all of them are confirmed."""
        ...

    def edit(self, operation: Operation) -> None:
        """Make an edit of the person."""
        ...

    def sent(self) -> EditPayload:
        """Return what goes to the service now; there is something while it is not synced."""
        ...

    def receive(self, message: VersionMessage) -> Operation:
        """Take a message of the service; the change of `document`."""
        ...


@dataclass(eq=False)
class Person:
    """One agent of a trace. `late`: (version, change) of what the copy has and the screen does not show yet."""

    name: str
    copy: Copy
    screen: Document
    inbox: deque[VersionMessage] = field(default_factory=deque)
    late: deque[tuple[int, Operation]] = field(default_factory=deque)
    own: int = 0  # the version of the last edit

    def take(self, version: int) -> None:
        """Give the copy what came up to a version."""
        while self.inbox and self.inbox[0].payload.version <= version:
            message = self.inbox.popleft()
            change = self.copy.receive(message)
            if change.changes:
                self.late.append((message.payload.version, change))

    def show(self, version: int) -> None:
        """Show on the screen what others committed up to a version."""
        while self.late and self.late[0][0] <= version:
            self.screen = apply(self.late.popleft()[1], self.screen)

    def edit(self, operation: Operation) -> None:
        """Edit the text on the screen; the copy, which may be ahead, gets the same edit past what is late."""
        self.screen = apply(operation, self.screen)
        for place, (version, change) in enumerate(self.late):
            after, operation = transformation.transform(change, operation)
            self.late[place] = version, after
        if operation.changes:
            self.copy.edit(operation)


class Room(Protocol):
    """The service and the people at it."""

    people: list[Person]

    async def reached(self, person: Person, version: int) -> None:
        """Return once all that was committed up to a version lies in the inbox, or was taken out of it."""
        ...

    async def commit(self, author: Person, payload: EditPayload) -> int:
        """Have an edit committed, and return the version that its author is told, once that lies in the inbox."""
        ...

    async def close(self, version: int) -> str:
        """Return the service's own text of a version, the last one, and end every connection."""
        ...


async def replay(trace: Trace, room: Room, most: int | None = None) -> str:
    """Play a trace, or its first `most` transactions, and return the text in the end, the same for all."""
    ends: list[int] = []  # the version after each transaction
    tip = 0
    for transaction in trace.transactions[:most]:
        person = room.people[transaction.agent]
        seen = 0 if transaction.sees == NOTHING else ends[transaction.sees]
        await room.reached(person, seen)
        person.take(max(seen, person.own))
        person.show(seen)
        for patch in transaction.patches:
            person.edit(operation_of(patch, person.screen.text))
            while not person.copy.synced:
                tip = person.own = await room.commit(person, person.copy.sent())
                person.take(tip)
        ends.append(tip)
    for person in room.people:
        await room.reached(person, tip)
    text = await room.close(tip)
    for person in room.people:
        person.take(tip)
        person.show(tip)
        assert not person.inbox, f"{person.name} was told of more than was committed"
        assert person.screen == person.copy.document, f"{person.name} sees another text than the copy has"
        assert person.screen.content == text, f"{person.name} has another text than the service"
    return text

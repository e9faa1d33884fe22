"""The copies that a trace is played through, and the service in memory: pure, by the code that ships."""

from __future__ import annotations

from itertools import count

from dossier_realtime.client.state.effects import Changed, Effect
from dossier_realtime.ot.collab import Pending
from dossier_realtime.ot.document import Document
from dossier_realtime.ot.flat import read
from dossier_realtime.ot.operations import Operation
from dossier_realtime.ot.transform import compose
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.commands import EditOperation, EditPayload, Subscribe
from dossier_realtime.protocol.events import Event, RemoteOperation
from tests.sdk.document_service import DocumentService, Editor
from tests.traces.replay import VersionMessage


class PlainCopy:
    """The client's half of the pure core alone."""

    def __init__(self, name: str, start: str, version: int) -> None:
        self._pending = Pending(Document.of(start), version)
        self._ids = (f"{name}-{number}" for number in count())

    @property
    def document(self) -> Document:
        return self._pending.local

    @property
    def synced(self) -> bool:
        return self._pending.synced

    def edit(self, operation: Operation) -> None:
        self._pending.edit(operation)

    def sent(self) -> EditPayload:
        payload = self._pending.send(next(self._ids))
        assert payload is not None
        return payload

    def receive(self, message: VersionMessage) -> Operation:
        if isinstance(message, RemoteOperation):
            return self._pending.remote(message.payload)
        return self._pending.acknowledged(message.payload.op_id, message.payload.version)


class ReplicaCopy:
    """The SDK's state: its session, its replica of the document, and the changes that it tells an application."""

    def __init__(self, name: str, service: DocumentService) -> None:
        self._editor = Editor(name)
        self._now = 0.0
        line = self._editor.connect(self._now)
        asked = codec.decode_command(line.up.popleft())
        assert isinstance(asked, Subscribe)
        for answer in service.subscribed(asked):
            self._hear(answer)

    @property
    def document(self) -> Document:
        assert self._editor.mirror.document == self._editor.replica.document
        return self._editor.replica.document

    @property
    def synced(self) -> bool:
        return self._editor.replica.synced

    def edit(self, operation: Operation) -> None:
        self._editor.carry_out(self._editor.replica.edit(operation, self._now, join=False))

    def sent(self) -> EditPayload:
        """Return what the SDK sends, at the time at which it sends it."""
        line = self._editor.line
        assert line is not None
        while not line.up:
            due = self._editor.session.deadline(self._now)
            assert due is not None, "the SDK has an edit and waits for nothing"
            self._now = max(self._now, due)
            self._editor.tick(self._now)
        command = codec.decode_command(line.up.popleft())
        assert isinstance(command, EditOperation)
        self._ref = command.ref
        return command.payload

    def receive(self, message: VersionMessage) -> Operation:
        if not isinstance(message, RemoteOperation):
            message.ref = self._ref
        length = self._editor.replica.document.length
        change = Operation.nothing(length)
        for effect in self._hear(message):
            if isinstance(effect, Changed):
                for edit in effect.change.edits:
                    said = EditPayload(
                        edit.operation_type, edit.position, 0, edit.content, edit.length, edit.attributes
                    )
                    change = compose(change, read(said, change.after))
        assert not self._editor.faults
        return change

    def _hear(self, event: Event) -> list[Effect]:
        effects = self._editor.session.received(codec.decode_event(codec.encode(event)), self._now)
        self._editor.carry_out(effects)
        return effects

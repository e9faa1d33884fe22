"""A document as a service keeps it, in memory, and people with the SDK's state of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field
from itertools import count

from msgspec import structs

from dossier_realtime.client.state.changes import Change, Edit
from dossier_realtime.client.state.document_replica import DocumentReplica
from dossier_realtime.client.state.effects import Changed, Effect, ErrorReport, Write
from dossier_realtime.client.state.session import ClientSession
from dossier_realtime.ot import collab
from dossier_realtime.ot.document import Document, apply
from dossier_realtime.ot.flat import InvalidOperation, read, write_remote
from dossier_realtime.ot.operations import Delete, Insert, Operation, Retain
from dossier_realtime.ot.units import to_units
from dossier_realtime.protocol import codec, responses
from dossier_realtime.protocol.commands import (
    EditOperation,
    EditPayload,
    Subscribe,
)
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.events import Event, RemoteOperation
from tests.sdk.samples import written

PAPER = "document:paper"


def insert(position: int, text: str, length: int) -> Operation:
    """Return an insert in a text of `length` units."""
    return Operation.of(Retain(position), Insert(to_units(text)), Retain(length - position))


def delete(position: int, count: int, length: int) -> Operation:
    """Return a delete in a text of `length` units."""
    return Operation.of(Retain(position), Delete(count), Retain(length - position - count))


class DocumentService:
    """The service's half: rebases, commits, knows each edit by its author's id. `keep`: operations of the log."""

    def __init__(self, content: str = "", keep: int = 1_000_000) -> None:
        self.document = Document.of(content)
        self.log = collab.Log()
        self.keep = keep
        self.known: dict[tuple[str, str], tuple[EditPayload, int]] = {}
        self.epoch = 1
        self.committed: list[tuple[str | None, Operation]] = []
        self.authors: list[str] = []

    @property
    def content(self) -> str:
        return self.document.content

    def subscribed(self, asked: Subscribe) -> list[Event]:
        """Return the answer, and what was missed."""
        since = asked.params.since.version if asked.params.since is not None else None
        place = -1 if since is None else since
        if asked.params.since is not None and asked.params.since.epoch not in (None, str(self.epoch)):
            place = -1
        answer = responses.Subscribed(channel=asked.channel, ref=asked.ref)
        try:
            missed = len(self.log.since(place))
        except collab.VersionConflict:
            answer.recovered = None if since is None else False
            answer.document = responses.DocumentState(
                self.log.tip, self.document.content, self.document.format, str(self.epoch)
            )
            return [answer]
        answer.recovered = True
        return [answer, *(self.remote(version) for version in range(self.log.tip - missed + 1, self.log.tip + 1))]

    def edited(self, command: EditOperation, user_id: str) -> Event:
        """Commit; the author's answer."""
        payload, ref = command.payload, command.ref
        known = self.known.get((user_id, payload.op_id or ""))
        body = structs.replace(payload, epoch=None)
        if known is not None and known[0] != body:
            return refusal(ErrorCode.INVALID_MESSAGE_FORMAT, ref, message="taken (at $.payload.op_id)")
        version = None if known is None else known[1]
        if version is None:
            if payload.epoch not in (None, str(self.epoch)):
                return refusal(ErrorCode.VERSION_CONFLICT, ref, version=self.log.tip)
            try:
                parts, self.document = collab.receive(payload, self.document, self.log)
            except collab.VersionConflict:
                return refusal(ErrorCode.VERSION_CONFLICT, ref, version=self.log.tip)
            except InvalidOperation:
                return refusal(ErrorCode.INVALID_MESSAGE_FORMAT, ref)
            for part in parts:
                self.log.append(part)
                self.committed.append((payload.op_id, part))
                self.authors.append(user_id)
            version = self.log.tip
            if parts and payload.op_id is not None:
                self.known[user_id, payload.op_id] = body, version
        ack = responses.OperationAckPayload(version=version, op_id=payload.op_id)
        return responses.OperationAck(channel=command.channel, payload=ack, ref=ref)

    def commit(self, operation: Operation, user_id: str = "other") -> RemoteOperation:
        """Somebody else's edit of the text of now, of one part."""
        self.document = apply(operation, self.document)
        self.log.append(operation)
        self.committed.append((None, operation))
        self.authors.append(user_id)
        return self.remote(self.log.tip)

    def remote(self, version: int) -> RemoteOperation:
        """Return a committed version as it is told."""
        (op_id, part), user_id = self.committed[version - 1], self.authors[version - 1]
        return RemoteOperation(channel=PAPER, payload=write_remote(part, version, user_id, user_id, op_id))

    def compact(self) -> None:
        """Forget old operations. The ids are kept longer."""
        self.log.compact(self.keep)

    def backup(self) -> DocumentService:
        """Return the service as it is now."""
        kept = copy(self)
        kept.log = collab.Log(self.log.start, self.log.operations)
        kept.known, kept.committed, kept.authors = dict(self.known), list(self.committed), list(self.authors)
        return kept

    def restore(self, kept: DocumentService) -> None:
        """Set everything back to a backup; a new history begins."""
        epoch = self.epoch + 1
        self.__dict__.update(kept.backup().__dict__)
        self.epoch = epoch


def refusal(
    code: ErrorCode,
    ref: str | None,
    *,
    version: int | None = None,
    retry_after: int | None = None,
    message: str = "no",
) -> Event:
    """Return an error about the paper."""
    payload = None if version is None else responses.ErrorPayload(version)
    return responses.ErrorMessage(
        error_code=code, message=message, timestamp=1, channel=PAPER, ref=ref, payload=payload, retry_after=retry_after
    )


class Mirror:
    """Somebody who only hears of changes, and has the text of them alone."""

    def __init__(self) -> None:
        self.document = Document()
        self.changes: list[Change] = []

    def receive(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Changed):
                self.follow(effect.change)

    def follow(self, change: Change) -> None:
        self.changes.append(change)
        for edit in change.edits:
            self._make(edit)

    def _make(self, edit: Edit) -> None:
        payload = EditPayload(edit.operation_type, edit.position, 0, edit.content, edit.length, edit.attributes)
        self.document = apply(read(payload, self.document.length), self.document)


@dataclass(eq=False)
class Line:
    """One connection: messages under way, in order on each side."""

    up: deque[bytes] = field(default_factory=deque)
    down: deque[Event] = field(default_factory=deque)
    subscribed: bool = False
    open: bool = True


class Editor:
    """One person: the SDK's state, what it says on the line, and a mirror of what it tells."""

    def __init__(self, name: str, tab: str = "") -> None:
        self.name = name
        self.session = ClientSession(send_timeout=120)
        ids = count()
        self.replica = DocumentReplica(PAPER, lambda: f"{name}{tab}.{next(ids)}", self.session.next_ref)
        self.made: dict[str, str] = {}  # by id of an edit, the history that its version is of
        self.mirror = Mirror()
        self.line: Line | None = None
        self.faults: list[Exception] = []
        self.carry_out(self.session.open_document(self.replica))

    def carry_out(self, effects: list[Effect]) -> None:
        self.mirror.receive(effects)
        for effect in effects:
            if isinstance(effect, Write) and self.line is not None:
                self.line.up.append(effect.frame)
                command = codec.decode_command(effect.frame)
                if isinstance(command, EditOperation):
                    self.made.setdefault(command.payload.op_id or "", self.replica.epoch)
            elif isinstance(effect, ErrorReport):
                self.faults.append(effect.error)

    def connect(self, now: float) -> Line:
        self.line = Line()
        self.carry_out(self.session.authenticated(self.name, now))
        return self.line

    def lose_connection(self, drop: int) -> None:
        """Also the last `drop` messages that were under way to the service."""
        assert self.line is not None
        self.line.open = False
        self.line.down.clear()
        for _ in range(drop):
            self.line.up.pop()
        self.line = None
        self.session.disconnected()

    def tick(self, now: float) -> None:
        due = self.session.deadline(now)
        if due is not None and due <= now:
            self.carry_out(self.session.tick(now))


class EditorDriver(Editor):
    """One editor and a paper; `said` is what went to the service and was not looked at yet."""

    def __init__(self, service: DocumentService) -> None:
        self.service = service
        self.heard: list[Effect] = []
        self.said: list[object] = []
        super().__init__("me")

    def carry_out(self, effects: list[Effect]) -> None:
        super().carry_out(effects)
        self.heard += effects
        self.said += written(effects)

    def take(self, kind: type) -> object:
        """Return the oldest command, which must be of this kind."""
        command = self.said.pop(0)
        assert isinstance(command, kind), command
        return command

    def receive(self, *events: Event, now: float = 0) -> None:
        for event in events:
            self.carry_out(self.session.received(codec.decode_event(codec.encode(event)), now))

    def join(self, now: float = 0) -> Subscribe:
        """Connect, and have the subscription answered."""
        self.connect(now)
        return self.be_answered(now)

    def be_answered(self, now: float = 0) -> Subscribe:
        asked = self.take(Subscribe)
        assert isinstance(asked, Subscribe)
        self.receive(*self.service.subscribed(asked), now=now)
        return asked

    def type(self, position: int, text: str, now: float = 0, *, join: bool = False) -> None:
        operation = insert(position, text, self.replica.document.length)
        self.carry_out(self.replica.edit(operation, now, join=join))

    def sent(self) -> EditOperation:
        command = self.take(EditOperation)
        assert isinstance(command, EditOperation)
        return command

    def be_acked(self, command: EditOperation, now: float = 0) -> None:
        self.receive(self.service.edited(command, "me"), now=now)

    @property
    def text(self) -> str:
        return self.replica.document.content

    def is_synced(self) -> bool:
        return self.replica.synced


def joined(content: str = "") -> EditorDriver:
    driver = EditorDriver(DocumentService(content))
    driver.join()
    driver.heard.clear()
    return driver

"""Both halves of collaborative editing: the server rebases operations, the client keeps its pending ones.

The algorithm is that of Jupiter (Nichols, Curtis, Dixon and Lamping, UIST 1995) in the form of Google Wave: the server
puts all operations in one order, and a client has at most one operation in flight, so that the server keeps one history
and no state for each client. TP1 alone (transform.py) is then enough for all texts to converge.

The server transforms an operation made against version v along everything committed after v, and commits what is left
of it (`flat.versions`); a format that is there already is nothing. A single operation becomes one version for each part
that concurrent inserts have split it into; all are committed together, in consecutive versions. A batch is one version,
however many pieces it is in.

A client receives the versions in order and without gap: those of others as `remote_operation`, its own as one
`operation_ack` with the last of them. So a client that has seen version u and is acknowledged at v knows that
(u, v] are its own; it also knows the number of versions that its operation becomes, and checks that v is u plus that
number. After a lost connection its own parts may come back in the catch-up; it recognises them by their `op_id`.

The invariant of a client at all times: `local` = `server`, then the operation in flight, then the buffer.
"""

from __future__ import annotations

from collections.abc import Iterable

from dossier_realtime.protocol.commands import EditPayload
from dossier_realtime.protocol.events import RemoteOperationPayload

from .batches.steps import composed
from .difference import difference
from .document import Document, SplitsPair, apply, effective, invert
from .flat import InvalidOperation, admit, read, split, versions, write
from .operations import DoesNotFit, Format, Insert, Operation
from .transform import compose, transform

_MAX_COMPOSED_AT_ONCE = 64  # components of the buffer, up to which each edit is composed with it when it is made


class VersionConflict(ValueError):
    """An operation that can not be transformed to the server's text (`VERSION_CONFLICT`); `version` is the server's."""

    def __init__(self, reason: str, version: int) -> None:
        super().__init__(f"{reason}; subscribe to the document again")
        self.version = version


class OutOfStep(ValueError):
    """A message of the server that does not continue the known versions.

    Subscribe again without `since`, and pass the answer to `Pending.reload`.
    """


class Log:
    """The newest operations of a document, one a version. `operations[0]` is the one after version `start`."""

    def __init__(self, start: int = 0, operations: Iterable[Operation] = ()) -> None:
        self.start = start
        self.operations = list(operations)

    @property
    def tip(self) -> int:
        """The version after the last operation."""
        return self.start + len(self.operations)

    def since(self, version: int) -> list[Operation]:
        """Return all operations after `version`. Raises VersionConflict for one ahead, or older than the log."""
        if version > self.tip:
            raise VersionConflict(f"Version {version} is ahead of the document", self.tip)
        if version < self.start:
            raise VersionConflict(f"Version {version} is older than the operations kept", self.tip)
        return self.operations[version - self.start :]

    def append(self, operation: Operation) -> None:
        """Add the operation of the next version."""
        self.operations.append(operation)

    def compact(self, keep: int) -> None:
        """Drop all but the newest `keep` operations."""
        dropped = max(0, len(self.operations) - keep)
        del self.operations[:dropped]
        self.start += dropped


def past(operation: Operation, version: int, committed: Operation, tip: int) -> Operation:
    """Return `operation`, made against `version`, for the text after `committed`; `tip` is the document's version.

    Raises VersionConflict for an operation on a text of another length.
    """
    try:
        # `committed` was first: an insert of `operation` at the same place goes before it.
        return transform(committed, operation)[1]
    except DoesNotFit:
        raise VersionConflict(f"The operation does not fit the text of version {version}", tip) from None


def rebase(operation: Operation, version: int, log: Log) -> Operation:
    """Return `operation`, made against `version`, for the text of the tip.

    Raises VersionConflict, also for an operation on a text of another length.
    """
    for committed in log.since(version):
        operation = past(operation, version, committed, log.tip)
    return operation


def receive(payload: EditPayload, document: Document, log: Log) -> tuple[list[Operation], Document]:
    """Return (the operations to commit as the next versions, the document after them), for `document` at the log's tip.

    It changes neither the document nor the log. Raises VersionConflict, or InvalidOperation for an operation that can
    never be accepted; an edge inside a character is judged on the text of the tip, where the character may be gone.
    """
    later = log.since(payload.version)
    try:
        operation = read(payload, later[0].before if later else document.length)
    except DoesNotFit as beyond:
        raise VersionConflict(str(beyond).partition(";")[0], log.tip) from None
    operation = rebase(operation, payload.version, log)
    after = admit(operation, document)
    return versions(effective(operation, document), batch=payload.operation_type == "batch"), after


class Pending:
    """A client's copy of a document: the server's text, at most one message in flight, and a buffer behind it.

    `local` is the text that the user sees: `server`, then the operation in flight, then the buffer. It takes edits at
    any time, online or offline. A method that returns an Operation returns the change of `local` that its user did
    not make.
    """

    def __init__(self, document: Document, version: int) -> None:
        self.version = version
        self.server = document
        self.local = document
        self.committed = Operation.nothing(document.length)
        """The operation by which the last message of the server changed `server`; cursors of others move along it."""
        self.in_flight: EditPayload | None = None
        """The operation that was sent and is not answered. After a reconnect it is sent again **unchanged**: the same
        `op_id` makes that harmless, also where the first copy is still on its way to the server."""
        self._flight = Operation.nothing(document.length)
        self._composed = Operation.nothing(document.length)
        self._edits: list[Operation] = []  # behind `_composed`; composed only when the buffer is needed, all at once
        self._reloaded = False  # reloaded with an operation in flight: the text may include it or not

    @property
    def _buffer(self) -> Operation:
        if self._edits:
            self._composed = composed([self._composed, *self._edits])
            self._edits.clear()
        return self._composed

    @_buffer.setter
    def _buffer(self, operation: Operation) -> None:
        self._composed = operation
        self._edits.clear()

    @property
    def _is_batch(self) -> bool:
        return self.in_flight is not None and self.in_flight.operation_type == "batch"

    @property
    def synced(self) -> bool:
        """True when the server has confirmed all of `local`.

        Edits that undo each other count as confirmed, but where so many wait that they are composed only to be sent.
        """
        if self.in_flight is not None or (self._edits and len(self._composed.components) > _MAX_COMPOSED_AT_ONCE):
            return False
        return not self._buffer.changes

    @property
    def unconfirmed(self) -> Operation:
        """The operation from `server` to `local`: the one in flight, then the buffer."""
        return compose(self._flight, self._buffer)

    def edit(self, operation: Operation) -> None:
        """Apply an edit of the user to `local`. Raises DoesNotFit and InvalidOperation, without any change."""
        self.local = admit(operation, self.local)
        self._edits.append(operation)

    def send(self, op_id: str) -> EditPayload | None:
        """Return the next operation to send, under a new `op_id`; None while one is in flight, or without one.

        It is as much of the buffer as one message may hold, a single operation or a batch. The rest stays in the
        buffer until the answer.
        """
        if self.in_flight is not None:
            return None
        self._buffer = effective(self._buffer, self.server)  # a format that the server's text has already is not sent
        divided = split(self._buffer)
        if divided is None:
            return None
        self._flight, self._buffer = divided
        self.in_flight = write(self._flight, self.version, op_id)
        return self.in_flight

    def remote(self, payload: RemoteOperationPayload) -> Operation:
        """Apply a committed operation: of another client, or, in a catch-up, one's own. Raises OutOfStep."""
        if payload.version != self.version + 1:
            raise OutOfStep(f"Version {payload.version} came after version {self.version}; load the document again")
        try:
            operation = read(payload, self.server.length)
            server = apply(operation, self.server)
        except (DoesNotFit, InvalidOperation, SplitsPair) as wrong:
            raise OutOfStep(f"Version {payload.version} does not fit: {wrong}") from wrong
        if self.in_flight is not None and payload.op_id == self.in_flight.op_id:
            change = self._came_back(operation)
        else:
            # The committed operation goes past both pending ones, and they past it: the invariant holds again.
            change, self._flight = transform(operation, self._flight)
            change, self._buffer = transform(change, self._buffer)
            self.local = apply(change, self.local)
        self.server, self.version, self.committed = server, payload.version, operation
        return change

    def acknowledged(self, op_id: str | None, version: int) -> Operation:
        """Take the acknowledgement of the operation `op_id`, committed up to `version`. Raises OutOfStep."""
        self.committed = Operation.nothing(self.server.length)
        if self.in_flight is None or op_id != self.in_flight.op_id:
            return Operation.nothing(self.local.length)  # answered before: an ack sent twice, or after a catch-up
        if self._reloaded and version <= self.version:
            return self._take_back()  # the loaded text includes it, or nothing was left of it: remove the second copy
        flight = effective(self._flight, self.server)
        expected = self.version + len(versions(flight, batch=self._is_batch))
        old = not flight.changes and version <= self.version  # an answer from before the catch-up
        if self._reloaded or (version != expected and not old):
            raise OutOfStep(f"Acknowledged at version {version}, not {expected}; load the document again")
        self.committed = self._flight
        self.server, self.version = apply(self._flight, self.server), expected
        self._settle()
        return Operation.nothing(self.local.length)

    def conflict(self, op_id: str | None) -> bool:
        """Handle `VERSION_CONFLICT` for the operation `op_id`: the server has not committed it and never will.

        The operation goes back into the buffer, to be sent under a new id. True where the document must be reloaded
        first: the server may have another text for this version.
        """
        if self.in_flight is None or op_id != self.in_flight.op_id:
            return False
        loaded = self._reloaded
        self._buffer = compose(self._flight, self._buffer)
        self._settle()
        return not loaded

    def refused(self, op_id: str | None) -> Operation:
        """Remove the operation `op_id`, which the server refused for good, from `local`."""
        if self.in_flight is None or op_id != self.in_flight.op_id:
            return Operation.nothing(self.local.length)
        return self._take_back()

    def reload(self, document: Document, version: int) -> Operation:
        """Take the server's whole text, sent because its operations since are gone. No pending edit is lost.

        The text may include an operation in flight or not; only the answer to sending it again decides. Until then it
        counts as not included: an acknowledgement at a past version removes the second copy again.
        """
        self.committed = difference(self.server, document)
        if _holds(self.committed, self._flight):
            # The copy in the text stays before the one in flight: what follows the second still follows the first,
            # when the second is removed.
            self._flight, change = transform(self._flight, self.committed)
        else:
            change, self._flight = transform(self.committed, self._flight)
        change, self._buffer = transform(change, self._buffer)
        self.local = apply(change, self.local)
        self.server, self.version = document, version
        self._reloaded = self.in_flight is not None
        return change

    def _came_back(self, operation: Operation) -> Operation:
        """Take a version of the operation in flight that came back in a catch-up; `local` includes it already."""
        left = versions(effective(self._flight, self.server), batch=self._is_batch)
        if not left or left[0] != operation:
            raise OutOfStep("The server committed something else than was sent; load the document again")
        self._flight = composed(left[1:]) if len(left) > 1 else Operation.nothing(operation.after)
        if not self._flight.changes:
            self.in_flight, self._reloaded = None, False
        return Operation.nothing(self.local.length)

    def _take_back(self) -> Operation:
        """Remove the operation in flight from `local`: its inverse on `server`, transformed past the buffer."""
        inverse = invert(self._flight, self.server)
        change, self._buffer = transform(inverse, self._buffer)
        self.local = apply(change, self.local)
        self._settle()
        return change

    def _settle(self) -> None:
        self.in_flight, self._reloaded = None, False
        self._flight = Operation.nothing(self.server.length)


def _holds(change: Operation, flight: Operation) -> bool:
    """Return True where a change of the text may include the one insert of the operation in flight."""
    inserted = [component.text for component in flight.components if isinstance(component, Insert)]
    if len(inserted) != 1 or any(isinstance(component, Format) for component in flight.components):
        return False
    return any(isinstance(component, Insert) and inserted[0] in component.text for component in change.components)

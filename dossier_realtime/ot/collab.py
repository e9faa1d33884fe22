"""Both halves of editing together: the server rebases, the client keeps what is pending.

The server puts operations in one order. An operation made against version v is transformed against everything
committed after v and committed as one version for each of its parts (`flat.parts`): a concurrent insert may have
split it, or have left none. All parts of an operation are committed together, in consecutive versions.

The wire gives a client the versions in order and without gap: the others' as `remote_operation`, its own as one
`operation_ack` with the last of them. So a client that has seen version u and is acknowledged at v knows that
(u, v] are its own; it also knows into how many parts its operation has split, and checks that v is u + that many.
After a lost connection its own parts may come back in the catch-up; it knows them by their `op_id`.
"""

from __future__ import annotations

from collections.abc import Iterable

from dossier_realtime.protocol.commands import EditPayload
from dossier_realtime.protocol.events import RemoteOperationPayload

from .difference import difference
from .document import Document, SplitsPair, apply, invert
from .flat import InvalidOperation, admit, parts, read, split, write
from .operations import DoesNotFit, Operation
from .transform import compose, transform


class VersionConflict(ValueError):
    """The operation cannot be brought to the server's text (`VERSION_CONFLICT`); `version` is the server's."""

    def __init__(self, reason: str, version: int) -> None:
        super().__init__(f"{reason}; subscribe to the document anew")
        self.version = version


class OutOfStep(ValueError):
    """What the server says does not follow: subscribe anew without `since`, and give `Pending.reload` the answer."""


class Log:
    """The newest operations of a document, one part a version. `operations[0]` made version `start` into the next."""

    def __init__(self, start: int = 0, operations: Iterable[Operation] = ()) -> None:
        self.start = start
        self.operations = list(operations)

    @property
    def tip(self) -> int:
        """The version after the last operation."""
        return self.start + len(self.operations)

    def since(self, version: int) -> list[Operation]:
        """Everything committed after `version`. Raises VersionConflict for one ahead, or older than the log."""
        if version > self.tip:
            raise VersionConflict(f"Version {version} is ahead of the document", self.tip)
        if version < self.start:
            raise VersionConflict(f"Version {version} is older than the operations kept", self.tip)
        return self.operations[version - self.start :]

    def append(self, part: Operation) -> None:
        """`part` is committed as the next version."""
        self.operations.append(part)

    def compact(self, keep: int) -> None:
        """Forget all but the newest `keep` operations."""
        dropped = max(0, len(self.operations) - keep)
        del self.operations[:dropped]
        self.start += dropped


def rebase(operation: Operation, version: int, log: Log) -> Operation:
    """`operation`, made against `version`, for the text of the tip. What is committed keeps the left place.

    Raises VersionConflict, also for an operation that is for a text of another length.
    """
    try:
        for committed in log.since(version):
            _, operation = transform(committed, operation)
    except DoesNotFit:
        raise VersionConflict(f"The operation does not fit the text of version {version}", log.tip) from None
    return operation


def receive(payload: EditPayload, document: Document, log: Log) -> tuple[list[Operation], Document]:
    """(the parts to commit as the next versions, the document after them), for `document` at the tip of the log.

    Nothing is changed here. Raises VersionConflict, or InvalidOperation for what could never be right: an edge inside
    a character counts where the character is still there.
    """
    later = log.since(payload.version)
    try:
        operation = read(payload, later[0].before if later else document.length)
    except DoesNotFit as beyond:
        raise VersionConflict(str(beyond).partition(";")[0], log.tip) from None
    operation = rebase(operation, payload.version, log)
    return list(parts(operation)), admit(operation, document)


class Pending:
    """A client's copy: the server's text, at most one flat operation in flight, and a buffer of what follows it.

    `local` is what the user sees: `server`, then the operation in flight, then the buffer. It takes edits at any
    time, connected or not. What returns an Operation returns the change of `local` that the user did not make.
    """

    def __init__(self, document: Document, version: int) -> None:
        self.version = version
        self.server = document
        self.local = document
        self.in_flight: EditPayload | None = None
        """What was sent and is not settled. After a reconnect it is sent again **as it is**: the same `op_id` makes
        that harmless, also where the first one is still under way to the server."""
        self._flight = Operation.nothing(document.length)
        self._buffer = Operation.nothing(document.length)
        self._reloaded = False  # loaded anew while the operation was in flight: is it in the text or not?

    @property
    def synced(self) -> bool:
        """Whether the server has confirmed all that the user sees."""
        return self.in_flight is None and not self._buffer.changes

    @property
    def unconfirmed(self) -> Operation:
        """All that leads from `server` to `local`: the operation in flight, then the buffer."""
        return compose(self._flight, self._buffer)

    def edit(self, operation: Operation) -> None:
        """The user edits `local`. Raises DoesNotFit and InvalidOperation, and nothing has changed."""
        self.local = admit(operation, self.local)
        self._buffer = compose(self._buffer, operation)

    def send(self, op_id: str) -> EditPayload | None:
        """What to send next, under a new `op_id`; None while an operation is in flight, or where there is nothing."""
        if self.in_flight is not None:
            return None
        divided = split(self._buffer)
        if divided is None:
            return None
        self._flight, self._buffer = divided
        self.in_flight = write(self._flight, self.version, op_id)
        return self.in_flight

    def remote(self, payload: RemoteOperationPayload) -> Operation:
        """A committed operation of somebody else, or, in a catch-up, one's own. Raises OutOfStep."""
        if payload.version != self.version + 1:
            raise OutOfStep(f"Version {payload.version} came after version {self.version}; load the document anew")
        try:
            operation = read(payload, self.server.length)
            server = apply(operation, self.server)
        except (DoesNotFit, InvalidOperation, SplitsPair) as wrong:
            raise OutOfStep(f"Version {payload.version} does not fit: {wrong}") from wrong
        if self.in_flight is not None and payload.op_id == self.in_flight.op_id:
            change = self._came_back(operation)
        else:
            change, self._flight = transform(operation, self._flight)
            change, self._buffer = transform(change, self._buffer)
            self.local = apply(change, self.local)
        self.server, self.version = server, payload.version
        return change

    def acknowledged(self, op_id: str | None, version: int) -> Operation:
        """The server committed the operation `op_id`, up to `version`. Raises OutOfStep."""
        if self.in_flight is None or op_id != self.in_flight.op_id:
            return Operation.nothing(self.local.length)  # settled before: an ack sent twice, or after a catch-up
        if self._reloaded and version <= self.version:
            return self._take_back()  # it was in the text that was loaded, or nothing was left of it
        expected = self.version + sum(1 for _ in parts(self._flight))
        old = not self._flight.changes and version <= self.version  # an answer from before the catch-up
        if self._reloaded or (version != expected and not old):
            raise OutOfStep(f"Acknowledged at version {version}, not {expected}; load the document anew")
        self.server, self.version = apply(self._flight, self.server), expected
        self._settle()
        return Operation.nothing(self.local.length)

    def conflict(self, op_id: str | None) -> bool:
        """`VERSION_CONFLICT` for the operation `op_id`: the server has not taken it and never will.

        It goes back into the buffer, to be sent under a new id. True where the document is to be loaded anew first:
        the server may have another text for this version.
        """
        if self.in_flight is None or op_id != self.in_flight.op_id:
            return False
        loaded = self._reloaded
        self._buffer = compose(self._flight, self._buffer)
        self._settle()
        return not loaded

    def refused(self, op_id: str | None) -> Operation:
        """The server will not have the operation `op_id` for another reason: it is taken out of `local`."""
        if self.in_flight is None or op_id != self.in_flight.op_id:
            return Operation.nothing(self.local.length)
        return self._take_back()

    def reload(self, document: Document, version: int) -> Operation:
        """The server sent the whole text, because its operations since are gone. Nothing pending is lost.

        An operation in flight may be in that text or not; only the answer to sending it again tells. Until then it
        is taken as not: an acknowledgement of what is past takes the second copy out again.
        """
        change = difference(self.server, document)
        change, self._flight = transform(change, self._flight)
        change, self._buffer = transform(change, self._buffer)
        self.local = apply(change, self.local)
        self.server, self.version = document, version
        self._reloaded = self.in_flight is not None
        return change

    def _came_back(self, operation: Operation) -> Operation:
        """A part of the operation in flight is now in the server's text; `local` has it already."""
        divided = split(self._flight)
        if divided is None or divided[0] != operation:
            raise OutOfStep("The server committed something else than was sent; load the document anew")
        self._flight = divided[1]
        if not self._flight.changes:
            self.in_flight, self._reloaded = None, False
        return Operation.nothing(self.local.length)

    def _take_back(self) -> Operation:
        inverse = invert(self._flight, self.server)
        change, self._buffer = transform(inverse, self._buffer)
        self.local = apply(change, self.local)
        self._settle()
        return change

    def _settle(self) -> None:
        self.in_flight, self._reloaded = None, False
        self._flight = Operation.nothing(self.server.length)

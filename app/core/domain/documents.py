"""The decision on an edit: its place among those committed after the version that it was made against.

Source: docs/protocol.md#edits.

Pure. The algorithm is `dossier_realtime.ot.collab`; here it meets the contract's messages and refusals.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from app.core.domain.batch_faults import first_torn
from app.core.domain.motions import is_movable
from dossier_realtime.ot.collab import Log, VersionConflict, past
from dossier_realtime.ot.cursor import transform_selection
from dossier_realtime.ot.document import Document, apply, effective
from dossier_realtime.ot.flat import InvalidOperation, admit, listed, read, units_of, versions
from dossier_realtime.ot.operations import DoesNotFit, Operation
from dossier_realtime.ot.undo.landing import first_deleted
from dossier_realtime.ot.units import splits_pair
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.fields import MAX_DOCUMENT, DeletedPlace
from dossier_realtime.protocol.responses import DocumentState

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from app.core.domain.motions import Motion
    from dossier_realtime.protocol.commands import CursorPayload, EditPayload, FlatOperation
    from dossier_realtime.protocol.events import RemoteOperationPayload

RECENT = 1_000  # operations kept in memory; older ones that an edit needs are read from the store
MAX_LOG_COMPONENTS = 200_000  # of the operations kept in memory: about 20 MiB

MAX_COMPONENTS = 400
"""The largest number of pieces, beyond those it came in, that concurrent edits may cut an edit into.

The work is the product of the pieces with the distance, and no editor may keep the service busy for half a minute. An
editor that gets the conflict loads the text and keeps its own.
"""
MAX_STEPS = 2_500_000
"""The largest number of components that are walked over to move one edit past others: about two seconds."""
_TOO_MUCH = "Too much was written in between; subscribe to the document anew"
STRIDE = 200  # operations that an edit is moved past in one go; fewer where it is in many pieces
_MAX_PIECES = 16  # of an edit, that take as long as the edit itself


class EditError(Exception):
    """The refusal of an edit or a cursor.

    `version` is the document's, where the editor needs it to go on; `retry_after` in seconds, where waiting helps;
    `path` the JSON path of the faulty member of a call.
    """

    def __init__(
        self,
        code: ErrorCode,
        text: str,
        version: int | None = None,
        *,
        retry_after: int | None = None,
        path: str | None = None,
    ) -> None:
        super().__init__(text)
        self.code, self.text, self.version, self.retry_after = code, text, version, retry_after
        self.path = path


class KeyReuseError(EditError):
    """The refusal of a call whose key was used with another body."""

    def __init__(self) -> None:
        super().__init__(
            ErrorCode.INVALID_MESSAGE_FORMAT, "This Idempotency-Key was used with another body; make a new one"
        )


class RecordMovedError(EditError):
    """The refusal of an edit that changes records too: one of them was changed by another call first."""

    def __init__(self) -> None:
        super().__init__(ErrorCode.VERSION_CONFLICT, "This was changed by somebody else meanwhile; read it again")


@dataclass(slots=True)
class VersionedDocument:
    """A document at its last version, and the operations that led there lately."""

    document: Document = field(default_factory=Document)
    log: Log = field(default_factory=Log)
    weight: int = 0
    """The number of components of the operations in `log`."""
    authors: list[str] = field(default_factory=list)
    """The users who made the last versions, the last one at the end; those of versions before are not known."""

    @property
    def version(self) -> int:
        """Return the last version."""
        return self.log.tip

    def state(self) -> DocumentState:
        """Return the state as a subscriber receives it."""
        return DocumentState(self.version, self.document.content, self.document.format)

    def advance(self, part: Operation, author: str = "") -> None:
        """Apply one more version; `author`: the user who made it."""
        self.document = apply(part, self.document)
        self.log.append(part)
        self.authors.append(author)
        self.weight += len(part.components)
        if len(self.log.operations) > 2 * RECENT or self.weight > MAX_LOG_COMPONENTS:
            self.log.compact(min(RECENT, len(self.log.operations) // 2))
            del self.authors[: -len(self.log.operations)]
            self.weight = sum(len(each.components) for each in self.log.operations)

    def advance_by(self, payload: RemoteOperationPayload) -> None:
        """Apply one more version, as the store keeps it."""
        self.advance(read(payload, self.document.length), payload.user_id)

    def copy(self) -> VersionedDocument:
        """Return a copy that can be advanced without touching this document."""
        log = Log(self.log.start, self.log.operations)
        return VersionedDocument(self.document, log, self.weight, self.authors.copy())

    def since(self, version: int) -> list[tuple[Operation, str]]:
        """Return the operations after `version`, each with its author. Raises VersionConflict."""
        later = self.log.since(version)
        known = self.authors[max(0, len(self.authors) - len(later)) :]
        return list(zip(later, ["" for _ in range(len(later) - len(known))] + known, strict=True))


def decide(
    versioned: VersionedDocument, edit: EditPayload, log: Log, moved: tuple[Operation, int] | None = None
) -> Generator[None, None, list[Operation]]:
    """Return the operations that the edit becomes, one a version; none where nothing is left to do.

    `log` reaches to the document's version, and back to the edit's. Yields now and then on a long way, so that other
    work has its turn: an edit against a version 10,000 back may take half a second. `moved`: the edit as an operation
    on a later version, and that version. Raises EditError.
    """
    try:
        base = edit.version if moved is None else moved[1]
        later = log.since(base)
        operation = read(edit, later[0].before if later else versioned.document.length) if moved is None else moved[0]
        pieces = len(operation.components) + MAX_COMPONENTS
        work = steps = 0
        for version, committed in enumerate(later, base):
            if work >= STRIDE:
                work = 0
                yield
            operation = past(operation, version, committed, versioned.version)
            walked = len(operation.components) + len(committed.components)
            work += 1 + walked // _MAX_PIECES
            steps += walked
            if len(operation.components) > pieces or steps > MAX_STEPS:
                raise EditError(ErrorCode.VERSION_CONFLICT, _TOO_MUCH, versioned.version)
        admit(operation, versioned.document)
    except (VersionConflict, DoesNotFit) as conflict:
        raise _conflict(conflict, versioned.version) from None
    except InvalidOperation as wrong:
        raise EditError(ErrorCode.INVALID_MESSAGE_FORMAT, str(_located(wrong, edit, versioned))) from None
    return versions(effective(operation, versioned.document), batch=edit.operation_type == "batch")


def deleted_place(edit: EditPayload, log: Log) -> DeletedPlace | None:
    """Return the place of an insert inside of text that a later version deleted; None where there is none."""
    if edit.operation_type != "insert" or not log.start <= edit.version <= log.tip:
        return None
    found = first_deleted(edit.position, log.since(edit.version))
    return None if found is None else DeletedPlace(edit.version + 1 + found[0], found[1])


def _located(wrong: InvalidOperation, edit: EditPayload, versioned: VersionedDocument) -> InvalidOperation:
    """Return a fault of a whole batch with the path of the operation that has it, where that can be found.

    It cannot where others have changed the text since the version that the batch was made against.
    """
    if edit.operations is None or wrong.path.startswith("$.payload.operations["):
        return wrong
    torn = first_torn(edit.operations, versioned.document.text) if edit.version == versioned.version else None
    return InvalidOperation(wrong.reason, torn or "$.payload.operations")


def move_far(edit: EditPayload, length: int, path: Iterable[Motion], version: int) -> Operation | None:
    """Return an edit of a text of `length` units past the motions of `path`; None for one that goes one by one.

    `version` is the document's. Raises EditError.
    """
    try:
        operation = read(edit, length)
        if not is_movable(operation):
            return None
        pieces = len(operation.components) + MAX_COMPONENTS
        for motion in path:
            operation = motion.move(operation)
            if len(operation.components) > pieces:
                raise EditError(ErrorCode.VERSION_CONFLICT, _TOO_MUCH, version)
    except DoesNotFit as conflict:
        raise _conflict(conflict, version) from None
    except InvalidOperation as wrong:
        raise EditError(ErrorCode.INVALID_MESSAGE_FORMAT, str(wrong)) from None
    return operation


def _conflict(conflict: ValueError, version: int) -> EditError:
    text = f"{str(conflict).partition(';')[0]}; subscribe to the document anew"
    return EditError(ErrorCode.VERSION_CONFLICT, text, version)


def extended(log: Log, length: int, older: Iterable[RemoteOperationPayload]) -> Log:
    """Return the log with the operations before it, oldest first in `older`.

    `length` is that of the text where `log` begins.
    """
    operations: list[Operation] = []
    for payload in reversed(list(older)):
        length -= _growth(payload)
        operations.append(read(payload, length))
    return Log(log.start - len(operations), [*reversed(operations), *log.operations])


def length_before(versioned: VersionedDocument, version: int) -> int:
    """Return the length of the text at a version that the document's log reaches."""
    later = versioned.log.operations[version - versioned.log.start :]
    return later[0].before if later else versioned.document.length


def length_at_start(versioned: VersionedDocument) -> int:
    """Return the length of the text where the document's log begins."""
    operations = versioned.log.operations
    return operations[0].before if operations else versioned.document.length


def placed_cursor(versioned: VersionedDocument, cursor: CursorPayload, owner: str) -> tuple[int, int]:
    """Return (position, selection_length) of a cursor now. Without a version it belongs to the present text.

    `owner`: its user, behind whose own text it goes, as it does in the clients. Raises EditError.
    """
    position, selection = cursor.position, cursor.selection_length
    version = versioned.version if cursor.version is None else cursor.version
    try:
        for operation, author in versioned.since(version):
            position, selection = transform_selection(position, selection, operation, own=author == owner)
    except VersionConflict as conflict:
        raise EditError(ErrorCode.VERSION_CONFLICT, str(conflict), versioned.version) from None
    except DoesNotFit:
        position = MAX_DOCUMENT + 1
    text, end = versioned.document.text, position + selection
    if end > len(text):
        reason = "The cursor is beyond the text; send one within it (at $.payload.position)"
        raise EditError(ErrorCode.INVALID_MESSAGE_FORMAT, reason)
    if splits_pair(text, position) or splits_pair(text, end):
        reason = "The cursor is inside a character; move it to an edge (at $.payload.position)"
        raise EditError(ErrorCode.INVALID_MESSAGE_FORMAT, reason)
    return position, selection


_states = msgspec.json.Decoder(DocumentState)


def pack(versioned: VersionedDocument) -> bytes:
    """Return the document as a snapshot, to be stored."""
    return msgspec.json.encode(versioned.state())


def unpack(snapshot: bytes) -> VersionedDocument:
    """Return the document that a snapshot holds."""
    state = _states.decode(snapshot)
    return VersionedDocument(Document.of(state.content, state.format), Log(state.version))


def _growth(payload: RemoteOperationPayload) -> int:
    return sum(_growth_of(one) for one in listed(payload))


def _growth_of(operation: FlatOperation) -> int:
    match operation.operation_type:
        case "insert":
            return units_of(operation)
        case "delete":
            return -units_of(operation)
        case "format":
            return 0

"""Conversion of the wire's flat form, `insert | delete | format` at one position, to operations and back.

One flat operation is a *part*: an operation with a single component that changes anything. Every operation is a
sequence of parts, each for the text after the one before. A *batch* is such a sequence in one message: an operation of
any number of components, which becomes one version.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec.json import encode as json_encode

from dossier_realtime.protocol.commands import Attributes, EditPayload, FlatOperation
from dossier_realtime.protocol.events import RemoteOperationPayload
from dossier_realtime.protocol.fields import ABSENT, MAX_DOCUMENT, MAX_INSERT, MAX_OPERATIONS

from .attributes import PLAIN, applied, exclusive
from .batches.steps import Changing, Step, StepDoesNotFit, of_steps
from .document import Document, SplitsPair, apply
from .operations import Component, Delete, DoesNotFit, Format, Insert, Operation, Retain
from .units import Units, from_units, is_whole, splits_pair, to_units

Payload = EditPayload | RemoteOperationPayload
Flat = FlatOperation | Payload
MAX_FORMATTING = 4 << 20
"""The bytes of `format` as JSON, so that the largest document with its text escaped fits a message of 16 MiB."""

MAX_BATCH_BYTES = 62 << 10
"""The bytes of a batch's operations as JSON, so that the frame around them stays within 64 KiB."""

_RUN_BYTES = 200  # of a formatted stretch without its link and the name of its alternative, at most
_CHARACTER_BYTES = 6  # of one character of these, at most
_ESCAPED_BYTES = 6  # of one unit in JSON, at most

MAX_CONTENT_BYTES = 62 << 10
"""The bytes of an insert's content as JSON, so that the frame around it stays within 64 KiB."""

Kind = Literal["insert", "delete", "format"]


class InvalidOperation(ValueError):
    """A malformed flat operation (`INVALID_MESSAGE_FORMAT`); `path` is the JSON path of the faulty field."""

    def __init__(self, reason: str, path: str) -> None:
        super().__init__(f"{reason} (at {path})")
        self.reason = reason
        self.path = path


def read(payload: Payload, length: int) -> Operation:
    """Return the operation of a payload, a single one or a batch, for a text of `length` units.

    The formats of an edit get what they imply (`exclusive`); what was committed stays as it was written.

    Raises InvalidOperation for a payload that fits no text, DoesNotFit where it reaches beyond this one.
    """
    if payload.operation_type != "batch":
        if isinstance(payload, EditPayload) and payload.operations is not None:
            raise InvalidOperation("Only a batch has operations; leave them out", "$.payload.operations")
        component = _component(payload, "$.payload", is_edit=isinstance(payload, EditPayload))
        reach = payload.position + (0 if isinstance(component, Insert) else component.length)
        if reach > length:
            raise DoesNotFit(f"The operation reaches unit {reach} of a text of {length}; load the document again")
        return _place(payload.position, component, length)
    steps = _steps_of_batch(payload)
    try:
        operation = of_steps(steps, length)
    except StepDoesNotFit as beyond:
        at = f"$.payload.operations[{beyond.number}].position"
        raise DoesNotFit(f"{str(beyond).partition(';')[0]} (at {at}); load the document again") from None
    if not all(is_whole(component.text) for component in operation.components if isinstance(component, Insert)):
        text = "A position is inside of a character that the batch inserts; move it to an edge"
        raise InvalidOperation(text, "$.payload.operations")
    return operation


def listed(payload: Payload) -> Sequence[FlatOperation]:
    """Return the flat operations of a payload, each on the text after those before it."""
    match payload.operation_type:
        case "batch":
            return payload.operations or ()
        case kind:
            said = payload.position, payload.content, payload.length, payload.attributes
            return (FlatOperation(kind, *said),)


def units_of(operation: FlatOperation) -> int:
    """Return the number of units that an operation inserts, deletes or formats."""
    return operation.length or len(to_units(operation.content or ""))


def write(operation: Operation, version: int, op_id: str | None = None) -> EditPayload:
    """Return an operation as its author sends it, made against `version`: a batch, where it has several parts.

    Raises ValueError for one that changes nothing.
    """
    flats = written(operation)
    if len(flats) > 1:
        return EditPayload("batch", version=version, op_id=op_id, operations=flats)
    (one,) = flats
    return EditPayload(one.operation_type, one.position, version, one.content, one.length, one.attributes, op_id)


def write_remote(
    operation: Operation,
    version: int,
    user_id: str,
    user_name: str,
    op_id: str | None = None,
    timestamp: int | None = None,
    *,
    batch: bool = False,
) -> RemoteOperationPayload:
    """Return an operation as others receive it, committed as `version` at `timestamp`.

    It is a batch where it has several parts, or where its author sent one (`batch`). Raises ValueError for one that
    changes nothing.
    """
    flats = written(operation)
    payload = RemoteOperationPayload(
        user_id=user_id,
        user_name=user_name,
        operation_type="batch",
        version=version,
        op_id=op_id,
        timestamp=timestamp,
        operations=flats,
    )
    if len(flats) == 1 and not batch:
        one = flats[0]
        payload.operation_type, payload.position, payload.operations = one.operation_type, one.position, None
        payload.content, payload.length, payload.attributes = one.content, one.length, one.attributes
    return payload


def written(operation: Operation) -> tuple[FlatOperation, ...]:
    """Return the parts of an operation in the wire's form. Raises ValueError for one that changes nothing."""
    flats = tuple(_flat(step) for step in _steps(operation))
    if not flats:
        raise ValueError("An operation that changes nothing has no flat form; send none")
    return flats


def parts(operation: Operation) -> Iterator[Operation]:
    """Yield the parts that together are `operation`, left to right; none where it changes nothing.

    Each is for the text after the parts before it.
    """
    length = operation.before
    for position, component in _steps(operation):
        yield _place(position, component, length)
        if isinstance(component, Insert):
            length += len(component.text)
        elif isinstance(component, Delete):
            length -= component.length


def versions(operation: Operation, *, batch: bool) -> list[Operation]:
    """Return the operations, one a version, that an edit is committed as once it was transformed.

    A batch is one version however many pieces it is in; a single operation is one for each part that concurrent
    inserts have split it into. Without any effect there is no version.
    """
    if batch:
        return [operation] if operation.changes else []
    return list(parts(operation))


def split(operation: Operation) -> tuple[Operation, Operation] | None:
    """Return (as much as one message may hold, an operation with the rest); None where nothing changes.

    The first is one part, or as many as a batch may have: `MAX_OPERATIONS`, and `MAX_BATCH_BYTES` of JSON.
    """
    taken: list[Component] = []
    count = size = 0
    waiting = deque(operation.components)
    while waiting:
        component = waiting.popleft()
        if isinstance(component, Retain):
            taken.append(component)
            continue
        piece = next(_pieces(component))
        weight = len(json_encode(_flat((MAX_DOCUMENT, piece)))) + 1
        if count and (count == MAX_OPERATIONS or size + weight > MAX_BATCH_BYTES):
            waiting.appendleft(component)
            break
        taken.append(piece)
        count, size = count + 1, size + weight
        if isinstance(component, Insert) and isinstance(piece, Insert) and piece is not component:
            waiting.appendleft(Insert(Units(component.text[len(piece.text) :]), component.attributes))
    if not count:
        return None
    covered = sum(component.length for component in waiting if not isinstance(component, Insert))
    first = Operation.of(*taken, Retain(covered))
    return first, Operation.of(Retain(first.after - covered), *waiting)


def admit(operation: Operation, document: Document) -> Document:
    """Return the document after `operation`, checked against the limits of documents.

    Raises InvalidOperation for NUL, a text over 1 Mi units, more formatting than a document may have, and an edge
    inside a character; DoesNotFit for an operation on a text of another length.
    """
    if any(isinstance(c, Insert) and "\0" in c.text for c in operation.components):
        raise InvalidOperation("A document takes no NUL; remove it", "$.payload.content")
    if document.length < operation.after > MAX_DOCUMENT:
        raise InvalidOperation(f"A document holds {MAX_DOCUMENT} units; shorten it first", "$.payload.content")
    try:
        after = apply(operation, document)
    except SplitsPair as split_pair:
        first = operation.components[0]
        at_start = isinstance(first, Retain) and split_pair.offset == first.length
        path = "$.payload.position" if at_start else "$.payload.length"
        raise InvalidOperation(str(split_pair), path) from None
    if len(after.runs) > len(document.runs) and formatting_bytes(after) > MAX_FORMATTING:
        text = f"A document holds {MAX_FORMATTING} bytes of formatting; format longer stretches alike"
        raise InvalidOperation(text, "$.payload.attributes")
    return after


def formatting_bytes(document: Document) -> int:
    """Return an upper bound of the bytes of the document's `format` as JSON."""
    runs = document.runs
    return sum(_run_bytes(run.attributes) for run in runs) if runs else 0


def _run_bytes(has: Attributes) -> int:
    return _RUN_BYTES + _CHARACTER_BYTES * (len(has.link or "") + len(has.alternative or ""))


def _steps_of_batch(payload: Payload) -> list[Step]:
    """Return the steps of a batch, each checked by itself. Raises InvalidOperation."""
    if payload.operations is None:
        raise InvalidOperation("A batch needs its operations", "$.payload.operations")
    fields = {"content": payload.content, "length": payload.length, "attributes": payload.attributes}
    fields["position"] = None if payload.position == ABSENT else payload.position
    for name, value in fields.items():
        if value is not None:
            text = f"A batch has no {name} of its own; put it into its operations"
            raise InvalidOperation(text, f"$.payload.{name}")
    is_edit = isinstance(payload, EditPayload)
    return [
        (one.position, _component(one, f"$.payload.operations[{number}]", is_edit=is_edit))
        for number, one in enumerate(payload.operations)
    ]


def _component(payload: Flat, path: str, *, is_edit: bool) -> Changing:
    match payload.operation_type:
        case "insert":
            return _insert(payload, path)
        case "delete":
            if payload.attributes is not None:
                raise InvalidOperation("A delete has no attributes; leave them out", f"{path}.attributes")
            return Delete(_deleted(payload, path))
        case "format":
            if payload.length is None:
                raise InvalidOperation("A format needs its length", f"{path}.length")
            if payload.attributes is None or payload.attributes == PLAIN:
                raise InvalidOperation("A format needs at least one attribute", f"{path}.attributes")
            return Format(payload.length, exclusive(payload.attributes) if is_edit else payload.attributes)
        case _:
            raise InvalidOperation("A batch within a batch; put its operations into the outer one", path)


def _insert(payload: Flat, path: str) -> Insert:
    text = _content(payload, path)
    if len(text) > MAX_INSERT:
        raise InvalidOperation(f"An insert holds {MAX_INSERT} units; send several", f"{path}.content")
    if payload.length not in (None, len(text)):
        raise InvalidOperation("The length of an insert is that of its content; leave it out", f"{path}.length")
    # The text is new: an attribute that is null removes nothing.
    return Insert(text, PLAIN if payload.attributes is None else applied(exclusive(payload.attributes), PLAIN))


def _deleted(payload: Flat, path: str) -> int:
    if payload.content is None:
        if payload.length is None:
            raise InvalidOperation("A delete needs its length, or its content", f"{path}.length")
        return payload.length
    length = len(_content(payload, path))
    if payload.length not in (None, length):
        raise InvalidOperation("The length differs from that of the content; send one of them", f"{path}.length")
    return length


def _content(payload: Flat, path: str) -> Units:
    if not payload.content:
        raise InvalidOperation("An insert needs content of at least one character", f"{path}.content")
    try:
        return to_units(payload.content)
    except UnicodeEncodeError:
        raise InvalidOperation("The content has a lone surrogate; remove it", f"{path}.content") from None


def _place(position: int, component: Changing, length: int) -> Operation:
    """Return the operation of one component at `position` of a text of `length` units."""
    covered = 0 if isinstance(component, Insert) else component.length
    rest = length - position - covered
    placed: list[Component] = [Retain(position)] if position else []
    placed.append(component)
    if rest:
        placed.append(Retain(rest))
    return Operation(tuple(placed))


def _steps(operation: Operation) -> Iterator[Step]:
    """Yield the parts of an operation, left to right, each with its position in the text after those before it."""
    at = 0
    for component in operation.components:
        if isinstance(component, Retain):
            at += component.length
            continue
        for piece in _pieces(component):
            yield at, piece
            if isinstance(piece, Insert):
                at += len(piece.text)
            elif isinstance(piece, Format):
                at += piece.length


def _pieces(component: Changing) -> Iterator[Changing]:
    """Yield an insert in pieces that one may hold, of whole characters; anything else as it is."""
    if not isinstance(component, Insert) or len(component.text) <= MAX_CONTENT_BYTES // _ESCAPED_BYTES:
        yield component
        return
    text, at = component.text, 0
    while at < len(text):
        end = piece_end(text, at)
        yield Insert(Units(text[at:end]), component.attributes)
        at = end


def piece_end(text: Units, at: int) -> int:
    """Return the end of the longest piece of `text` from `at` that one insert in one frame may hold.

    JSON writes a control character in six bytes: a piece that is too long with them is halved.
    """
    end = min(at + MAX_INSERT, len(text))
    end -= splits_pair(text, end)
    if len(json_encode(from_units(Units(text[at:end])))) > MAX_CONTENT_BYTES:
        end = at + (end - at) // 2
        end -= splits_pair(text, end)
    return end


def _flat(step: Step) -> FlatOperation:
    position, component = step
    match component:
        case Insert(text, attributes):
            has = None if attributes == PLAIN else attributes
            return FlatOperation("insert", position, from_units(text), None, has)
        case Delete(length):
            return FlatOperation("delete", position, None, length)
        case Format(length, attributes):
            return FlatOperation("format", position, None, length, attributes)

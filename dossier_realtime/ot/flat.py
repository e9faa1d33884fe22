"""Conversion of the wire's flat form, `insert | delete | format` at one position, to operations and back.

One flat operation is a *part*: an operation with a single component that changes anything. Every operation is a
sequence of parts, each for the text after the one before; an insert with attributes is an insert and then a format.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Literal

from msgspec.json import encode as json_encode

from dossier_realtime.protocol.commands import Attributes, EditPayload
from dossier_realtime.protocol.events import RemoteOperationPayload
from dossier_realtime.protocol.fields import MAX_DOCUMENT, MAX_INSERT

from .attributes import PLAIN
from .document import Document, SplitsPair, apply
from .operations import Component, Delete, DoesNotFit, Format, Insert, Operation, Retain, Span
from .units import Units, from_units, splits_pair, to_units

Flat = EditPayload | RemoteOperationPayload
MAX_FORMATTING = 4 << 20
"""The bytes of `format` as JSON, so that the largest document with its text escaped fits a message of 16 MiB."""

_RUN_BYTES = 160  # of a formatted stretch without its link, at most
_LINK_BYTES = 6  # of one character of a link, at most

MAX_CONTENT_BYTES = 62 << 10
"""The bytes of an insert's content as JSON, so that the frame around it stays within 64 KiB."""

Kind = Literal["insert", "delete", "format"]


class InvalidOperation(ValueError):
    """A malformed flat operation (`INVALID_MESSAGE_FORMAT`); `path` is the JSON path of the faulty field."""

    def __init__(self, reason: str, path: str) -> None:
        super().__init__(f"{reason} (at {path})")
        self.reason = reason
        self.path = path


def read(payload: Flat, length: int) -> Operation:
    """Return the part of a payload, for a text of `length` units.

    Raises InvalidOperation for a payload that fits no text, DoesNotFit where it reaches beyond this one.
    """
    component = _component(payload)
    reach = payload.position + (0 if isinstance(component, Insert) else component.length)
    if reach > length:
        raise DoesNotFit(f"The operation reaches unit {reach} of a text of {length}; load the document again")
    return _place(payload.position, component, length)


def write(part: Operation, version: int, op_id: str | None = None) -> EditPayload:
    """Return a part as its author sends it, made against `version`."""
    kind, position, content, length, attributes = _flat(part)
    return EditPayload(kind, position, version, content, length, attributes, op_id)


def write_remote(
    part: Operation,
    version: int,
    user_id: str,
    user_name: str,
    op_id: str | None = None,
    timestamp: int | None = None,
) -> RemoteOperationPayload:
    """Return a part as others receive it, committed as `version` at `timestamp`."""
    kind, position, content, length, attributes = _flat(part)
    return RemoteOperationPayload(
        user_id=user_id,
        user_name=user_name,
        operation_type=kind,
        position=position,
        version=version,
        content=content,
        length=length,
        attributes=attributes,
        op_id=op_id,
        timestamp=timestamp,
    )


def parts(operation: Operation) -> Iterator[Operation]:
    """Yield the parts that together are `operation`, left to right; none where it changes nothing.

    Each position is on the text after the parts before it; `length` is the length of that text.
    """
    at, length, formatted = 0, operation.before, 0
    for component, following in zip_longest(operation.components, operation.components[1:]):
        if isinstance(component, Insert):
            placed = 0
            for piece in _pieces(component.text):
                yield _place(at, Insert(piece), length)
                length += len(piece)
                placed += len(piece)
                if component.attributes != PLAIN:
                    # A following format with the same attributes is merged, as `Operation.of` in `split` merges it:
                    # both must cut an operation into the same parts.
                    formatted = 0
                    if isinstance(following, Format) and following.attributes == component.attributes:
                        formatted = following.length if placed == len(component.text) else 0
                    yield _place(at, Format(len(piece) + formatted, component.attributes), length)
                at += len(piece)
            continue
        if not isinstance(component, Retain) and not formatted:
            yield _place(at, component, length)
        formatted = 0
        if isinstance(component, Delete):
            length -= component.length
        else:
            at += component.length


def split(operation: Operation) -> tuple[Operation, Operation] | None:
    """Return (the first part, an operation with all the others); None where nothing changes."""
    first = next(parts(operation), None)
    if first is None:
        return None
    skipped = operation.components[0].length if isinstance(operation.components[0], Retain) else 0
    at = 1 if skipped else 0
    changing, later = operation.components[at], operation.components[at + 1 :]
    rest: list[Component] = [Retain(skipped)]
    match changing:
        case Insert(text, attributes):
            piece = next(_pieces(text))
            rest += [Format(len(piece), attributes), Insert(Units(text[len(piece) :]), attributes)]
        case Format(length):
            rest.append(Retain(length))
        case Delete() | Retain():
            pass
    return first, Operation.of(*rest, *later)


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
    return sum(_RUN_BYTES + _LINK_BYTES * len(run.attributes.link or "") for run in runs) if runs else 0


def _component(payload: Flat) -> Span | Insert:
    match payload.operation_type:
        case "insert":
            return _insert(payload)
        case "delete":
            if payload.attributes is not None:
                raise InvalidOperation("Only a format has attributes; leave them out", "$.payload.attributes")
            return Delete(_deleted(payload))
        case "format":
            if payload.length is None:
                raise InvalidOperation("A format needs its length", "$.payload.length")
            if payload.attributes is None or payload.attributes == PLAIN:
                raise InvalidOperation("A format needs at least one attribute", "$.payload.attributes")
            return Format(payload.length, payload.attributes)


def _insert(payload: Flat) -> Insert:
    if payload.attributes is not None:
        raise InvalidOperation("Only a format has attributes; send a format after it", "$.payload.attributes")
    text = _content(payload)
    if len(text) > MAX_INSERT:
        raise InvalidOperation(f"An insert holds {MAX_INSERT} units; send several", "$.payload.content")
    if payload.length not in (None, len(text)):
        raise InvalidOperation("The length of an insert is that of its content; leave it out", "$.payload.length")
    return Insert(text)


def _deleted(payload: Flat) -> int:
    if payload.content is None:
        if payload.length is None:
            raise InvalidOperation("A delete needs its length, or its content", "$.payload.length")
        return payload.length
    length = len(_content(payload))
    if payload.length not in (None, length):
        raise InvalidOperation("The length differs from that of the content; send one of them", "$.payload.length")
    return length


def _content(payload: Flat) -> Units:
    if not payload.content:
        raise InvalidOperation("An insert needs content of at least one character", "$.payload.content")
    try:
        return to_units(payload.content)
    except UnicodeEncodeError:
        raise InvalidOperation("The content has a lone surrogate; remove it", "$.payload.content") from None


def _place(position: int, component: Span | Insert, length: int) -> Operation:
    """Return the operation of one component at `position` of a text of `length` units."""
    covered = 0 if isinstance(component, Insert) else component.length
    rest = length - position - covered
    placed: list[Component] = [Retain(position)] if position else []
    placed.append(component)
    if rest:
        placed.append(Retain(rest))
    return Operation(tuple(placed))


def _pieces(text: Units) -> Iterator[Units]:
    """Yield the text in pieces that an insert in one frame may hold, of whole characters."""
    at = 0
    while at < len(text):
        end = piece_end(text, at)
        yield Units(text[at:end])
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


def _flat(part: Operation) -> tuple[Kind, int, str | None, int | None, Attributes | None]:
    position = 0
    for component in part.components:
        match component:
            case Retain(length):
                position = length
            case Insert(text):
                return "insert", position, from_units(text), None, None
            case Delete(length):
                return "delete", position, None, length, None
            case Format(length, attributes):
                return "format", position, None, length, attributes
    raise ValueError("An operation that changes nothing has no flat form; send none")

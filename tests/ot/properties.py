"""The properties that must hold, as plain functions: property tests, tables and seeded faults call the same ones.

They reach the code under test through its modules, so that a fault put there is met here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from dossier_realtime.ot import collab, cursor, document, flat
from dossier_realtime.ot import transform as transformation
from dossier_realtime.ot.batches import steps as steps_of_batches
from dossier_realtime.ot.document import Document
from dossier_realtime.ot.operations import Operation
from dossier_realtime.ot.undo.landing import Landing
from dossier_realtime.ot.units import to_units
from dossier_realtime.protocol.commands import EditPayload, FlatOperation
from dossier_realtime.protocol.events import RemoteOperationPayload
from tests.ot.make_vectors import (
    batch_from_json,
    document_from_json,
    document_to_json,
    flat_from_json,
    flat_to_json,
    flats_to_json,
    operation_from_json,
    operation_to_json,
)
from tests.ot.undoing_author import UndoingAuthor


def meeting_leads_to_one_text(text: Document, first: Operation, second: Operation) -> None:
    """TP1, and that both transformed operations are normal."""
    after_first, after_second = transformation.transform(first, second)
    one = document.apply(after_second, document.apply(first, text))
    other = document.apply(after_first, document.apply(second, text))
    assert one == other
    for operation in (after_first, after_second):
        assert operation == Operation.normal(operation.components)


def the_flat_form_says_the_same(text: Document, operation: Operation) -> None:
    """Written and read again, as one batch or as single operations one after the other, it does the same."""
    expected = document.apply(operation, text)
    if operation.changes:
        assert flat.read(flat.write(operation, 7, "id"), text.length) == operation
        for is_batch in (False, True):
            remote = flat.write_remote(operation, 8, "u1", "Ann", "id", batch=is_batch)
            assert flat.read(remote, text.length) == operation
            assert remote.operation_type == "batch" or not is_batch
    for part in flat.parts(operation):
        payload = flat.write(part, 7, "id")
        assert payload.operation_type != "batch"
        assert flat.read(payload, text.length) == part
        remote = flat.write_remote(part, 8, "u1", "Ann", "id")
        assert flat.read(remote, text.length) == part
        text = document.apply(part, text)
    assert text == expected


def steps_in_any_order_are_one_operation(text: Document, operations: Sequence[Operation]) -> None:
    """A batch of all parts of consecutive operations is their composition."""
    steps: list[FlatOperation] = []
    after, expected = text, Operation.nothing(text.length)
    for operation in operations:
        steps += flat.written(operation) if operation.changes else ()
        expected = transformation.compose(expected, operation)
        after = document.apply(operation, after)
    if steps:
        made = flat.read(EditPayload("batch", version=0, operations=tuple(steps)), text.length)
        assert made == expected
        assert document.apply(made, text) == after
    assert steps_of_batches.composed([Operation.nothing(text.length), *operations]) == expected


def vector_holds(kind: str, vector: list[Any]) -> None:
    """One line of vectors.json."""
    match kind:
        case "apply":
            text, operation = document_from_json(vector[0]), operation_from_json(vector[1])
            after = document.apply(operation, text)
            assert document_to_json(after) == vector[2]
            assert operation_to_json(document.invert(operation, text)) == vector[3]
            assert document_to_json(document.apply(operation_from_json(vector[3]), after)) == vector[0]
        case "transform":
            text, (first, second) = document_from_json(vector[0]), map(operation_from_json, vector[1:3])
            after_first, after_second = transformation.transform(first, second)
            assert [operation_to_json(after_first), operation_to_json(after_second)] == vector[3:5]
            assert document_to_json(document.apply(after_second, document.apply(first, text))) == vector[5]
            assert document_to_json(document.apply(after_first, document.apply(second, text))) == vector[5]
        case "cursor":
            position, length = vector[2]
            moved = cursor.transform_selection(position, length, operation_from_json(vector[0]), own=vector[1])
            assert list(moved) == vector[3]
        case "batch":
            text = document_from_json(vector[0])
            made = flat.read(batch_from_json(vector[1]), text.length)
            assert operation_to_json(made) == vector[2]
            assert flats_to_json(flat.written(made) if made.changes else ()) == vector[3]
            assert document_to_json(document.apply(made, text)) == vector[4]
        case "undo":
            author = UndoingAuthor(document_from_json(vector[0]))
            for operation, joined in vector[1]:
                author.edit(operation_from_json(operation), joined=joined, sent=True)
            change = operation_from_json(vector[2])
            author.history.changed(change, vector[3] and Landing(to_units(vector[3][0]), vector[3][1]))
            author.document = document.apply(change, author.document)
            assert document_to_json(author.document) == vector[4]
            author.undo_all()
            assert document_to_json(author.document) == vector[5]
        case _:
            text, operation = document_from_json(vector[0]), operation_from_json(vector[1])
            assert [flat_to_json(part) for part in flat.parts(operation)] == vector[2]
            for said in vector[2]:
                text = document.apply(flat.read(flat_from_json(said), text.length), text)
            assert document_to_json(text) == vector[3]


def versions_are_checked() -> None:
    """No operation ahead of the server or behind its log is merged, and no client takes a version out of turn."""
    text = Document.of("abc")
    log = collab.Log(4)
    for version in (3, 5):
        with pytest.raises(collab.VersionConflict):
            collab.receive(EditPayload("insert", 3, version, "x"), text, log)
    pending = collab.Pending(text, 4)
    for version in (4, 6):
        late = RemoteOperationPayload(
            user_id="u1", user_name="Ann", operation_type="insert", position=0, content="x", version=version
        )
        with pytest.raises(collab.OutOfStep):
            pending.remote(late)
    assert pending.local == text


def no_character_is_torn() -> None:
    """Every edge inside a surrogate pair is refused, and says which field is wrong."""
    text = Document.of("a😀b")
    for payload, path in (
        (EditPayload("insert", 2, 0, "x"), "$.payload.position"),
        (EditPayload("delete", 1, 0, length=1), "$.payload.length"),
        (EditPayload("delete", 2, 0, length=2), "$.payload.position"),
    ):
        with pytest.raises(flat.InvalidOperation) as refused:
            collab.receive(payload, text, collab.Log())
        assert refused.value.path == path

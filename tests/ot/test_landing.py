"""The place of an insert inside of text that others delete before it is committed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier_realtime.ot.document import Document, apply
from dossier_realtime.ot.operations import Delete, Insert, Operation, Retain
from dossier_realtime.ot.transform import transform
from dossier_realtime.ot.undo.landing import deleted_texts, first_deleted
from dossier_realtime.ot.units import to_units


def insert(at: int, text: str, length: int) -> Operation:
    return Operation.of(Retain(at), Insert(to_units(text)), Retain(length - at))


def delete(at: int, count: int, length: int) -> Operation:
    return Operation.of(Retain(at), Delete(count), Retain(length - at - count))


@pytest.mark.parametrize(
    ("position", "later", "expected"),
    [
        (3, [delete(0, 7, 7)], (0, 3)),
        (0, [delete(0, 7, 7)], None),
        (7, [delete(0, 7, 7)], (0, 7)),
        (3, [insert(0, "ab", 7), delete(0, 9, 9)], (1, 5)),
        (3, [insert(3, "ab", 7), delete(0, 9, 9)], (1, 3)),
        (3, [insert(5, "ab", 7), delete(0, 9, 9)], (1, 3)),
        (3, [delete(0, 2, 7), delete(0, 5, 5)], (1, 1)),
        (3, [delete(4, 3, 7)], None),
        (3, [delete(3, 4, 7)], None),
        (5, [Operation.of(Delete(2), Retain(2), Delete(3))], (0, 3)),
        (2, [Operation.of(Delete(2), Retain(2), Delete(3))], (0, 2)),
        (4, [Operation.of(Delete(2), Retain(2), Delete(3))], None),
        (4, [Operation.of(Delete(2), Retain(2), Delete(3)), delete(0, 2, 2)], (1, 2)),
        (3, [], None),
    ],
)
def test_the_first_deletion_around_an_insert_is_found(
    position: int, later: list[Operation], expected: tuple[int, int] | None
) -> None:
    assert first_deleted(position, later) == expected


def test_the_deleted_text_is_that_of_all_places() -> None:
    text = to_units("one two")
    assert deleted_texts(delete(4, 3, 7), text) == [to_units("two")]
    assert deleted_texts(insert(4, "x", 7), text) == []
    assert deleted_texts(Operation.of(Delete(1), Retain(2), Delete(4)), text) == [to_units("o"), to_units(" two")]


_edits = st.lists(st.tuples(st.booleans(), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=6)


@given(position=st.integers(0, 12), edits=_edits)
def test_before_that_deletion_the_place_is_where_the_insert_would_be(
    position: int, edits: list[tuple[bool, float, float]]
) -> None:
    """The transformed insert stands at the place until the deletion, and at the begin of the deleted text after it."""
    document = Document.of("abcdefghijkl")
    late, later = insert(position, "X", 12), []
    for deletes, start, share in edits:
        length = document.length
        at = int(start * length)
        count = int(share * (length - at))
        operation = delete(at, count, length) if deletes and count else insert(at, "yz", length)
        later.append(operation)
        document = apply(operation, document)
    found = first_deleted(position, later)
    for number, operation in enumerate(later):
        at = late.components[0].length if isinstance(late.components[0], Retain) else 0
        around = [component for component in operation.components if isinstance(component, Delete)]
        begin = operation.components[0].length if isinstance(operation.components[0], Retain) else 0
        if around and begin < at <= begin + around[0].length:
            assert found == (number, at - begin)
            return
        _, late = transform(operation, late)
    assert found is None

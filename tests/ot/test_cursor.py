"""Positions and selections."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier_realtime.ot.cursor import transform_position, transform_selection
from dossier_realtime.ot.document import Document
from dossier_realtime.ot.operations import Delete, DoesNotFit, Insert, Operation, Retain
from dossier_realtime.ot.units import to_units
from tests.ot.strategies import concurrent


def _where(offset: int, operation: Operation) -> int | None:
    """Where the unit at `offset` of the text before is in the text after; None where it is deleted."""
    before = after = 0
    for component in operation.components:
        if isinstance(component, Insert):
            after += len(component.text)
            continue
        if before <= offset < before + component.length:
            return None if isinstance(component, Delete) else after + offset - before
        before += component.length
        after += 0 if isinstance(component, Delete) else component.length
    return None


@given(concurrent, st.data())
def test_a_caret_stays_behind_its_left_neighbour_or_with_an_own_edit_before_its_right_one(
    drawn: tuple[Document, Operation, Operation], data: st.DataObject
) -> None:
    document, operation, _ = drawn
    position = data.draw(st.integers(0, document.length))
    left, right = _where(position - 1, operation), _where(position, operation)
    if left is not None:
        assert transform_position(position, operation) == left + 1
    if right is not None:
        assert transform_position(position, operation, own=True) == right
    assert 0 <= transform_position(position, operation) <= operation.after


@given(concurrent, st.data())
def test_a_selection_covers_of_the_old_text_what_is_left_and_nothing_else(
    drawn: tuple[Document, Operation, Operation], data: st.DataObject
) -> None:
    document, operation, _ = drawn
    position = data.draw(st.integers(0, document.length))
    length = data.draw(st.integers(0, document.length - position))
    moved, moved_length = transform_selection(position, length, operation)
    for offset in range(document.length):
        now = _where(offset, operation)
        if now is not None:
            assert (moved <= now < moved + moved_length) == (position <= offset < position + length)


@pytest.mark.parametrize(
    ("selection", "own", "expected"),
    [
        ((1, 0), False, (1, 0)),
        ((1, 0), True, (3, 0)),
        ((2, 0), False, (4, 0)),
        ((0, 1), False, (0, 1)),
        ((0, 2), False, (0, 4)),
        ((1, 1), False, (3, 1)),
        ((0, 1), True, (0, 3)),
    ],
)
def test_two_units_inserted_at_one_move_a_selection(
    selection: tuple[int, int], own: bool, expected: tuple[int, int]
) -> None:
    inserted = Operation.of(Retain(1), Insert(to_units("😀")), Retain(2))
    assert transform_selection(*selection, inserted, own=own) == expected


def test_a_position_in_deleted_text_goes_where_the_text_was() -> None:
    assert transform_selection(2, 2, Operation.of(Retain(1), Delete(4), Retain(1))) == (1, 0)


def test_a_position_beyond_the_text_does_not_fit() -> None:
    with pytest.raises(DoesNotFit):
        transform_position(3, Operation.nothing(2))

"""An edit past many operations at once lies where it lies past them one by one."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.core.domain.motions import Motion, is_movable
from dossier_realtime.ot.document import Document, apply
from dossier_realtime.ot.operations import Delete, DoesNotFit, Insert, Operation, Retain
from dossier_realtime.ot.transform import compose, transform
from dossier_realtime.ot.units import to_units
from tests.ot.random_operations import Chance, operation_of


def one_by_one(operation: Operation, row: list[Operation]) -> Operation:
    for committed in row:
        _, operation = transform(committed, operation)
    return operation


def scene(seed: int) -> tuple[Operation, list[Operation]]:
    """An edit of a short text, and a row of operations on that text, most of them at few places."""
    chance = Chance(seed)
    document = chance.document(10)
    edit = operation_of(chance.steps(5), document)
    row: list[Operation] = []
    for _ in range(chance.below(14)):
        row.append(operation_of(chance.steps(4), document))
        document = apply(row[-1], document)
    return edit, row


@given(st.integers(0, 2**32), st.integers(1, 5))
def test_an_edit_is_moved_past_many_operations_as_past_each(seed: int, parts: int) -> None:
    edit, row = scene(seed)
    assume(is_movable(edit))
    expected = one_by_one(edit, row)
    assert Motion.of(row).move(edit) == expected
    pieces = [Motion.of(row[at : at + parts]) for at in range(0, len(row), parts)]
    assert Motion.joined(pieces).move(edit) == expected
    for piece in pieces:
        edit = piece.move(edit)
    assert edit == expected


def test_text_inserted_where_text_is_gone_stays_behind_an_older_edit_there() -> None:
    """A composed operation is not enough here: it forgets where within the deleted text the insert was."""
    row = [Operation.of(Retain(2), Delete(6), Retain(2)), Operation.of(Retain(2), Insert(to_units("Q")), Retain(2))]
    edit = Operation.of(Retain(5), Insert(to_units("mine")), Retain(5))
    expected = Operation.of(Retain(2), Insert(to_units("mine")), Retain(3))
    assert one_by_one(edit, row) == expected
    assert Motion.of(row).move(edit) == expected
    assert transform(compose(row[0], row[1]), edit)[1] != expected


def test_an_edit_of_another_text_is_refused() -> None:
    motion = Motion.of([Operation.of(Retain(7), Delete(1))])
    with pytest.raises(DoesNotFit):
        motion.move(Operation.of(Insert(to_units("x")), Retain(3)))


def test_an_edit_that_inserts_behind_what_it_deletes_is_moved_one_by_one() -> None:
    assert is_movable(Operation.of(Insert(to_units("new")), Delete(3), Retain(1)))
    assert not is_movable(Operation.of(Delete(3), Retain(1), Insert(to_units("new"))))
    assert is_movable(Operation.nothing(Document().length))

"""Operations and documents: the algebra of apply, compose and invert, and the bounds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from dossier_realtime.ot.document import Document, SplitsPair, apply, invert
from dossier_realtime.ot.operations import Delete, DoesNotFit, Format, Insert, Operation, Retain
from dossier_realtime.ot.transform import compose, transform
from dossier_realtime.ot.units import Units, to_units
from dossier_realtime.protocol.commands import Attributes
from dossier_realtime.protocol.responses import FormatRun
from tests.ot.strategies import consecutive

BOLD = Attributes(bold=True)


@given(consecutive)
def test_composed_operations_do_what_they_do_in_a_row(row: tuple[Document, list[Operation]]) -> None:
    document, (first, second, third) = row
    in_a_row = apply(third, apply(second, apply(first, document)))
    assert apply(compose(compose(first, second), third), document) == in_a_row
    assert compose(compose(first, second), third) == compose(first, compose(second, third))


@given(consecutive)
def test_the_inverse_brings_back_text_and_formatting(row: tuple[Document, list[Operation]]) -> None:
    document, (first, second, _) = row
    after = apply(first, document)
    assert apply(invert(first, document), after) == document
    both = compose(first, second)
    back = compose(invert(second, after), invert(first, document))
    assert apply(back, apply(both, document)) == document


@given(consecutive)
def test_lengths_before_and_after_are_those_of_the_texts(row: tuple[Document, list[Operation]]) -> None:
    document, operations = row
    for operation in operations:
        assert operation.before == document.length
        document = apply(operation, document)
        assert operation.after == document.length


@given(consecutive)
def test_a_document_is_read_back_from_what_the_wire_says_of_it(row: tuple[Document, list[Operation]]) -> None:
    document, operations = row
    for operation in operations:
        assert Document.of(document.content, document.format) == document
        document = apply(operation, document)


@given(consecutive)
@settings(max_examples=50)
def test_nothing_changes_nothing(row: tuple[Document, list[Operation]]) -> None:
    document, (first, *_) = row
    nothing = Operation.nothing(document.length)
    assert not nothing.changes
    assert apply(nothing, document) == document
    assert compose(nothing, first) == compose(first, Operation.nothing(first.after)) == first
    assert transform(nothing, first) == (Operation.nothing(first.after), first)


def test_an_operation_is_normal() -> None:
    messy = Operation.of(
        Retain(0),
        Retain(1),
        Format(2, Attributes()),
        Delete(1),
        Insert(to_units("a")),
        Delete(1),
        Insert(to_units("b")),
        Insert(Units("")),
        Format(1, BOLD),
        Format(1, BOLD),
        Insert(to_units("c"), BOLD),
        Insert(to_units("d")),
    )
    assert messy.components == (
        Retain(3),
        Insert(to_units("ab")),
        Delete(2),
        Format(2, BOLD),
        Insert(to_units("c"), BOLD),
        Insert(to_units("d")),
    )


def test_a_false_attribute_is_a_value_and_null_removes_it() -> None:
    document = Document.of("ab", [FormatRun(0, 2, Attributes(bold=False))])
    assert document.format == [FormatRun(0, 2, Attributes(bold=False))]
    assert apply(Operation.of(Format(2, Attributes(bold=None))), document) == Document.of("ab")


@pytest.mark.parametrize("operation", [Operation.of(Retain(2)), Operation.of(Delete(4)), Operation.of()])
def test_an_operation_for_a_text_of_another_length_does_not_fit(operation: Operation) -> None:
    document = Document.of("abc")
    with pytest.raises(DoesNotFit):
        apply(operation, document)
    with pytest.raises(DoesNotFit):
        invert(operation, document)
    with pytest.raises(DoesNotFit):
        transform(operation, Operation.nothing(3))
    with pytest.raises(DoesNotFit):
        compose(Operation.nothing(3), operation)


@pytest.mark.parametrize(
    "operation",
    [
        Operation.of(Retain(2), Insert(to_units("x")), Retain(2)),
        Operation.of(Delete(2), Retain(2)),
        Operation.of(Retain(2), Format(1, BOLD), Retain(1)),
    ],
)
def test_an_edge_inside_a_character_is_refused(operation: Operation) -> None:
    with pytest.raises(SplitsPair) as refused:
        apply(operation, Document.of("a😀b"))
    assert refused.value.offset == 2


@pytest.mark.parametrize("runs", [[(0, 3)], [(0, 2), (1, 1)], [(1, 1), (0, 1)]])
def test_runs_of_formatting_that_overlap_or_leave_the_text_are_refused(runs: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="run of formatting"):
        Document.of("ab", [FormatRun(position, length, BOLD) for position, length in runs])

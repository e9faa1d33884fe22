"""The contract's flat form and its bounds."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given, settings

from dossier_realtime.client.io.transport import MAX_INBOUND_FRAME_BYTES
from dossier_realtime.ot import flat
from dossier_realtime.ot.attributes import PLAIN
from dossier_realtime.ot.document import Document, Run, apply
from dossier_realtime.ot.flat import (
    MAX_FORMATTING,
    InvalidOperation,
    admit,
    formatting_bytes,
    parts,
    read,
    split,
    write,
    written,
)
from dossier_realtime.ot.operations import Delete, DoesNotFit, Format, Insert, Operation, Retain
from dossier_realtime.ot.units import Units, from_units, to_units
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.commands import Attributes, EditOperation, EditPayload, FlatOperation
from dossier_realtime.protocol.fields import MAX_DOCUMENT, MAX_INSERT
from dossier_realtime.protocol.responses import FormatRun
from tests.ot import properties
from tests.ot.strategies import concurrent, consecutive

BOLD = Attributes(bold=True)


@given(concurrent)
@settings(max_examples=1_000)
def test_any_operation_is_a_row_of_flat_ones(drawn: tuple[Document, Operation, Operation]) -> None:
    properties.the_flat_form_says_the_same(drawn[0], drawn[1])


@given(consecutive)
@settings(max_examples=1_000)
def test_a_batch_is_the_composition_of_its_operations_in_any_order(drawn: tuple[Document, list[Operation]]) -> None:
    properties.steps_in_any_order_are_one_operation(*drawn)


@given(concurrent)
@settings(max_examples=500)
def test_what_does_not_fit_one_message_is_sent_in_several(drawn: tuple[Document, Operation, Operation]) -> None:
    text, rest = drawn[0], drawn[1]
    expected, count = apply(rest, text), len(list(parts(rest)))
    with pytest.MonkeyPatch.context() as bounds:
        bounds.setattr(flat, "MAX_OPERATIONS", 2)
        messages = 0
        while (divided := split(rest)) is not None:
            first, rest = divided
            messages += 1
            assert 1 <= len(written(first)) <= 2
            assert first == Operation.normal(first.components)
            text = apply(first, text)
    assert messages == (count + 1) // 2
    assert (text, rest) == (expected, Operation.nothing(expected.length))


def test_a_message_is_bounded_in_operations_and_in_bytes() -> None:
    many = Operation.of(*(c for _ in range(1_001) for c in (Retain(1), Insert(to_units("x")))))
    assert [len(written(message)) for message in _divided(many)] == [500, 500, 1]
    large = Operation.of(*(c for _ in range(5) for c in (Retain(1), Insert(to_units("\x01" * 4_000), BOLD))))
    for message in _divided(large):
        frame = codec.encode(EditOperation(channel="document:" + "a" * 64, payload=write(message, 2**53 - 1, "i" * 64)))
        assert len(frame) <= 64 << 10
    assert [len(written(message)) for message in _divided(large)] == [2, 2, 1]


def _divided(rest: Operation) -> Iterator[Operation]:
    while (divided := split(rest)) is not None:
        first, rest = divided
        yield first


def test_an_insert_brings_its_attributes_and_null_removes_nothing_from_it() -> None:
    payload = EditPayload("insert", 1, 0, "new", attributes=Attributes(bold=True, italic=None))
    operation = read(payload, 2)
    assert operation == Operation.of(Retain(1), Insert(to_units("new"), BOLD), Retain(1))
    assert write(operation, 0) == EditPayload("insert", 1, 0, "new", attributes=BOLD)
    assert read(EditPayload("insert", 0, 0, "x", attributes=Attributes()), 0) == Operation.of(Insert(to_units("x")))


def test_the_contract_s_own_example_is_read() -> None:
    payload = EditPayload("insert", 150, 42, "New text")
    assert read(payload, 200) == Operation.of(Retain(150), Insert(to_units("New text")), Retain(50))
    assert write(read(payload, 200), 42) == payload


def test_a_delete_without_length_takes_the_units_of_its_content() -> None:
    assert read(EditPayload("delete", 1, 0, "a😀"), 4) == Operation.of(Retain(1), Delete(3))
    assert read(EditPayload("delete", 1, 0, "a😀", 3), 4) == Operation.of(Retain(1), Delete(3))


def test_an_edit_at_the_very_end_fits_and_one_beyond_does_not() -> None:
    assert read(EditPayload("insert", 3, 0, "x"), 3).after == 4
    for beyond in (
        EditPayload("insert", 4, 0, "x"),
        EditPayload("delete", 0, 0, length=4),
        EditPayload("format", 3, 0, length=1, attributes=BOLD),
    ):
        with pytest.raises(DoesNotFit):
            read(beyond, 3)


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        (EditPayload("insert", 0, 0), "$.payload.content"),
        (EditPayload("insert", 0, 0, ""), "$.payload.content"),
        (EditPayload("insert", 0, 0, "\ud83d"), "$.payload.content"),
        (EditPayload("insert", 0, 0, "😀" * (MAX_INSERT // 2) + "x"), "$.payload.content"),
        (EditPayload("insert", 0, 0, "😀", 1), "$.payload.length"),
        (EditPayload("delete", 0, 0), "$.payload.length"),
        (EditPayload("delete", 0, 0, ""), "$.payload.content"),
        (EditPayload("delete", 0, 0, "😀", 1), "$.payload.length"),
        (EditPayload("delete", 0, 0, length=1, attributes=BOLD), "$.payload.attributes"),
        (EditPayload("format", 0, 0, attributes=BOLD), "$.payload.length"),
        (EditPayload("format", 0, 0, length=1), "$.payload.attributes"),
        (EditPayload("format", 0, 0, length=1, attributes=Attributes()), "$.payload.attributes"),
    ],
)
def test_what_is_not_of_its_form_is_refused_with_the_path(payload: EditPayload, path: str) -> None:
    with pytest.raises(InvalidOperation) as refused:
        read(payload, 100)
    assert refused.value.path == path
    assert path in str(refused.value)


INSERT, EMOJI = FlatOperation("insert", 0, "x"), FlatOperation("insert", 0, "😀")


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        (EditPayload("batch", version=0), "$.payload.operations"),
        (EditPayload("batch", 0, 0, operations=(INSERT,)), "$.payload.position"),
        (EditPayload("batch", version=0, content="x", operations=(INSERT,)), "$.payload.content"),
        (EditPayload("batch", version=0, length=1, operations=(INSERT,)), "$.payload.length"),
        (EditPayload("batch", version=0, attributes=BOLD, operations=(INSERT,)), "$.payload.attributes"),
        (EditPayload("insert", 0, 0, "x", operations=(INSERT,)), "$.payload.operations"),
        *(
            (EditPayload("batch", version=0, operations=(INSERT, wrong)), f"$.payload.operations[1].{field}")
            for wrong, field in (
                (FlatOperation("insert", 0), "content"),
                (FlatOperation("insert", 0, "😀" * (MAX_INSERT // 2) + "x"), "content"),
                (FlatOperation("insert", 0, "😀", 1), "length"),
                (FlatOperation("delete", 0), "length"),
                (FlatOperation("delete", 0, length=1, attributes=BOLD), "attributes"),
                (FlatOperation("format", 0, length=1), "attributes"),
            )
        ),
        (
            EditPayload(
                "batch", version=0, operations=(FlatOperation("insert", 0, "😀"), FlatOperation("insert", 1, "x"))
            ),
            "$.payload.operations",
        ),
    ],
)
def test_a_batch_that_is_not_of_its_form_is_refused_with_the_path(payload: EditPayload, path: str) -> None:
    with pytest.raises(InvalidOperation) as refused:
        read(payload, 100)
    assert refused.value.path == path


def test_an_operation_of_a_batch_beyond_the_text_after_those_before_it_does_not_fit_and_is_named() -> None:
    fits = FlatOperation("insert", 3, "xyz"), FlatOperation("delete", 2, length=4)
    assert read(EditPayload("batch", version=0, operations=fits), 3).after == 2
    with pytest.raises(DoesNotFit, match=r"operations\[2\]\.position"):
        read(EditPayload("batch", version=0, operations=(*fits, FlatOperation("insert", 3, "!"))), 3)


def test_an_insert_as_large_as_allowed_is_read() -> None:
    assert read(EditPayload("insert", 0, 0, "😀" * (MAX_INSERT // 2)), 0).after == MAX_INSERT


def test_no_character_is_torn() -> None:
    properties.no_character_is_torn()


def test_nul_is_refused_and_other_controls_are_content() -> None:
    document = Document.of("")
    with pytest.raises(InvalidOperation):
        admit(Operation.of(Insert(to_units("a\0b"))), document)
    kept = "\x01\x85\u2028\ufffe"
    assert admit(Operation.of(Insert(to_units(kept))), document).content == kept


def test_a_document_takes_a_mi_of_units_and_not_one_more() -> None:
    nearly = Document(Units("x" * (MAX_DOCUMENT - 1)))
    full = admit(Operation.of(Insert(to_units("y")), Retain(MAX_DOCUMENT - 1)), nearly)
    assert full.length == MAX_DOCUMENT
    with pytest.raises(InvalidOperation) as refused:
        admit(Operation.of(Insert(to_units("z")), Retain(MAX_DOCUMENT)), full)
    assert refused.value.path == "$.payload.content"
    replaced = admit(Operation.of(Insert(to_units("z")), Delete(1), Retain(MAX_DOCUMENT - 1)), full)
    assert replaced.length == MAX_DOCUMENT


def test_a_long_text_is_several_inserts_of_whole_characters() -> None:
    text = "x" + "😀" * MAX_INSERT
    made = list(parts(Operation.of(Insert(to_units(text)))))
    contents = [from_units(c.text) for part in made for c in part.components if isinstance(c, Insert)]
    assert "".join(contents) == text
    assert [len(to_units(content)) for content in contents] == [MAX_INSERT - 1, MAX_INSERT, 2]


def test_a_range_that_a_concurrent_insert_split_is_two_parts_each_for_the_text_before_it() -> None:
    operation = Operation.of(Retain(1), Delete(2), Retain(3), Delete(1), Format(2, BOLD))
    assert list(parts(operation)) == [
        Operation.of(Retain(1), Delete(2), Retain(6)),
        Operation.of(Retain(4), Delete(1), Retain(2)),
        Operation.of(Retain(4), Format(2, BOLD)),
    ]


def test_an_operation_with_nothing_left_has_no_part_and_no_flat_form() -> None:
    nothing = Operation.nothing(3)
    assert list(parts(nothing)) == []
    assert split(nothing) is None
    with pytest.raises(ValueError, match="no flat form"):
        write(nothing, 0)


def test_formatting_is_bounded_and_can_always_be_taken_away() -> None:
    stretches = MAX_FORMATTING // formatting_bytes(Document(to_units("x"), (Run(1, BOLD),))) // 2
    runs = tuple(Run(1, attributes) for _ in range(stretches) for attributes in (BOLD, PLAIN))
    document = Document(to_units("x" * len(runs)), runs)
    assert formatting_bytes(document) <= MAX_FORMATTING
    one_more = Document(to_units(document.text + "xxxx"), (*runs, Run(4, BOLD)))
    splitting = Operation.of(Retain(len(runs) + 1), Format(2, Attributes(italic=True)), Retain(1))
    with pytest.raises(InvalidOperation, match="bytes of formatting"):
        admit(splitting, one_more)
    admit(Operation.of(Format(1, Attributes(bold=None)), Retain(len(runs) + 3)), one_more)
    admit(Operation.of(Insert(to_units("plain"), BOLD), Retain(one_more.length)), one_more)  # of the same stretch


def test_the_largest_document_fits_the_messages_that_the_sdk_takes() -> None:
    link = "/" + "\x01" * 2047
    stretch = len(msgspec.json.encode(FormatRun(2**20, 2**20, Attributes(link=link))))
    assert stretch <= formatting_bytes(Document(to_units("x"), (Run(1, Attributes(link=link)),)))
    fully = Attributes(True, True, True, True, 3, "ordered", None)
    assert len(msgspec.json.encode(FormatRun(2**20, 2**20, fully))) <= formatting_bytes(
        Document(to_units("x"), (Run(1, fully),))
    )
    largest = len(msgspec.json.encode("\x01" * MAX_DOCUMENT)) + MAX_FORMATTING
    assert largest < MAX_INBOUND_FRAME_BYTES - (4 << 20)  # presence and the rest come on top

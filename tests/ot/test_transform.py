"""How two operations meet: TP1 by chance and in a small world that is walked to its end, and the rules by name."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import given, settings

from dossier_realtime.ot.document import Document, apply
from dossier_realtime.ot.operations import Component, Delete, Format, Insert, Operation, Retain
from dossier_realtime.ot.transform import transform
from dossier_realtime.ot.units import to_units
from dossier_realtime.protocol.commands import Attributes
from dossier_realtime.protocol.responses import FormatRun
from tests.ot import properties
from tests.ot.strategies import concurrent

BOLD = Attributes(bold=True)


@pytest.mark.long
@given(concurrent)
@settings(max_examples=20_000)
def test_two_operations_lead_to_one_text_in_either_order(drawn: tuple[Document, Operation, Operation]) -> None:
    properties.meeting_leads_to_one_text(*drawn)


def _all_operations(text: str, inserted: str, change: Attributes) -> Iterator[Operation]:
    """Every operation on `text` that inserts at most once in a place: 3 ** n * 2 ** (n + 1) for n characters."""
    lengths = [len(to_units(character)) for character in text]
    for deeds in product("rdf", repeat=len(lengths)):
        for places in product((False, True), repeat=len(lengths) + 1):
            components: list[Component] = []
            for deed, place, length in zip((*deeds, "r"), places, (*lengths, 0), strict=True):
                if place:
                    components.append(Insert(to_units(inserted)))
                kinds: dict[str, Component] = {"r": Retain(length), "d": Delete(length), "f": Format(length, change)}
                components.append(kinds[deed])
            yield Operation.normal(components)


@pytest.mark.parametrize("text", ["", "a", "😀", "ab", "a😀", "😀a", pytest.param("abc", marks=pytest.mark.long)])
def test_all_pairs_of_operations_on_a_small_text_meet(text: str) -> None:
    document = Document.of(text, [FormatRun(0, 1, Attributes(bold=False))] if text[:1] == "a" else ())
    seconds = list(_all_operations(text, "2", Attributes(bold=None, italic=True)))
    for first in _all_operations(text, "😀", BOLD):
        for second in seconds:
            properties.meeting_leads_to_one_text(document, first, second)


def _both(text: Document, first: Operation, second: Operation) -> Document:
    return apply(transform(first, second)[1], apply(first, text))


def _insert(at: int, text: str, length: int) -> Operation:
    return Operation.of(Retain(at), Insert(to_units(text)), Retain(length - at))


def test_the_operation_committed_last_keeps_the_left_place() -> None:
    assert _both(Document.of("ab"), _insert(1, "first", 2), _insert(1, "second", 2)).content == "asecondfirstb"


def test_what_both_delete_is_deleted_once() -> None:
    first = Operation.of(Delete(3), Retain(2))
    second = Operation.of(Retain(1), Delete(3), Retain(1))
    assert transform(first, second) == (Operation.of(Delete(1), Retain(1)), Operation.of(Delete(1), Retain(1)))


def test_of_two_formats_the_last_committed_wins_attribute_by_attribute() -> None:
    first = Operation.of(Format(2, Attributes(bold=True, heading=1)))
    second = Operation.of(Format(2, Attributes(heading=2, italic=True)))
    both = Attributes(bold=True, heading=2, italic=True)
    assert _both(Document.of("ab"), first, second) == Document.of("ab", [FormatRun(0, 2, both)])


def test_a_text_inserted_into_a_deleted_range_stays() -> None:
    assert _both(Document.of("abcd"), Operation.of(Delete(4)), _insert(2, "x", 4)).content == "x"
    assert _both(Document.of("abcd"), _insert(2, "x", 4), Operation.of(Delete(4))).content == "x"


def test_a_text_inserted_into_a_formatted_range_is_as_its_author_saw_it() -> None:
    formatted = Operation.of(Format(4, BOLD))
    expected = Document.of("abxcd", [FormatRun(0, 2, BOLD), FormatRun(3, 2, BOLD)])
    assert _both(Document.of("abcd"), formatted, _insert(2, "x", 4)) == expected
    assert _both(Document.of("abcd"), _insert(2, "x", 4), formatted) == expected

"""Anchors move with their text: by property over random operations, and what happens where the text is deleted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier_realtime.ot.document import Document, apply, invert
from dossier_realtime.ot.operations import Delete, DoesNotFit, Format, Insert, Operation, Retain, size
from dossier_realtime.ot.places.anchors import TextAnchor, moved, moved_past
from dossier_realtime.ot.units import Units, splits_pair, to_units
from dossier_realtime.protocol.commands import Attributes
from tests.ot.strategies import consecutive


def _edges(text: Units) -> list[int]:
    return [at for at in range(len(text) + 1) if not splits_pair(text, at)]


def _covered(start: int, end: int, operation: Operation) -> list[int]:
    """The units that belong to a stretch after an operation: what is left of it, and what was put inside of it."""
    covered: list[int] = []
    at = after = 0
    for component in operation.components:
        count = size(component)
        if isinstance(component, Insert):
            covered += range(after, after + count) if start < at < end else []
            after += count
            continue
        if not isinstance(component, Delete):
            covered += [after + unit for unit in range(count) if start <= at + unit < end]
            after += count
        at += count
    return covered


@given(consecutive, st.data())
def test_an_anchor_covers_what_is_left_of_its_text_and_what_was_put_inside_of_it(
    row: tuple[Document, list[Operation]], data: st.DataObject
) -> None:
    document, operations = row
    edges = _edges(document.text)
    start, end = sorted((data.draw(st.sampled_from(edges)), data.draw(st.sampled_from(edges))))
    if start == end:
        return
    anchor, text = TextAnchor(start, end), document
    for operation in operations:
        covered = _covered(anchor.start, anchor.end, operation)
        was_orphaned = anchor.orphaned
        anchor, text = moved(anchor, operation), apply(operation, text)
        assert 0 <= anchor.start <= anchor.end <= text.length
        assert not splits_pair(text.text, anchor.start)
        assert not splits_pair(text.text, anchor.end)
        assert list(range(anchor.start, anchor.end)) == covered
        assert anchor.orphaned == (was_orphaned or not covered)
    assert anchor == moved_past(TextAnchor(start, end), operations)


@given(consecutive, st.data())
def test_an_orphan_returns_to_its_text_with_the_undo_of_the_deletion(
    row: tuple[Document, list[Operation]], data: st.DataObject
) -> None:
    document, _ = row
    edges = _edges(document.text)
    cuts = sorted(data.draw(st.sampled_from(edges)) for _ in range(4))
    first, start, end, last = cuts
    if start == end:
        return
    deletion = Operation.of(Retain(first), Delete(last - first), Retain(document.length - last))
    quote = Units(document.text[start:end])
    lost = moved(TextAnchor(start, end), deletion, quote)
    assert lost == TextAnchor(first, first, orphaned=True)
    back = moved(lost, invert(deletion, document), quote)
    deleted = Units(document.text[first:last])
    if len(quote) >= 3 or quote == deleted:
        # Of the same text several times, its first place.
        assert back == TextAnchor(first + deleted.find(quote), first + deleted.find(quote) + len(quote))
        assert document.text[back.start : back.end] == quote
    else:
        assert back == lost


def _on(length: int, *components: object) -> Operation:
    operation = Operation.of(*components)  # type: ignore[arg-type]
    return Operation.of(*operation.components, Retain(length - operation.before))


_LOST = TextAnchor(2, 2, orphaned=True)


@pytest.mark.parametrize(
    ("anchor", "operation", "quote", "after"),
    [
        (TextAnchor(2, 5), _on(9, Retain(2), Insert(to_units("ab"))), "", TextAnchor(4, 7)),  # before it
        (TextAnchor(2, 5), _on(9, Retain(5), Insert(to_units("ab"))), "", TextAnchor(2, 5)),  # behind it
        (TextAnchor(2, 5), _on(9, Retain(3), Insert(to_units("ab"))), "", TextAnchor(2, 7)),  # within it
        (TextAnchor(2, 5), _on(9, Retain(2), Delete(3)), "cde", _LOST),
        (
            TextAnchor(2, 5),
            _on(9, Retain(2), Insert(to_units("xyz")), Delete(3)),
            "cde",
            TextAnchor(5, 5, orphaned=True),
        ),
        (
            TextAnchor(2, 5),
            _on(9, Insert(to_units("a cde b")), Delete(9)),
            "cde",
            TextAnchor(2, 5),
        ),  # replaced, and still there
        (_LOST, _on(6, Retain(2), Insert(to_units("cde"))), "cde", TextAnchor(2, 5)),
        (
            _LOST,
            _on(6, Retain(3), Insert(to_units("cde"))),
            "cde",
            _LOST,
        ),
        (
            _LOST,
            _on(6, Retain(2), Insert(to_units("acdb"))),
            "cd",
            _LOST,
        ),
        (_LOST, _on(6, Retain(2), Insert(to_units("cd"))), "cd", TextAnchor(2, 4)),
        (TextAnchor(2, 2), _on(6, Retain(2), Insert(to_units("ab"))), "", TextAnchor(2, 2)),  # an insertion's place
        (TextAnchor(2, 2), _on(6, Retain(1), Delete(2)), "", TextAnchor(1, 1, orphaned=True)),
        (TextAnchor(2, 2), _on(6, Retain(2), Delete(2)), "", TextAnchor(2, 2)),
        (TextAnchor(2, 2), _on(6, Delete(2)), "", TextAnchor(0, 0)),
        (TextAnchor(2, 5), _on(9, Retain(1), Format(5, Attributes(bold=True))), "", TextAnchor(2, 5)),
    ],
)
def test_the_rules_of_anchors(anchor: TextAnchor, operation: Operation, quote: str, after: TextAnchor) -> None:
    assert moved(anchor, operation, to_units(quote)) == after


def test_an_anchor_beyond_the_text_is_refused() -> None:
    with pytest.raises(DoesNotFit):
        moved(TextAnchor(3, 9), Operation.of(Retain(5), Insert(to_units("x"))))

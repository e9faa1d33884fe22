"""Attributes of formatting: `heading` and `list` exclude each other, whoever writes; highlight and alternatives."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from dossier_realtime.client.state.editing.arguments import attributes_of
from dossier_realtime.ot.attributes import PLAIN, applied, between, exclusive, then
from dossier_realtime.ot.document import Document, apply, invert
from dossier_realtime.ot.flat import formatting_bytes, read
from dossier_realtime.ot.operations import Format, Operation
from dossier_realtime.ot.transform import transform
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.commands import Attributes, EditPayload, FlatOperation
from dossier_realtime.protocol.events import RemoteOperationPayload
from dossier_realtime.protocol.responses import FormatRun

_changes = st.builds(
    Attributes,
    bold=st.sampled_from([UNSET, True, None]),
    heading=st.sampled_from([UNSET, None, 1, 2]),
    list=st.sampled_from([UNSET, None, "bullet", "ordered"]),
)


def _has_both(attributes: Attributes) -> bool:
    return bool(attributes.heading) and bool(attributes.list)


@given(st.lists(_changes, max_size=6))
def test_no_row_of_edits_makes_text_that_is_both_a_heading_and_a_list(changes: list[Attributes]) -> None:
    document = Document.of("abc")
    for change in changes:
        operation = read(EditPayload("format", 0, 0, None, 3, exclusive(change)), 3) if change != PLAIN else None
        if operation is None:
            continue
        back = invert(operation, document)
        assert apply(back, apply(operation, document)) == document
        document = apply(operation, document)
        assert not any(_has_both(run.attributes) for run in document.runs)


@given(_changes, _changes, _changes)
def test_concurrent_edits_agree_and_never_make_both(has: Attributes, first: Attributes, second: Attributes) -> None:
    start = applied(exclusive(has), PLAIN)
    document = Document.of("abc", [FormatRun(0, 3, start)]) if start != PLAIN else Document.of("abc")
    one, other = (Operation.of(Format(3, exclusive(change))) for change in (first, second))
    one_after, other_after = transform(one, other)
    there = apply(other_after, apply(one, document))
    assert there == apply(one_after, apply(other, document))
    assert not any(_has_both(run.attributes) for run in there.runs)


@given(_changes, _changes)
def test_what_follows_from_edits_is_in_the_form_of_edits(first: Attributes, second: Attributes) -> None:
    one, other = exclusive(first), exclusive(second)
    assert exclusive(one) == one
    assert exclusive(then(one, other)) == then(one, other)
    before, after = applied(one, PLAIN), applied(other, PLAIN)
    change = between(before, after)
    assert exclusive(change) == change
    assert applied(change, before) == after


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (Attributes(heading=2), Attributes(heading=2, list=None)),
        (Attributes(list="bullet"), Attributes(list="bullet", heading=None)),
        (Attributes(heading=2, list="bullet"), Attributes(heading=2, list=None)),
        (Attributes(heading=None, list="bullet"), Attributes(heading=None, list="bullet")),
        (Attributes(heading=None), Attributes(heading=None)),
        (Attributes(list=None, bold=True), Attributes(list=None, bold=True)),
        (Attributes(highlight="yellow"), Attributes(highlight="yellow")),
    ],
)
def test_an_edit_says_all_that_it_does_and_what_is_committed_stays(said: Attributes, meant: Attributes) -> None:
    edit = EditPayload("format", 1, 0, None, 2, said)
    assert read(edit, 4).components[1] == Format(2, meant)
    batch = EditPayload("batch", version=0, operations=(FlatOperation("format", 1, None, 2, said),))
    assert read(batch, 4).components[1] == Format(2, meant)
    assert attributes_of(msgspec.to_builtins(said)) == meant
    committed = RemoteOperationPayload(
        user_id="u", user_name="U", operation_type="format", position=1, version=1, length=2, attributes=said
    )
    assert read(committed, 4).components[1] == Format(2, said)
    insert = EditPayload("insert", 0, 0, "x", None, said)
    assert read(insert, 0).components[0].attributes == applied(meant, PLAIN)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("attributes", "is_good"),
    [
        ({"highlight": "yellow", "alternative": "Option A"}, True),
        ({"alternative": "البديل الأول"}, True),
        ({"highlight": None, "alternative": None}, True),
        ({"highlight": "red"}, False),
        ({"highlight": True}, False),
        ({"alternative": ""}, False),
        ({"alternative": "a\nb"}, False),
        ({"alternative": "a\0"}, False),
        ({"alternative": "x" * 65}, False),
        ({"alternative": 1}, False),
    ],
)
def test_highlight_and_alternative_are_checked(attributes: dict[str, object], is_good: bool) -> None:
    body = msgspec.json.encode(
        {"operation_type": "format", "position": 0, "version": 0, "length": 1} | {"attributes": attributes}
    )
    if is_good:
        codec.decode_body(body, EditPayload)
    else:
        with pytest.raises(codec.InvalidMessage):
            codec.decode_body(body, EditPayload)


def test_the_bound_of_formatting_counts_the_longest_attributes() -> None:
    has = Attributes(
        bold=False,
        italic=False,
        underline=False,
        strike=False,
        heading=3,
        list="ordered",
        link="https://a.example",
        highlight="yellow",
        alternative="“" * 64,
    )
    document = Document.of("ab", [FormatRun(0, 1, has)])
    assert len(msgspec.json.encode(document.format)) <= formatting_bytes(document)

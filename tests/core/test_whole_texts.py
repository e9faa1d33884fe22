"""A whole new text as an operation, and its merge with what others wrote meanwhile."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.domain import whole_texts
from app.core.domain.documents import EditError
from app.core.domain.whole_texts import MAX_PARTS
from dossier_realtime.ot.difference import hunks
from dossier_realtime.ot.document import Document, apply
from dossier_realtime.ot.flat import parts
from dossier_realtime.ot.operations import Insert, Operation, Retain
from dossier_realtime.ot.units import to_units
from dossier_realtime.protocol.commands import Attributes
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.responses import FormatRun
from tests.ot.random_operations import operation_of
from tests.ot.strategies import documents

BOLD = Attributes(bold=True)


def _operation(before: Document, wanted: Document, *, formats: bool = False) -> Operation:
    return whole_texts.change(before, wanted, hunks(before.text, wanted.text), formats=formats)


def _merged(operation: Operation, later: Sequence[Operation]) -> Operation:
    deciding: Generator[None, None, Operation] = whole_texts.merged(operation, later)
    while True:
        try:
            next(deciding)
        except StopIteration as decided:
            found: Operation = decided.value
            return found


def _saved(operation: Operation, document: Document) -> Document:
    for part in whole_texts.versions(operation, document):
        document = apply(part, document)
    return document


@given(documents, documents)
def test_text_and_formatting_become_those_that_are_wanted(before: Document, wanted: Document) -> None:
    assert _saved(_operation(before, wanted, formats=True), before) == wanted


@given(documents, documents, st.lists(st.binary(max_size=8), max_size=7))
def test_a_merge_fits_the_text_of_now_whatever_was_committed(
    before: Document, wanted: Document, edits: list[bytes]
) -> None:
    now, later = before, []
    for drawn in edits:
        steps = [
            ("rid"[kind % 3], 1 + kind // 4 % 3, which % 56)
            for kind, which in zip(drawn[::2], drawn[1::2], strict=False)
        ]
        operation = operation_of(steps, now)
        later.append(operation)
        now = apply(operation, now)
    merged = _merged(_operation(before, wanted), later)
    assert apply(merged, now) == _saved(merged, now)
    if now == before and not any(operation.changes for operation in later):
        assert apply(merged, now).text == wanted.text


def test_what_others_wrote_since_the_base_stays_in_its_place_in_one_piece() -> None:
    lines = [f"Clause {number % 5}: as agreed\n" if number % 3 else "المادة: كِتَابٌ\n" for number in range(300)]
    before = Document.of("".join(lines))
    starts = [sum(map(len, lines[:number])) for number in range(300)]
    now, later = before, list[Operation]()
    for letter, number in enumerate(range(290, 0, -10)):  # from below, so that the places above stay
        for at, character in enumerate(f"<{letter}>"):
            place = starts[number] + len("Clause" if number % 3 else "المادة") + at
            later.append(Operation.of(Retain(place), Insert(to_units(character)), Retain(now.length - place)))
            now = apply(later[-1], now)
    changed = ["The first clause\n", *lines[1:-1], lines[-1].replace("a", "b")]
    changed[150] = "An article that is new\n" + changed[150]
    result = apply(_merged(_operation(before, Document.of("".join(changed))), later), now)
    for letter, number in enumerate(range(290, 0, -10)):
        word = "Clause" if number % 3 else "المادة"
        changed[number] = changed[number].replace(word, f"{word}<{letter}>")
    assert result.content == "".join(changed)


def test_formatting_that_is_not_named_stays_and_that_which_is_counts() -> None:
    before = Document.of("hello world", [FormatRun(6, 5, BOLD)])
    assert _saved(_operation(before, Document.of("hello brave world")), before).format == [FormatRun(12, 5, BOLD)]
    wanted = Document.of("hello brave world", [FormatRun(0, 5, BOLD)])
    assert _saved(_operation(before, wanted, formats=True), before).format == [FormatRun(0, 5, BOLD)]


@pytest.mark.parametrize(
    ("content", "runs", "path"),
    [
        ("nul\0", None, "$.content"),
        ("x" * (2**20 + 1), None, "$.content"),
        ("abc", [FormatRun(0, 4, BOLD)], "$.format"),
        ("abc", [FormatRun(1, 2, BOLD), FormatRun(2, 1, BOLD)], "$.format"),
        ("a😀", [FormatRun(0, 2, BOLD)], "$.format"),
    ],
)
def test_a_text_that_no_document_can_have_is_refused_by_its_path(
    content: str, runs: list[FormatRun] | None, path: str
) -> None:
    with pytest.raises(EditError) as refused:
        whole_texts.document_of(content, runs)
    assert (refused.value.code, refused.value.path) == (ErrorCode.INVALID_MESSAGE_FORMAT, path)


def test_a_merge_may_not_outgrow_a_document() -> None:
    before = Document.of("x" * (2**20 - 1))
    operation = _operation(before, Document.of(before.content + "y"))
    more = Operation.of(Insert(to_units("z")), Retain(before.length))
    with pytest.raises(EditError) as refused:
        whole_texts.versions(_merged(operation, [more]), apply(more, before))
    assert refused.value.path == "$.content"


def test_the_number_of_versions_is_bounded() -> None:
    before, wanted = (Document.of("".join(f"{word} {n}\n" for n in range(6_000))) for word in ("a", "b"))
    assert len(list(parts(_operation(before, wanted)))) <= MAX_PARTS
    assert len(whole_texts.versions(_operation(before, wanted), before)) <= 1 + MAX_PARTS // 500
    assert _saved(_operation(before, wanted), before) == wanted
    runs = [FormatRun(at, 1, BOLD) for at in range(0, 16_000, 2)]
    with pytest.raises(EditError) as refused:
        _operation(before, Document.of(before.content, runs), formats=True)
    assert refused.value.path == "$.format"

"""What becomes of an edit, of a whole new text, and of a cursor; and that a long log can be pieced together."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.domain import documents as core
from app.core.domain import whole_texts
from app.core.domain.documents import EditError, VersionedDocument
from dossier_realtime.ot.collab import Log
from dossier_realtime.ot.difference import hunks
from dossier_realtime.ot.document import Document
from dossier_realtime.ot.flat import write_remote
from dossier_realtime.ot.operations import Insert, Operation, Retain
from dossier_realtime.ot.units import to_units
from dossier_realtime.protocol.commands import Attributes, CursorPayload, EditPayload, FlatOperation
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.fields import MAX_INSERT

TEXTS = st.text(st.sampled_from("ab \nم😀"), max_size=12)


def replacement(document: Document, content: str) -> list[Operation]:
    wanted = whole_texts.document_of(content, None)
    change = whole_texts.change(document, wanted, hunks(document.text, wanted.text), formats=False)
    return whole_texts.versions(change, document)


def finished(deciding: Generator[None, None, list[Operation]]) -> tuple[list[Operation], int]:
    """The decisions, and how often others had their turn."""
    turns = 0
    while True:
        try:
            next(deciding)
            turns += 1
        except StopIteration as done:
            return done.value, turns


def edited(versioned: VersionedDocument, payload: EditPayload) -> list[Operation]:
    parts, _ = finished(core.decide(versioned, payload, versioned.log))
    for part in parts:
        versioned.advance(part)
    return parts


def written(text: str) -> VersionedDocument:
    versioned = VersionedDocument()
    if text:
        edited(versioned, EditPayload("insert", 0, 0, text))
    return versioned


def test_an_edit_from_far_behind_gives_others_their_turn_and_ends_where_it_belongs() -> None:
    versioned = written("end")
    for n in range(900):
        edited(versioned, EditPayload("insert", 0, n + 1, "x"))
    parts, turns = finished(core.decide(versioned, EditPayload("insert", 3, 1, "!"), versioned.log))
    assert turns == 900 // core.STRIDE
    versioned.advance(parts[0])
    assert versioned.document.content == "x" * 900 + "end!"


def test_an_edit_cut_into_too_many_pieces_is_a_conflict_and_not_half_a_minute_of_work() -> None:
    versioned = written("x" * 2_000)
    for n in range(core.MAX_COMPONENTS):
        edited(versioned, EditPayload("insert", 2 * n + 1, n + 1, "y"))
    with pytest.raises(EditError) as refused:
        finished(core.decide(versioned, EditPayload("delete", 0, 1, None, 2_000), versioned.log))
    assert (refused.value.code, refused.value.version) == (ErrorCode.VERSION_CONFLICT, core.MAX_COMPONENTS + 1)


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (EditPayload("insert", 0, 9, "x"), ErrorCode.VERSION_CONFLICT),
        (EditPayload("insert", 9, 1, "x"), ErrorCode.VERSION_CONFLICT),
        (EditPayload("delete", 0, 1, None, 9), ErrorCode.VERSION_CONFLICT),
        (EditPayload("insert", 2, 1, "x"), ErrorCode.INVALID_MESSAGE_FORMAT),
        (EditPayload("format", 0, 1, None, 1), ErrorCode.INVALID_MESSAGE_FORMAT),
    ],
)
def test_what_does_not_fit_is_refused_with_the_version_where_that_helps(payload: EditPayload, code: ErrorCode) -> None:
    versioned = written("a😀b")
    with pytest.raises(EditError) as refused:
        finished(core.decide(versioned, payload, versioned.log))
    assert refused.value.code is code
    assert refused.value.version == (1 if code is ErrorCode.VERSION_CONFLICT else None)


@given(st.lists(TEXTS, min_size=1, max_size=20), st.integers(0, 20))
def test_a_log_is_pieced_together_from_what_the_store_kept(texts: list[str], cut: int) -> None:
    versioned = VersionedDocument()
    for text in texts:
        for part in replacement(versioned.document, text):
            versioned.advance(part)
    whole = versioned.log
    kept = [write_remote(part, n, "ali", "Ali") for n, part in enumerate(whole.operations, 1)]
    cut = min(cut, len(kept))
    short = VersionedDocument(versioned.document, Log(cut, whole.operations[cut:]))
    again = core.extended(short.log, core.length_at_start(short), kept[:cut])
    assert (again.start, again.operations) == (0, whole.operations)


@given(TEXTS, TEXTS)
def test_a_whole_new_text_becomes_that_text(before: str, after: str) -> None:
    versioned = written(before)
    for part in replacement(versioned.document, after):
        versioned.advance(part)
    assert versioned.document.content == after


def test_what_stays_of_a_text_keeps_its_formatting() -> None:
    versioned = written("hello world")
    edited(versioned, EditPayload("format", 6, 1, None, 5, Attributes(bold=True)))
    for part in replacement(versioned.document, "hello brave world"):
        versioned.advance(part)
    (run,) = versioned.document.format
    assert (run.position, run.length, run.attributes.bold) == (12, 5, True)


def test_a_long_new_text_comes_in_pieces_that_an_insert_may_hold() -> None:
    parts = replacement(VersionedDocument().document, "😀" * MAX_INSERT)
    assert len(parts) == 2
    with pytest.raises(EditError):
        replacement(VersionedDocument().document, "x" * (2**20 + 1))


@given(st.lists(TEXTS, min_size=1, max_size=8))
def test_a_snapshot_is_the_document(texts: list[str]) -> None:
    versioned = VersionedDocument()
    for text in texts:
        for part in replacement(versioned.document, text):
            versioned.advance(part)
    again = core.unpack(core.pack(versioned))
    assert (again.version, again.document) == (versioned.version, versioned.document)


@pytest.mark.parametrize(
    ("position", "selection", "version", "placed"),
    [(0, 0, None, (0, 0)), (5, 0, None, (5, 0)), (1, 2, 1, (2, 2)), (0, 0, 1, (0, 0))],
)
def test_a_cursor_is_put_on_the_text_of_now(
    position: int, selection: int, version: int | None, placed: tuple[int, int]
) -> None:
    versioned = written("a😀b")
    edited(versioned, EditPayload("insert", 0, 1, ">"))
    assert core.placed_cursor(versioned, CursorPayload(position, selection, version), "ali") == placed


def test_a_cursor_goes_behind_what_its_owner_wrote_at_it_and_stays_before_the_words_of_others() -> None:
    versioned = written("ab")
    versioned.advance(Operation.of(Retain(1), Insert(to_units("x")), Retain(1)), "sara")
    versioned.advance(Operation.of(Retain(1), Insert(to_units("yz")), Retain(2)), "ali")
    at = CursorPayload(1, 0, versioned.version - 2)
    assert [core.placed_cursor(versioned, at, owner) for owner in ("ali", "sara", "omar")] == [(3, 0), (4, 0), (1, 0)]
    unknown = VersionedDocument(versioned.document, versioned.log)  # the authors of older versions are not known
    assert core.placed_cursor(unknown, at, "ali") == (1, 0)


@pytest.mark.parametrize("cursor", [CursorPayload(6), CursorPayload(1, 9), CursorPayload(3), CursorPayload(2, 1)])
def test_a_cursor_beyond_the_text_or_inside_a_character_is_refused(cursor: CursorPayload) -> None:
    versioned = written("a😀b")
    edited(versioned, EditPayload("insert", 0, 1, ">"))
    with pytest.raises(EditError):
        core.placed_cursor(versioned, cursor, "ali")


def test_batches_past_batches_are_bounded_in_work_and_a_log_of_them_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "MAX_STEPS", 2_000)
    monkeypatch.setattr(core, "MAX_LOG_COMPONENTS", 3_000)
    versioned = written("ab" * 100)
    operations = tuple(FlatOperation("insert", 3 * number, "x") for number in range(50))
    far = EditPayload("batch", version=1, operations=operations)
    for number in range(20):
        assert len(edited(versioned, EditPayload("batch", version=number + 1, operations=operations))) == 1
    with pytest.raises(EditError) as refused:
        finished(core.decide(versioned, far, versioned.log))
    assert refused.value.code is ErrorCode.VERSION_CONFLICT
    for number in range(20, 60):
        edited(versioned, EditPayload("batch", version=number + 1, operations=operations))
    assert sum(len(each.components) for each in versioned.log.operations) == versioned.weight <= 3_000
    assert (versioned.version, versioned.document.length) == (61, 200 + 60 * 50)

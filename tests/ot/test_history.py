"""Undo and redo of one's own edits among those of others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dossier_realtime.ot.document import Document, apply
from dossier_realtime.ot.operations import Delete, Format, Insert, Operation, Retain
from dossier_realtime.ot.undo.history import MAX_STEPS, History, NextStep
from dossier_realtime.ot.units import to_units
from dossier_realtime.protocol.commands import Attributes
from dossier_realtime.protocol.responses import FormatRun
from tests.ot.strategies import consecutive


class Author:
    """A text, and the steps of one of those who edit it."""

    def __init__(self, text: str) -> None:
        self.document = Document.of(text)
        self.history = History()

    def edits(self, operation: Operation, *, join: bool = False) -> None:
        self.history.edited(operation, self.document, join=join)
        self.document = apply(operation, self.document)

    def receives(self, operation: Operation) -> None:
        self.history.changed(operation)
        self.document = apply(operation, self.document)

    def undoes(self) -> bool:
        return self._makes(self.history.undo(self.document))

    def redoes(self) -> bool:
        return self._makes(self.history.redo(self.document))

    def _makes(self, step: NextStep | None) -> bool:
        if step is not None:
            self.document = apply(step.operation, self.document)
            step.done()
        return step is not None


def _insert(at: int, text: str, length: int) -> Operation:
    return Operation.of(Retain(at), Insert(to_units(text)), Retain(length - at))


@given(consecutive)
def test_alone_undo_leads_back_to_every_text_and_redo_forth(row: tuple[Document, list[Operation]]) -> None:
    author = Author("")
    author.document, operations = row
    passed = [author.document]
    for operation in operations:
        author.edits(operation)
        if author.document != passed[-1]:
            passed.append(author.document)
    undone = []
    while author.history.can_undo:
        undone.append(author.document)
        if not author.undoes():
            break
    assert author.document == passed[0]
    while author.redoes():
        pass
    assert author.document == passed[-1]
    assert all(text in undone for text in passed[1:])


@given(consecutive, st.integers(0, 1))
def test_with_others_between_undo_and_redo_lead_back_to_the_same_text(
    row: tuple[Document, list[Operation]], mine: int
) -> None:
    author = Author("")
    author.document, operations = row
    for number, operation in enumerate(operations):
        if number % 2 == mine:
            author.edits(operation)
        else:
            author.receives(operation)
    before = author.document
    steps = 0
    while author.undoes():
        steps += 1
    for _ in range(steps):
        assert author.redoes()
    assert author.document == before


def test_what_others_inserted_stays_where_one_s_own_is_taken_back() -> None:
    author = Author("ad")
    author.edits(_insert(1, "bc", 2))
    author.receives(_insert(2, "X", 4))
    assert author.undoes()
    assert author.document == Document.of("aXd")
    assert author.redoes()
    assert author.document.content.replace("X", "") == "abcd"


def test_undo_never_takes_back_a_format_that_somebody_else_made_since() -> None:
    author = Author("ab")
    author.edits(Operation.of(Format(2, Attributes(heading=1, bold=True))))
    author.receives(Operation.of(Format(2, Attributes(heading=2))))
    assert author.undoes()
    assert author.document == Document.of("ab", [FormatRun(0, 2, Attributes(heading=2))])


def test_a_step_that_others_have_done_already_is_passed_over() -> None:
    author = Author("ab")
    author.edits(_insert(2, "first", 2))
    author.edits(_insert(7, "second", 7))
    author.receives(Operation.of(Retain(7), Delete(6)))
    assert author.undoes()
    assert author.document == Document.of("ab")
    assert not author.undoes()


def test_joined_edits_go_back_together_and_a_new_edit_ends_redo() -> None:
    author = Author("")
    author.edits(_insert(0, "a", 0))
    author.edits(_insert(1, "b", 1), join=True)
    assert author.undoes()
    assert author.document == Document.of("")
    assert author.history.can_redo
    author.edits(_insert(0, "c", 0))
    assert not author.history.can_redo


def test_only_so_many_steps_are_kept() -> None:
    author = Author("")
    for n in range(MAX_STEPS + 1):
        author.edits(_insert(n, "x", n))
    while author.undoes():
        pass
    assert author.document == Document.of("x")


def test_what_the_service_made_for_the_author_is_undone_without_what_is_typed_after_it() -> None:
    author = Author("level of tax")
    author.edits(_insert(0, "t", 12))
    accepted = Operation.of(Retain(10), Insert(to_units("levy")), Delete(3))
    author.history.changed(accepted, own=author.document, name="accept-1")
    author.document = apply(accepted, author.document)
    author.edits(_insert(1, "h", 14), join=True)
    author.edits(_insert(2, "e", 15), join=True)
    assert author.undoes()
    assert author.document.text == "tlevel of levy"
    assert author.undoes()
    assert author.document.text == "tlevel of tax"


def test_what_the_service_made_in_two_parts_is_undone_at_once() -> None:
    author = Author("old words stay")
    parts = {
        "accept-1": [Operation.of(Delete(2), Retain(12)), Operation.of(Delete(2), Retain(10))],
        "accept-2": [Operation.of(Delete(1), Retain(9))],
    }
    for name, changes in parts.items():
        for change in changes:
            author.history.changed(change, own=author.document, name=name)
            author.document = apply(change, author.document)
    assert author.document.text == "ords stay"
    assert author.undoes()
    assert author.document.text == "words stay"
    assert author.undoes()
    assert author.document.text == "old words stay"

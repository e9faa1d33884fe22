"""Another's word in text that is deleted meanwhile is where it was once all is undone, and so is the formatting."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dossier_realtime.ot.document import Document, apply
from dossier_realtime.ot.operations import Component, Delete, Format, Insert, Operation, Retain
from dossier_realtime.ot.undo import history
from dossier_realtime.ot.units import to_units
from dossier_realtime.protocol.commands import Attributes
from dossier_realtime.protocol.responses import FormatRun
from tests.ot.undoing_author import UndoingAuthor

TEXT = Document.of("abcd\nفغz", [FormatRun(2, 3, Attributes(bold=True)), FormatRun(5, 2, Attributes(italic=True))])
WORD = "XYZ"
Step = tuple[str, float, float, bool]


def _steps_of(*kinds: str) -> st.SearchStrategy[list[Step]]:
    step = st.tuples(st.sampled_from(kinds), st.floats(0, 1), st.floats(0, 1), st.booleans())
    return st.lists(step, min_size=1, max_size=7)


_sends = st.lists(st.booleans(), min_size=1, max_size=7)


def _operation(kind: str, start: float, share: float, length: int) -> Operation | None:
    at = round(start * length)
    count = round(share * (length - at))
    if kind != "insert" and not count:
        return None
    made: dict[str, Component] = {
        "delete": Delete(count or 1),
        "format": Format(count or 1, Attributes(bold=None, underline=True)),
        "insert": Insert(to_units("own")),
    }
    rest = length - at - (0 if kind == "insert" else count)
    return Operation.of(Retain(at), made[kind], Retain(rest))


def _undone(steps: list[Step], place: float, committed: float, sends: list[bool]) -> tuple[Document, Document]:
    """Return the text after all was undone, and the one that it should be."""
    author = UndoingAuthor(TEXT)
    for number, (kind, start, share, joined) in enumerate(steps):
        operation = _operation(kind, start, share, author.document.length)
        if operation is not None:
            author.edit(operation, joined=joined and number > 0, sent=sends[number % len(sends)])
    at = round(place * TEXT.length)
    word = Operation.of(Retain(at), Insert(to_units(WORD)), Retain(TEXT.length - at))
    author.receive(word, at, round(committed * len(author.versions)))
    after = author.document
    assert after.content.count(WORD) == 1
    author.undo_all()
    undone = author.document
    author.redo_all()
    assert author.document.content.replace(WORD, "") == after.content.replace(WORD, "")
    return undone, apply(word, TEXT)


@given(_steps_of("delete", "delete", "format"), st.floats(0, 1), st.floats(0, 1), _sends)
@example([("delete", 0.5, 1.0, False)], 1.0, 0.0, [True])  # directly behind the deleted text
@example([("delete", 0.875, 1.0, False), ("delete", 0.857, 1.0, False)], 0.875, 1.0, [True])  # letter by letter
@example([("delete", 0.875, 1.0, False), ("delete", 0.857, 1.0, False)], 0.875, 0.5, [True])
@example([("delete", 0.0, 1.0, False)], 0.375, 1.0, [True])  # of mixed formatting
def test_a_word_is_where_it_was_when_all_is_undone(
    steps: list[Step], place: float, committed: float, sends: list[bool]
) -> None:
    undone, expected = _undone(steps, place, committed, sends)
    assert undone.content == expected.content
    assert undone == expected


@given(_steps_of("delete", "delete", "format", "insert"), st.floats(0, 1), st.floats(0, 1), _sends)
@example([("delete", 0.0, 1.0, False), ("insert", 0.0, 0.0, False)], 1.0, 0.0, [False])  # the text is replaced
def test_with_words_of_ones_own_between_all_that_was_deleted_is_back_around_a_whole_word(
    steps: list[Step], place: float, committed: float, sends: list[bool]
) -> None:
    undone, _ = _undone(steps, place, committed, sends)
    assert undone.content.count(WORD) == 1
    assert undone.content.replace(WORD, "") == TEXT.content


@pytest.mark.parametrize("committed", [0.0, 0.5, 1.0])
def test_a_fault_put_in_on_purpose_is_found(committed: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "_place", lambda *_: False)
    backspaces = [("delete", (7 - n) / (8 - n), 1.0, False) for n in range(4)]
    undone, expected = _undone(backspaces, 6 / 8, committed, [True])
    assert undone != expected

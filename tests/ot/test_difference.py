"""The operation between two documents whose history is gone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dossier_realtime.ot.difference import difference, from_hunks, hunks, middle
from dossier_realtime.ot.document import Document, apply
from dossier_realtime.ot.operations import Delete, Format, Insert, Operation, Retain
from dossier_realtime.ot.units import to_units
from dossier_realtime.protocol.commands import Attributes
from dossier_realtime.protocol.responses import FormatRun
from tests.ot.strategies import documents

BOLD = Attributes(bold=True)


@given(documents, documents)
def test_it_leads_from_one_to_the_other(old: Document, new: Document) -> None:
    assert apply(difference(old, new), old) == new


@given(st.lists(st.sampled_from(["one ", "two ", "😀", "𝄞", "\n", "م"]), max_size=12), st.data())
def test_texts_of_the_same_words_are_met_too(words: list[str], data: st.DataObject) -> None:
    old, new = Document.of("".join(words)), Document.of("".join(data.draw(st.permutations(words))))
    assert apply(difference(old, new), old) == new


def test_equal_documents_differ_by_nothing() -> None:
    document = Document.of("a😀", [FormatRun(1, 2, BOLD)])
    assert difference(document, document) == Operation.nothing(3)


def test_only_the_words_that_differ_are_replaced() -> None:
    old = Document.of("The first line\nkept\nThe last line\n")
    new = Document.of("The very first line\nkept\nThe last long line\n")
    assert difference(old, new) == Operation.of(
        Retain(4), Insert(to_units("very ")), Retain(24), Insert(to_units(" long")), Retain(6)
    )


def test_of_two_characters_with_a_surrogate_in_common_the_whole_one_is_replaced() -> None:
    assert difference(Document.of("😀"), Document.of("😁")) == Operation.of(Insert(to_units("😁")), Delete(2))
    assert difference(Document.of("😀"), Document.of("🨀")) == Operation.of(Insert(to_units("🨀")), Delete(2))


def test_formatting_that_differs_is_changed_without_touching_the_text() -> None:
    old, new = Document.of("abc", [FormatRun(0, 1, BOLD)]), Document.of("abc", [FormatRun(0, 3, Attributes(heading=1))])
    assert difference(old, new) == Operation.of(
        Format(1, Attributes(bold=None, heading=1)), Format(2, Attributes(heading=1))
    )


def test_a_long_text_of_other_words_is_replaced_whole() -> None:
    old, new = (Document.of("".join(f"{word}{n}\n" for n in range(3_000))) for word in ("a", "b"))
    assert apply(difference(old, new), old) == new


@given(documents, documents)
def test_hunks_stand_for_the_operation_without_its_text(old: Document, new: Document) -> None:
    before, after = Document(old.text), Document(new.text)
    assert from_hunks(hunks(old.text, new.text), new.text) == difference(before, after)
    replaced = from_hunks(middle(old.text, new.text), new.text)
    assert apply(replaced, before) == after
    assert len([one for one in replaced.components if not isinstance(one, Retain)]) <= 2

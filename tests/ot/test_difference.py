"""The operation between two documents whose history is gone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier_realtime.ot.difference import coarsened, difference, from_hunks, hunks, middle
from dossier_realtime.ot.document import Document, apply
from dossier_realtime.ot.matching import Effort
from dossier_realtime.ot.operations import Delete, Format, Insert, Operation, Retain
from dossier_realtime.ot.tokens import cut
from dossier_realtime.ot.units import Units, from_units, to_units
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
        Retain(4), Insert(to_units("very ")), Retain(25), Insert(to_units("long ")), Retain(5)
    )


def test_of_two_characters_with_a_surrogate_in_common_the_whole_one_is_replaced() -> None:
    assert difference(Document.of("😀"), Document.of("😁")) == Operation.of(Insert(to_units("😁")), Delete(2))
    assert difference(Document.of("😀"), Document.of("🨀")) == Operation.of(Insert(to_units("🨀")), Delete(2))


def test_formatting_that_differs_is_changed_without_touching_the_text() -> None:
    old, new = Document.of("abc", [FormatRun(0, 1, BOLD)]), Document.of("abc", [FormatRun(0, 3, Attributes(heading=1))])
    assert difference(old, new) == Operation.of(
        Format(1, Attributes(bold=None, heading=1, list=None)), Format(2, Attributes(heading=1, list=None))
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


def _changes(old: str, new: str) -> list[tuple[str, str]]:
    """Return (the text deleted, the text inserted) of each change."""
    before, after = to_units(old), to_units(new)
    found, i, j = [], 0, 0
    for kept, inserted, deleted in hunks(before, after):
        i, j = i + kept, j + kept
        if inserted or deleted:
            found.append((from_units(Units(before[i : i + deleted])), from_units(Units(after[j : j + inserted]))))
        i, j = i + deleted, j + inserted
    return found


def test_of_a_long_text_whose_first_and_last_line_changed_only_these_are_changed() -> None:
    lines = [f"Line {number % 7} of the article\n" for number in range(2_100)]
    new = ["The first line of the article\n", *lines[1:-1], lines[-1].replace("article", "articles")]
    assert _changes("".join(lines), "".join(new)) == [("Line 0", "The first line"), ("", "s")]


@pytest.mark.parametrize("lines", [["☐ agreed\n"], ["Name: ____\n", "☐ agreed\n", "\n"]], ids=["same", "period"])
def test_two_boxes_of_a_form_with_repeated_lines_are_two_small_changes(lines: list[str]) -> None:
    form = (lines * 390)[:390]
    boxes = [number for number, line in enumerate(form) if line.startswith("☐")]
    ticked = list(form)
    for number in (boxes[9], boxes[-9]):
        ticked[number] = "☑ agreed\n"
    assert _changes("".join(form), "".join(ticked)) == [("☐", "☑")] * 2


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ("the colour of", "the color of", [("u", "")]),
        ("كِتَابٌ جديد", "كِتابٌ جديد", [("تَ", "ت")]),
        ("سلام عليكم", "سلام عليكما", [("", "ا")]),
        ("a 👩‍👩‍👧 b", "a 👩‍👩‍👦 b", [("👩‍👩‍👧", "👩‍👩‍👦")]),
        ("👍🏽", "👍🏿", [("👍🏽", "👍🏿")]),
        ("quick brown fox", "slow red fox", [("quick brown", "slow red")]),
        ("one\ntwo\nthree\n", "one!\ntwo\nthree!\n", [("", "!"), ("", "!")]),
        ("", "new", [("", "new")]),
        ("gone", "", [("gone", "")]),
    ],
)
def test_words_and_whole_characters_are_changed(old: str, new: str, changes: list[tuple[str, str]]) -> None:
    assert _changes(old, new) == changes


_line = st.lists(st.sampled_from(["one", "كِتَاب", "😀", "x", "👩‍👩‍👧"]), min_size=1, max_size=4).map(" ".join)


@given(st.lists(_line, min_size=1, max_size=30), st.data())
def test_lines_that_stay_are_never_touched(words: list[str], data: st.DataObject) -> None:
    """Each line has a number of its own; some are rewritten, deleted or inserted."""
    old = [f"{number} {line}\n" for number, line in enumerate(words)]
    new, stays = list[str](), set[int]()
    for number, line in enumerate(old):
        action = data.draw(st.sampled_from(["keep", "keep", "keep", "rewrite", "delete", "insert"]))
        if action == "insert":
            new.append(f"new {len(new)} {data.draw(_line)}\n")
        if action in ("keep", "insert"):
            stays.add(number)
            new.append(line)
        elif action == "rewrite":
            new.append(f"{number} {data.draw(_line)} again\n")
    before, after = to_units("".join(old)), to_units("".join(new))
    touched, at = set[int](), 0
    starts = [sum(len(to_units(line)) for line in old[:number]) for number in range(len(old) + 1)]
    for kept, _, deleted in hunks(before, after):
        at += kept
        touched |= {number for number in range(len(old)) if at < starts[number + 1] and starts[number] < at + deleted}
        at += deleted
    assert not touched & stays


_mixed = st.text(st.sampled_from("ab \nم\u064e\u0651😀👩\u200d\U0001f3fd\U0001f1f8."), max_size=40)


@given(_mixed, _mixed, st.integers(0, 400))
def test_no_edge_is_inside_a_character(old: str, new: str, steps: int) -> None:
    before, after = to_units(old), to_units(new)
    found = hunks(before, after, Effort(steps))
    edges = []
    for text in (old, new):
        at, starts = 0, {0}
        for line in cut(text, "line"):
            for character in cut(line, "character"):
                at += len(to_units(character))
                starts.add(at)
        edges.append(starts)
    i = j = 0
    for kept, inserted, deleted in found:
        i, j = i + kept, j + kept
        assert {i, i + deleted} <= edges[0]
        assert {j, j + inserted} <= edges[1]
        i, j = i + deleted, j + inserted
    assert apply(from_hunks(found, after), Document(before)) == Document(after)


@given(_mixed, _mixed, st.integers(1, 5))
def test_a_coarser_difference_leads_to_the_same_text(old: str, new: str, most: int) -> None:
    before, after = to_units(old), to_units(new)
    coarse = coarsened(hunks(before, after), most)
    assert sum(1 for _, inserted, deleted in coarse if inserted or deleted) <= most
    assert apply(from_hunks(coarse, after), Document(before)) == Document(after)


def test_the_shortest_of_what_stays_is_given_up_first() -> None:
    found = [(5, 1, 1), (2, 1, 0), (90, 0, 3), (1, 1, 1), (7, 0, 0)]
    assert coarsened(found, 2) == [(5, 4, 3), (90, 2, 5), (7, 0, 0)]


def test_formatting_of_text_that_stays_is_kept() -> None:
    old = Document.of("Title\nA long text\nof lines\n", [FormatRun(0, 5, BOLD), FormatRun(13, 4, BOLD)])
    change = from_hunks(
        hunks(old.text, to_units("The Title\nA long text\nof two lines\n")),
        to_units("The Title\nA long text\nof two lines\n"),
    )
    assert apply(change, old).format == [FormatRun(4, 5, BOLD), FormatRun(17, 4, BOLD)]

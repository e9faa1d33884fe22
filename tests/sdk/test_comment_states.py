"""The comments that an editor knows: moved with the text as the service moves them, and gone once they are removed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from dossier_realtime.client.state.editing import comment_states
from dossier_realtime.client.state.editing.comment_states import CommentStates
from dossier_realtime.ot.operations import Delete, Insert, Operation, Retain
from dossier_realtime.ot.places.anchors import TextAnchor, moved
from dossier_realtime.ot.units import Units
from dossier_realtime.protocol.documents.comments import DocumentCommentPayload

LENGTH = 40
IDENTITY = Operation((Retain(1_000_000),))


def comment(name: str, start: int, end: int, version: int = 0, **more: object) -> DocumentCommentPayload:
    made = DocumentCommentPayload(
        id=name,
        start=start,
        end=end,
        version=version,
        quote="abc",
        status="open",
        user_id="ali",
        user_name="Ali",
        timestamp=1,
        revision=1,
        text="why?",
    )
    return structs.replace(made, **more)


@st.composite
def operations(draw: st.DrawFn) -> list[Operation]:
    """Draw operations, each on the text after the one before."""
    made, length = [], LENGTH
    for _ in range(draw(st.integers(1, 8))):
        components: list[Retain | Insert | Delete] = []
        at = 0
        for _ in range(draw(st.integers(1, 3))):
            kept = draw(st.integers(0, length - at))
            components += [Retain(kept)] if kept else []
            at += kept
            if draw(st.booleans()):
                components.append(Insert(Units(draw(st.sampled_from(["x", "abc", "xabcx"])))))
            elif at < length:
                cut = draw(st.integers(1, length - at))
                components.append(Delete(cut))
                at += cut
        components += [Retain(length - at)] if at < length else []
        operation = Operation(tuple(components))
        length += sum(
            len(each.text) if isinstance(each, Insert) else -each.length if isinstance(each, Delete) else 0
            for each in components
        )
        made.append(operation)
    return made


@given(operations(), st.lists(st.tuples(st.integers(0, LENGTH), st.integers(0, 5)), min_size=1, max_size=8))
def test_places_are_those_that_each_operation_gives(made: list[Operation], places: list[tuple[int, int]]) -> None:
    states, anchors = CommentStates(), dict[str, TextAnchor]()
    for number, (start, length) in enumerate(places):
        end = min(LENGTH, start + length)
        states.tell(comment(f"c{number}", start, end))
        anchors[f"c{number}"] = TextAnchor(start, end)
    for version, operation in enumerate(made, 1):
        states.move(operation, version)
        anchors = {name: moved(anchor, operation, Units("abc")) for name, anchor in anchors.items()}
    shown = {row.id: TextAnchor(row.start, row.end, row.orphaned) for row in states.shown(IDENTITY)}
    assert shown == anchors
    assert {row.version for row in states.shown(IDENTITY)} == {len(made)}


def test_an_edit_looks_only_at_the_comments_that_it_touches(monkeypatch: pytest.MonkeyPatch) -> None:
    states = CommentStates()
    for number in range(1_000):
        states.tell(comment(f"c{number}", 10 * number, 10 * number + 3))
    asked = []

    def counted(anchor: TextAnchor, operation: Operation, quote: Units) -> TextAnchor:
        asked.append(anchor)
        return moved(anchor, operation, quote)

    monkeypatch.setattr(comment_states, "moved", counted)
    for version in range(1, 101):
        states.move(Operation((Retain(5_001), Insert(Units("x")), Retain(5_000 + version))), version)
    assert len(asked) <= 100, "one comment is at the place of each edit"


def test_a_comment_that_was_removed_while_the_client_was_away_is_shown_no_more() -> None:
    states = CommentStates()
    states.load([comment("kept", 0, 3), comment("gone", 4, 6)], states.mark)
    for version in range(1, 4):  # the edits that were missed
        states.move(Operation((Retain(LENGTH), Insert(Units("x")))), version)
    mark = states.mark
    states.tell(comment("new", 1, 2, version=3))  # told while the list is on its way
    states.load([comment("kept", 0, 3, version=3)], mark)
    assert sorted(row.id for row in states.shown(IDENTITY)) == ["kept", "new"]
    states.load([], states.mark)
    assert states.shown(IDENTITY) == []


def test_a_place_of_a_later_version_replaces_that_of_an_earlier_one_in_the_same_thread() -> None:
    states = CommentStates()
    states.load([comment("one", 0, 3)], states.mark)
    states.load([comment("one", 5, 8, version=2)], states.mark)
    states.load([comment("one", 1, 4, version=1)], states.mark)
    assert [(row.start, row.end, row.version) for row in states.shown(IDENTITY)] == [(5, 8, 2)]

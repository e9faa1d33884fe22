"""The caret that the others show ends at the letter at which its owner has it, whatever is under way meanwhile."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from dossier_realtime.client.state.changes import Cursor
from tests.sdk.caret_room import PEOPLE, CaretRoom, Writer

_who, _place = st.integers(0, len(PEOPLE) - 1), st.integers(0, 60)
_words = st.sampled_from(("a", "é", "ب", "😀", "مرحبا ", "two words"))
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("type"), _who, _words),
        st.tuples(st.just("erase"), _who, st.integers(1, 4)),
        st.tuples(st.just("paste"), _who, _place, _words),
        st.tuples(st.just("cut"), _who, _place, st.integers(1, 9)),
        st.tuples(st.just("move"), _who, _place, st.sampled_from((0, 0, 3, 9))),
        st.tuples(st.just("undo"), _who),
        st.tuples(st.just("reach"), _who),
        st.tuples(st.just("receive"), _who),
        st.tuples(st.just("relay"), _who),
        st.tuples(st.just("wait"), st.sampled_from((0.05, 0.2))),
    ),
    max_size=60,
)


def _play(room: CaretRoom, steps: list[tuple[object, ...]]) -> None:
    for kind, *given_ in steps:
        if kind == "wait":
            room.wait(*given_)  # type: ignore[arg-type]
            continue
        writer, *rest = room.writers[given_[0]], *given_[1:]  # type: ignore[call-overload]
        match kind:
            case "relay":
                room.receive(writer, relayed=True)
            case _:
                getattr(room, str(kind))(writer, *rest)


@given(_steps, st.booleans())
@example([("move", 0, 20, 0), ("type", 0, "a"), ("reach", 0), ("reach", 0), ("paste", 2, 0, "two words")], True)
@example([("move", 0, 20, 0), ("wait", 0.2), ("type", 0, "a"), ("type", 0, "two words"), ("move", 0, 25, 0)], False)
def test_a_caret_ends_where_its_owner_has_it(steps: list[tuple[object, ...]], is_apart: bool) -> None:
    room = CaretRoom(is_apart=is_apart)
    _play(room, steps)
    room.settle()
    late = Writer("late", "")
    room.join(late)
    assert late.replica.document.content == room.service.content
    for owner in room.writers:
        assert not owner.faults
        assert owner.replica.document.content == room.service.content
        own = owner.replica.cursor
        for shown in (*room.shown(owner).values(), late.replica.cursors.get(owner.cursor_id)):
            assert own == (None if shown is None else Cursor(shown.position, shown.selection_length))
    for other, cursors in ((w, w.replica.cursors) for w in room.writers):
        assert not any(cursor.user_id == other.name for cursor in cursors.values())

"""The last sign of a brief that an external program writes: by table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.briefs.signs import RecentSigns, ServedTurns, Signs, last_sign

NOW, SILENCE = 1_000.0, 60.0


@pytest.mark.parametrize(
    ("signs", "claimed", "silent"),
    [
        (Signs(0.0, known=900.0), False, True),  # nobody serves its type
        (Signs(0.0, known=990.0), False, False),  # it has just been asked for, whatever the wall clock says
        (Signs(0.0, known=100.0, served=990.0), False, False),  # it waits for its turn
        (Signs(0.0, known=100.0, served=900.0), False, True),
        (Signs(990.0), False, False),  # the service has just begun to listen
        (Signs(0.0), False, True),
        (Signs(0.0, known=100.0, served=990.0, reported=900.0), True, True),  # its own worker is silent
        (Signs(0.0, known=100.0, reported=990.0), True, False),
        (Signs(990.0, known=100.0), True, False),
        (Signs(0.0, served=990.0), True, True),
        (Signs(990.0, known=100.0, reported=900.0), True, False),  # its reports were refused until then
        (Signs(990.0, known=100.0, served=900.0), False, False),
    ],
)
def test_a_brief_is_silent_where_nobody_serves_it(signs: Signs, claimed: bool, silent: bool) -> None:
    assert (NOW - last_sign(signs, claimed=claimed) >= SILENCE) is silent


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0, 100)), max_size=60))
def test_signs_of_many_briefs_are_forgotten_only_once_they_say_nothing(steps: list[tuple[str, float]]) -> None:
    kept, whole, now = RecentSigns(SILENCE), dict[str, float](), 0.0
    for name, passed in steps:
        now += passed
        kept.take(name, now)
        whole[name] = now
        for asked, at in whole.items():
            assert (kept.last(asked) == at) or (kept.last(asked) is None and now - at > SILENCE)
        assert len(kept) == sum(now - at <= SILENCE for at in whole.values())


def test_a_year_of_users_and_briefs_leaves_a_bounded_memory() -> None:
    signs, turns = RecentSigns(SILENCE), ServedTurns(100)
    for number in range(10_000):
        signs.take(f"brief-{number}", float(number))
        turns.take(f"user-{number}")
    assert len(signs) <= SILENCE + 1
    assert len(turns) == 100
    assert (turns.last("user-9999"), turns.last("user-1")) == (10_000, 0)
    assert turns.last("user-9998") < turns.last("user-9999")

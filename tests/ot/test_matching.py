"""The longest common subsequence: as long as that of the textbook, in place among equal pieces, bounded in its work."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier_realtime.ot.matching import Block, Effort, common

pieces = st.lists(st.sampled_from("abcd"), max_size=24)


def _longest(old: Sequence[str], new: Sequence[str]) -> int:
    """Return the length by the quadratic table."""
    row = [0] * (len(new) + 1)
    for one in old:
        before = row
        row = [0]
        for at, other in enumerate(new):
            row.append(before[at] + 1 if one == other else max(row[at], before[at + 1]))
    return row[-1]


def _check(old: Sequence[str], new: Sequence[str], blocks: list[Block]) -> None:
    """Check that the blocks are equal on both sides, in order, apart, and as long as they can be."""
    i = j = -1
    for block in blocks:
        assert block.old >= i
        assert block.new >= j
        assert (block.old, block.new) != (i, j)
        assert block.length > 0
        i, j = block.old + block.length, block.new + block.length
        assert list(old[block.old : i]) == list(new[block.new : j])
    assert max(i, 0) <= len(old)
    assert max(j, 0) <= len(new)


@given(pieces, pieces)
def test_it_is_as_long_as_the_textbooks(old: list[str], new: list[str]) -> None:
    blocks = common(old, new, Effort(1_000_000))
    _check(old, new, blocks)
    assert sum(block.length for block in blocks) == _longest(old, new)


@given(pieces, pieces, st.integers(0, 600))
def test_with_too_little_effort_it_is_shorter_and_right(old: list[str], new: list[str], steps: int) -> None:
    effort = Effort(steps)
    blocks = common(old, new, effort)
    _check(old, new, blocks)
    assert effort.exceeded or sum(block.length for block in blocks) == _longest(old, new)


@pytest.mark.parametrize("period", [["☐"], ["name", "☐", ""], ["☐", "☐", "other"]])
def test_a_replaced_piece_stays_at_its_place_among_equal_ones(period: list[str]) -> None:
    old = (period * 390)[:390]
    new = list(old)
    at = [place for place, piece in enumerate(old) if piece == "☐"]
    first, last = at[7], at[-3]
    new[first] = new[last] = "☑"
    assert common(old, new, Effort(100_000)) == [
        Block(0, 0, first),
        Block(first + 1, first + 1, last - first - 1),
        Block(last + 1, last + 1, 389 - last),
    ]


def test_two_edits_in_a_long_text_of_repeated_pieces_cost_steps_in_proportion_to_its_length() -> None:
    old = ["yes", "no", ""] * 20_000
    new = ["first", *old[1:-1], "last"]
    effort = Effort(1_000_000)
    assert common(old, new, effort) == [Block(1, 1, 59_998)]
    assert effort.left > 1_000_000 - 4 * len(old)


def _texts() -> list[tuple[str, str]]:
    chance = random.Random(7)  # noqa: S311  a text
    many = 1 << 16
    two = ["".join(chance.choices("ab", k=many)) for _ in range(2)]
    return [(two[0], two[1]), ("ab" * many, "ba" * many), ("a" * many, "a" * (many - 9)), (two[0], two[0][::-1])]


@pytest.mark.parametrize("texts", _texts(), ids=["random", "shifted", "same letter", "reversed"])
def test_the_work_is_bounded_for_any_sequence(texts: tuple[str, str]) -> None:
    old, new = texts
    effort = Effort(100_000)
    _check(old, new, common(old, new, effort))
    assert effort.left > -2 * (len(old) + len(new))  # the last run of equal pieces is walked to its end


def test_beyond_the_effort_pieces_that_occur_once_still_divide_the_rest() -> None:
    chance = random.Random(3)  # noqa: S311  a text
    old = [f"{chance.randrange(4)}" if number % 50 else f"unique {number}" for number in range(20_000)]
    new = [piece if piece.startswith("u") else f"{chance.randrange(4)}" for piece in old]
    effort = Effort(20_000)
    blocks = common(old, new, effort)
    _check(old, new, blocks)
    assert effort.exceeded
    matched = {old[at] for block in blocks for at in range(block.old, block.old + block.length)}
    assert {piece for piece in old if piece.startswith("u")} <= matched

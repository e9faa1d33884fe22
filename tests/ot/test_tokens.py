"""The pieces of a text: joined they are the text, and none begins inside a character as readers see it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier_realtime.ot.tokens import Level, cut, is_mark

texts = st.text(
    st.sampled_from(
        "ab \n\r\tم\u064e\u0651\u0301ك\u0640\u200c\u200d😀👩\U0001f3fd\U0001f1f8\U0001f1e6한\u1100\u1161_.\u0600"
    )
)


@given(texts, st.sampled_from(["line", "word", "character"]))
def test_joined_they_are_the_text(text: str, level: Level) -> None:
    assert "".join(cut(text, level)) == text


@given(texts, st.sampled_from(["word", "character"]))
def test_a_mark_begins_a_piece_only_at_the_beginning_of_a_line(text: str, level: Level) -> None:
    pieces = cut(text, level)
    for before, piece in pairwise(pieces):
        assert not is_mark(piece[0]) or before[-1] in "\r\n"


@pytest.mark.parametrize(
    "character",
    [
        "é",
        "e\u0301",
        "كِ",
        "مَّ",
        "😀",
        "👍🏽",
        "👩‍👩‍👧",
        "🇸🇦",
        "🏴\U000e0067\U000e0062\U000e007f",
        "✔️",
        "5️⃣",
        "각",
        "\u1100\u1161\u11a8",
        "क्",
        "\r\n",
    ],
)
def test_a_character_is_one_piece(character: str) -> None:
    assert cut(f"a{character}b", "character") == ["a", character, "b"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("One, two.", ["One", ",", " ", "two", "."]),
        ("كِتَابٌ جَدِيدٌ", ["كِتَابٌ", " ", "جَدِيدٌ"]),
        ("می‌خواهم 3.5", ["می‌خواهم", " ", "3", ".", "5"]),
        ("a\r\n\tb", ["a", "\r\n", "\t", "b"]),
    ],
)
def test_words_are_whole_in_any_script(text: str, words: list[str]) -> None:
    assert cut(text, "word") == words

"""Text from outside: what may act on a terminal, in a log or in a sentence does not."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier_realtime.protocol.plain_text import inert, isolated, one_line, visible, without_tokens

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
anything = st.text(alphabet=st.one_of(st.characters(), st.sampled_from(f"{BIDI}\n\r\x1b\x9b\u2028\ufeff\ud800\\ ")))


def _acts(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in f"{BIDI}\ufeff"


@given(anything)
def test_what_is_made_visible_acts_nowhere_and_says_which_character_it_was(text: str) -> None:
    shown = visible(text)
    assert not any(map(_acts, shown))
    assert shown.encode().decode() == shown
    if not any(map(_acts, text)):
        assert shown == text


@given(anything)
def test_what_is_drawn_on_a_page_turns_and_breaks_nothing_around_it(text: str) -> None:
    shown = inert(text)
    rest = re.sub("\u2068[^\u2068\u2069]*\u2069", lambda isolate: isolate[0][1:-1], shown)
    assert not any(_acts(character) for character in rest if character not in "\t\n\r")
    assert inert(shown) == shown
    if not any(map(_acts, text)):
        assert shown == text


@given(anything, anything)
def test_texts_side_by_side_are_as_inert_as_each_alone(one: str, other: str) -> None:
    assert inert(inert(one) + inert(other)) == inert(one) + inert(other)


@given(anything)
def test_one_line_holds_no_break_and_no_direction_and_everything_else(text: str) -> None:
    line = one_line(text)
    assert not any(map(_acts, line))
    assert one_line(line) == line
    if not any(map(_acts, text)):
        assert line == text.strip()


@given(anything)
def test_what_is_isolated_opens_and_closes_exactly_one_isolate(text: str) -> None:
    inside = isolated(text)
    assert (inside[0], inside[-1]) == ("\u2068", "\u2069")
    assert not any(character in BIDI for character in inside[1:-1])


@pytest.mark.parametrize(
    ("text", "shown", "line"),
    [
        ("نورة القحطاني", "نورة القحطاني", "نورة القحطاني"),
        ("می\u200cخواهم", "می\u200cخواهم", "می\u200cخواهم"),  # a joiner spells Persian, and turns nothing
        ("a\x1b[31mb", "a\\x1b[31mb", "a [31mb"),
        ("ali\u202egnp.exe", "ali\\u202egnp.exe", "alignp.exe"),
        ("one\r\ntwo", "one\\x0d\\x0atwo", "one  two"),
        ("\u2067x", "\\u2067x", "x"),
    ],
)
def test_examples(text: str, shown: str, line: str) -> None:
    assert visible(text) == shown
    assert one_line(text) == line


@pytest.mark.timeout(60)  # linear in a moment, quadratic in days
@pytest.mark.parametrize(
    "piece", ["a", "aaaaaaaa.", "a-", "token", "token=", "bearer ", "bearer  ", "code", "%3d", "\u202e"]
)
def test_a_long_text_is_looked_through_once(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    assert without_tokens(text)
    assert visible(text)
    assert one_line(text) or not text.strip("\u202e")


@pytest.mark.parametrize("text", ["dossier:country:SA", "status_code=404", "version 1.2.3", "a.b.c", "the code of 5"])
def test_ordinary_text_holds_no_token(text: str) -> None:
    assert without_tokens(text) == text

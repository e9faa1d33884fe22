"""Differences by word: whole words, in both scripts, and nothing of either text lost."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.domain.word_changes import WordChange, word_changes, words
from dossier_realtime.ot.difference import hunks
from dossier_realtime.ot.units import to_units

TEXTS = st.text(alphabet=st.sampled_from("ab مَرـ\u200f😀\u200d'.,12 \n🏽👩-"), max_size=20)


def changes(old: str, new: str) -> list[WordChange]:
    return word_changes(to_units(old), to_units(new), hunks(to_units(old), to_units(new)))


@given(TEXTS, TEXTS)
def test_both_texts_are_in_it_and_no_word_is_cut(old: str, new: str) -> None:
    found = changes(old, new)
    assert "".join(one.text for one in found if one.kind != "insert") == old
    assert "".join(one.text for one in found if one.kind != "delete") == new
    assert all(one.kind != following.kind for one, following in pairwise(found))
    edges, at = {0}, 0
    for word in words(to_units(old)):
        at += len(word)
        edges.add(at)
    at = 0
    for one in found:
        if one.kind != "insert":
            assert at in edges
            at += len(to_units(one.text))


@pytest.mark.parametrize(
    ("old", "new", "deleted", "inserted"),
    [
        ("the committee met", "the committees met", "committee", "committees"),
        ("don't go", "don’t go", "don't", "don’t"),
        ("1,250.5 م", "1,260.5 م", "1,250.5", "1,260.5"),
        ("قال الوزيرُ أمس", "قال الوزيرَ أمس", "الوزيرُ", "الوزيرَ"),
        ("قال الوزير أمس", "قال الوزيــر أمس", "الوزير", "الوزيــر"),
        ("قال \u200fالوزير أمس", "قال الوزير أمس", "\u200fالوزير", "الوزير"),
        ("وقّع الاتفاقية، ثم غادر", "وقّع الاتفاقية؛ ثم غادر", "،", "؛"),
        ("a 👩\u200d👧 b", "a 👩\u200d👦 b", "👩\u200d👧", "👩\u200d👦"),
        ("a 👍🏽 b", "a 👍🏿 b", "👍🏽", "👍🏿"),
    ],
)
def test_a_word_that_changed_is_another_word(old: str, new: str, deleted: str, inserted: str) -> None:
    found = [one for one in changes(old, new) if one.kind != "equal"]
    assert found == [WordChange("delete", deleted), WordChange("insert", inserted)]

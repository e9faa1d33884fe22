"""Text by UTF-16 code units."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier_realtime.ot.units import from_units, splits_pair, to_units


@given(st.text())
def test_units_are_as_many_as_in_utf_16_and_lead_back(text: str) -> None:
    units = to_units(text)
    assert len(units) * 2 == len(text.encode("utf-16-le"))
    assert from_units(units) == text


@given(st.text("a م😀𝄞"), st.data())
def test_a_cut_tears_a_character_exactly_where_the_pieces_are_no_text(text: str, data: st.DataObject) -> None:
    units = to_units(text)
    offset = data.draw(st.integers(0, len(units)))
    encoded = text.encode("utf-16-le")
    try:
        encoded[: 2 * offset].decode("utf-16-le")
    except UnicodeDecodeError:
        assert splits_pair(units, offset)
    else:
        assert not splits_pair(units, offset)


@pytest.mark.parametrize("text", ["\ud83d", "a\ude00\ud83db", "م\ud800"])
def test_a_lone_surrogate_is_refused(text: str) -> None:
    with pytest.raises(UnicodeEncodeError):
        to_units(text)

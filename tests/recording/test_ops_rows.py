"""Operators' rows are Structs on both ends, and on the wire what they always were."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from dossier_realtime.protocol.authorization import Fact
from dossier_realtime.protocol.classification import Clearance
from dossier_realtime.recording.ops.ops_rows import (
    AlertRow,
    BriefRow,
    EndedSessionRow,
    LimitRow,
    OpsRow,
    decode_rows,
    encode_row,
    fact_of,
    marked,
    merged,
    unmarked,
)

WORDS, NUMBERS = st.just(UNSET) | st.text(max_size=5), st.just(UNSET) | st.integers(0, 9)
BRIEFS = st.builds(
    BriefRow, key=st.just("b"), state=WORDS, stage=WORDS, progress=NUMBERS, error=WORDS, estimated_time=NUMBERS
)
FACTS = st.builds(
    Fact,
    st.sampled_from([(), ("user:ali",), ("user:ali", "dossier:mou:m")]),
    st.just(Clearance.PUBLIC),
    st.booleans(),
)


@pytest.mark.parametrize(
    ("row", "wire"),
    [
        (
            LimitRow(
                key="ali edit", user_id="ali", name="Ali", rate_class="edit", state="warned", rate=19, personal=True
            ),
            {"key": "ali edit", "user_id": "ali", "name": "Ali", "class": "edit", "state": "warned", "rate": 19}
            | {"personal": True},
        ),
        (
            EndedSessionRow(key="user ali", state="revoked", user_id="ali", until=9.5),
            {"key": "user ali", "state": "revoked", "user_id": "ali", "until": 9.5},
        ),
        (
            AlertRow(
                key="c", alert_level=3, next_level_at=None, acknowledged_by=None, channels="user:ali", level="public"
            ),
            {"key": "c", "alert_level": 3, "next_level_at": None, "acknowledged_by": None}
            | {"channels": "user:ali", "level": "public"},
        ),
        (BriefRow(key="b", state="started", progress=0), {"key": "b", "state": "started", "progress": 0}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_row_has_the_keys_of_the_wire_and_is_read_again(row: OpsRow, wire: dict[str, object]) -> None:
    assert encode_row(row) == wire
    assert decode_rows(row.TOPIC, [encode_row(row)]) == [row]


def test_rows_of_another_version_are_left_out_and_what_is_new_in_one_is_ignored() -> None:
    rows = [{"key": "a", "state": 7.5}, {"key": "b", "state": "started", "mood": "good"}]
    assert decode_rows("briefs", rows) == [BriefRow(key="b", state="started")]  # type: ignore[arg-type]  # as from outside
    assert decode_rows("nodes", [{"key": "a"}]) == []


@given(BRIEFS, BRIEFS, FACTS, FACTS)
def test_a_later_row_replaces_what_it_says_and_is_derived_from_the_channels_of_both(
    before: BriefRow, row: BriefRow, first: Fact, second: Fact
) -> None:
    known = merged(marked(row, second), marked(before, first))
    for name in ("state", "stage", "progress", "error", "estimated_time"):
        said = getattr(row, name)
        assert getattr(known, name) == (getattr(before, name) if said is UNSET else said)
    assert fact_of(known) == first.joined(second)
    assert fact_of(unmarked(known)) == Fact()

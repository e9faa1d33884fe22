"""Packed versions: all of them come back, and a damaged block is no other history."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.domain import kept_versions
from dossier_realtime.protocol.commands import Attributes, FlatOperation
from dossier_realtime.protocol.events import RemoteOperationPayload

PAYLOADS = st.builds(
    RemoteOperationPayload,
    user_id=st.sampled_from(["ali", "bea"]),
    user_name=st.sampled_from(["Ali", "بيان"]),
    operation_type=st.sampled_from(["insert", "delete", "format"]),
    position=st.integers(0, 1 << 20),
    version=st.just(0),
    content=st.sampled_from([None, "x", "مرحبا 😀"]),
    length=st.sampled_from([None, 1, 16_384]),
    attributes=st.sampled_from([None, Attributes(bold=True), Attributes(heading=None)]),
    timestamp=st.sampled_from([None, 1_700_000_000, 1_700_000_300]),
)


@given(st.lists(PAYLOADS, min_size=1, max_size=20), st.integers(1, 10**6))
def test_a_block_gives_back_every_version(payloads: list[RemoteOperationPayload], first: int) -> None:
    versions = [msgspec.structs.replace(one, version=first + n, op_id="o1") for n, one in enumerate(payloads)]
    found = kept_versions.unpack(kept_versions.pack(versions))
    assert found == [msgspec.structs.replace(one, op_id=None) for one in versions]
    assert all(after.version == before.version + 1 for before, after in pairwise(found))


def test_a_batch_comes_back_with_its_operations() -> None:
    operations = (FlatOperation("insert", 0, "مرحبا"), FlatOperation("delete", 5, length=2))
    batch = RemoteOperationPayload(
        user_id="a", user_name="A", operation_type="batch", version=7, operations=operations, timestamp=5
    )
    after = RemoteOperationPayload(
        user_id="a", user_name="A", operation_type="insert", position=3, version=8, content="x"
    )
    assert kept_versions.unpack(kept_versions.pack([batch, after])) == [batch, after]


def test_a_damaged_block_is_refused() -> None:
    block = kept_versions.pack(
        [
            RemoteOperationPayload(
                user_id="a", user_name="A", operation_type="insert", position=0, version=1, content="x"
            )
        ]
    )
    for damaged in (b"", block[:-1], block[:6] + b"\0" + block[7:], b"x" + block):
        with pytest.raises(ValueError, match="restore the store"):
            kept_versions.unpack(damaged)

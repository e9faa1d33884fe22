"""Floods are counted, not written."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.telemetry.logs import Sampler


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), max_size=400))
def test_what_is_not_written_is_counted_by_kind_and_address(seen: list[tuple[str, str]]) -> None:
    sampler = Sampler(each=5)
    written = sum(sampler.allows(kind, address, 1.5) for kind, address in seen)
    assert sampler.counted(1.9) == {}, "the second is not over"
    told = sampler.counted(2.0)
    assert written + int(str(told.get("count", 0))) == len(seen)
    assert written <= 5 * 9
    assert sampler.counted(3.0) == {}


def test_addresses_without_end_do_not_cost_memory() -> None:
    sampler = Sampler(each=1)
    written = sum(sampler.allows("http 429", f"address {number}", 1.0) for number in range(5_000))
    assert written <= 1_001
    assert len(sampler._seen) <= 1_001

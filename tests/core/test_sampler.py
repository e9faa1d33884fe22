"""Floods are counted, not written."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.telemetry.logs import Sampler


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), max_size=400))
def test_what_is_not_written_is_counted_by_kind_and_address(seen: list[tuple[str, str]]) -> None:
    sampler = Sampler(each=5)
    written = sum(sampler.allows(kind, address, 1.5) for kind, address in seen)
    told = sampler.counted(1.9)
    assert written + int(str(told.get("count", 0))) == len(seen)
    assert written <= 5 * 9
    sampler.count("a", "x")
    assert sampler.counted(2.8) == {} or not told, "it is told at most once a second"
    assert sampler.counted(2.9) or not told
    assert sampler.counted(4.0) == {}


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 80).map(lambda quarter: quarter / 4)), max_size=200))
def test_within_any_span_as_long_as_its_own_so_many_of_a_kind_pass(seen: list[tuple[str, float]]) -> None:
    """The span may begin at any time: none of a kind passes within the seconds of another."""
    sampler, passed = Sampler(each=1, seconds=6), []
    for kind, at in sorted(seen, key=lambda each: each[1]):
        if sampler.allows(kind, "x", at):
            passed.append((kind, at))
        elif not any(one == kind and began <= at < began + 6 for one, began in passed):
            raise AssertionError(f"{kind} at {at} was not written, and nothing of its kind shortly before")
    for kind, began in passed:
        assert sum(1 for one, at in passed if one == kind and began <= at < began + 6) == 1


def test_addresses_without_end_do_not_cost_memory() -> None:
    sampler = Sampler(each=1)
    written = sum(sampler.allows("http 429", f"address {number}", 1.0) for number in range(5_000))
    assert written <= 1_001
    assert len(sampler._seen) <= 1_001

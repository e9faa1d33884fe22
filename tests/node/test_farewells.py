"""The farewells of a drain: nobody is kept away longer than it must be, and not all come at once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.engine.ports.sessions import NodeRecord
from app.node.connections.farewells import FRESH_SECONDS, farewell, look_seconds, takes_over

_SECONDS = st.floats(0, 300)
_CHANCE = st.floats(0, 1, exclude_max=True)
_NOW = 1_800_000_000


@given(_SECONDS, _CHANCE, _CHANCE)
def test_where_another_node_serves_a_client_comes_at_the_moment_at_which_it_is_sent(
    seconds: float, one: float, other: float
) -> None:
    said = farewell(seconds, (one, other), is_taken_over=True)
    assert abs(said.retry_after - said.closes_in) <= 0.01
    assert 0.1 * seconds <= said.closes_in <= 0.8 * seconds


@given(_SECONDS, _CHANCE, _CHANCE)
def test_where_nobody_else_serves_a_client_comes_after_the_drain(seconds: float, one: float, other: float) -> None:
    said = farewell(seconds, (one, other), is_taken_over=False)
    assert said.closes_in <= 0.8 * seconds
    assert max(0.5, 0.8 * seconds) - 0.01 <= said.retry_after <= max(1.0, seconds) + 0.01


@given(_SECONDS.filter(lambda seconds: seconds >= 1), st.booleans())
def test_the_moments_are_spread_over_the_drain(seconds: float, is_taken_over: bool) -> None:
    said = [farewell(seconds, (n / 100, n / 100), is_taken_over=is_taken_over) for n in range(100)]
    assert max(one.closes_in for one in said) - min(one.closes_in for one in said) >= 0.65 * seconds
    assert len({one.retry_after for one in said}) > 10


@given(_SECONDS)
def test_a_node_that_has_just_started_is_looked_for_and_half_of_the_drain_is_left_for_the_clients(
    seconds: float,
) -> None:
    assert look_seconds(seconds) <= seconds / 2
    assert look_seconds(seconds) >= min(3.0, seconds / 2)


def _record(node: str, at: int, ready: float) -> NodeRecord:
    return NodeRecord(node, at, {"ready": ready, "connections": 7.0})


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 60), st.sampled_from([0.0, 1.0])), max_size=5))
def test_only_a_node_that_says_it_takes_clients_and_said_so_just_now_takes_over(
    known: list[tuple[str, int, float]],
) -> None:
    records = [_record(node, _NOW - age, ready) for node, age, ready in known]
    able = [node for node, age, ready in known if node != "a" and age <= FRESH_SECONDS and ready]
    assert takes_over(records, "a", _NOW) == bool(able)


def test_a_node_whose_report_says_nothing_of_being_ready_does_not_take_over() -> None:
    assert not takes_over([NodeRecord("b", _NOW, {})], "a", _NOW)

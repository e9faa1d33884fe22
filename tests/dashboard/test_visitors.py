"""Logins: for a role, from one address, until idle."""

from __future__ import annotations

from dashboard.visitors import MOST, Visitors
from tests.harness import tokens

HERE, ELSEWHERE = "127.0.0.1", "192.0.2.1"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def visitors(idle: float = 60.0) -> tuple[Visitors, Clock]:
    clock = Clock()
    return Visitors({"operator": "operator", "watch": "viewer"}, idle, clock), clock


def token(role: str = "operator", **claims: object) -> str:
    return tokens.token("omar", "admin:*", role=role, now=0, **claims)


def test_the_role_of_the_token_decides() -> None:
    known, _ = visitors()
    admitted = known.admit(token("watch", clearance="confidential"), HERE)
    assert admitted is not None
    assert (admitted.role, admitted.clearance, admitted.user_id) == ("viewer", "confidential", "omar")
    assert known.admit(token("editor"), HERE) is None


def test_a_login_without_a_clearance_sees_what_everybody_inside_sees() -> None:
    known, _ = visitors()
    admitted = known.admit(token(), HERE)
    assert admitted is not None
    assert admitted.clearance == "internal"


def test_a_cookie_is_good_at_one_address_only() -> None:
    known, _ = visitors()
    admitted = known.admit(token(), HERE)
    assert admitted is not None
    assert known.known(admitted.key, HERE) is admitted
    assert known.known(admitted.key, ELSEWHERE) is None
    assert known.known("guessed", HERE) is None


def test_idle_visitors_are_logged_out() -> None:
    known, clock = visitors(idle=60)
    admitted = known.admit(token(), HERE)
    assert admitted is not None
    clock.now = 59
    known.touch(admitted)
    clock.now = 119
    assert known.stays(admitted)
    clock.now = 119.5
    assert not known.stays(admitted)
    assert known.known(admitted.key, HERE) is None


def test_a_login_ends_with_its_token() -> None:
    known, clock = visitors(idle=10_000)
    admitted = known.admit(token(ttl=100), HERE)
    assert admitted is not None
    clock.now = 100
    assert not known.stays(admitted)


def test_whoever_was_away_longest_gives_way() -> None:
    known, clock = visitors()
    first = known.admit(token(), HERE)
    assert first is not None
    for number in range(MOST):
        clock.now = number / 100
        assert known.admit(token(), HERE) is not None
    assert known.known(first.key, HERE) is None


def test_a_page_belongs_to_the_one_who_opened_it() -> None:
    known, _ = visitors()
    one, other = known.admit(token(), HERE), known.admit(token(), HERE)
    assert one is not None
    assert other is not None
    visit = known.visit(one)
    assert known.who_opened(visit) is one
    assert visit not in other.visits
    known.leave(one)
    assert known.who_opened(visit) is None

"""Logins: for a role, from one address, until idle."""

from __future__ import annotations

import pytest

from dashboard.site.login_sessions import MAX_LOGINS, MAX_LOGINS_PER_USER, Ending, LoginSessions, TooManyLoginsError
from tests.harness import tokens

HERE, ELSEWHERE = "127.0.0.1", "192.0.2.1"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def logins(idle: float = 60.0) -> tuple[LoginSessions, Clock]:
    clock = Clock()
    return LoginSessions({"operator": "operator", "watch": "observer"}, idle, clock), clock


def token(role: str = "operator", **claims: object) -> str:
    return tokens.token("omar", "admin:*", role=role, now=0, **claims)


def test_the_role_of_the_token_decides() -> None:
    known, _ = logins()
    admitted = known.admit(token("watch", clearance="confidential"), HERE)
    assert admitted is not None
    assert (admitted.role, admitted.clearance, admitted.user_id) == ("observer", "confidential", "omar")
    assert known.admit(token("editor"), HERE) is None


def test_a_name_turns_nothing_around_it() -> None:
    known, _ = logins()
    admitted = known.admit(token(name="Omar \u202eHaddad"), HERE)
    assert admitted is not None
    assert admitted.name == "Omar Haddad"


def test_a_login_without_a_clearance_sees_what_everybody_inside_sees() -> None:
    known, _ = logins()
    admitted = known.admit(token(), HERE)
    assert admitted is not None
    assert admitted.clearance == "internal"


def test_a_cookie_is_good_at_one_address_only() -> None:
    known, _ = logins()
    admitted = known.admit(token(), HERE)
    assert admitted is not None
    assert known.known(admitted.key, HERE) is admitted
    assert known.known(admitted.key, ELSEWHERE) is None
    assert known.known("guessed", HERE) is None


def test_idle_visitors_are_logged_out() -> None:
    known, clock = logins(idle=60)
    admitted = known.admit(token(), HERE)
    assert admitted is not None
    clock.now = 59
    known.touch(admitted)
    clock.now = 119
    assert known.is_valid(admitted)
    clock.now = 119.5
    assert not known.is_valid(admitted)
    assert known.known(admitted.key, HERE) is None


def test_a_login_ends_with_its_token() -> None:
    known, clock = logins(idle=10_000)
    admitted = known.admit(token(ttl=100), HERE)
    assert admitted is not None
    clock.now = 100
    assert not known.is_valid(admitted)


def test_many_logins_of_one_cost_nobody_else_theirs() -> None:
    known, clock = logins()
    other = known.admit(tokens.token("nora", role="operator", now=0), HERE)
    assert other is not None
    own = []
    for number in range(505):
        clock.now = number / 100
        own.append(known.admit(token(), HERE))
    assert known.known(other.key, HERE) is other
    assert [login for login in own if login and known.known(login.key, HERE)] == own[-MAX_LOGINS_PER_USER:]


def test_a_person_loses_the_login_that_was_away_longest() -> None:
    known, clock = logins()
    first, *rest = [known.admit(token(), HERE) for _ in range(MAX_LOGINS_PER_USER)]
    assert first is not None
    clock.now = 1
    known.touch(first)
    assert known.admit(token(), HERE) is not None
    assert known.known(first.key, HERE) is first
    assert sum(login is not None and known.is_valid(login) for login in rest) == MAX_LOGINS_PER_USER - 2


def test_a_full_house_lets_nobody_in_and_turns_nobody_out() -> None:
    known, clock = logins()
    inside = [known.admit(tokens.token(f"u{n}", role="operator", now=0), HERE) for n in range(MAX_LOGINS)]
    with pytest.raises(TooManyLoginsError):
        known.admit(token(), HERE)
    assert all(login is not None and known.is_valid(login) for login in inside)
    clock.now = 61  # all of them idle
    assert known.admit(tokens.token("omar", role="operator", now=61), HERE) is not None


@pytest.mark.parametrize(
    ("ending", "ends"),
    [
        (Ending(token_id="t1"), True),
        (Ending(token_id="t2"), False),
        (Ending(user_id="omar"), True),
        (Ending(user_id="nora"), False),
        (Ending(user_id="omar", issued_until=1000.0), True),
        (Ending(user_id="omar", issued_until=999.9), False),
        (Ending(), False),
    ],
)
def test_a_login_ends_when_the_service_ends_its_token(ending: Ending, ends: bool) -> None:
    known, clock = logins()
    clock.now = 1000
    admitted = known.admit(tokens.token("omar", role="operator", now=1000, jti="t1"), HERE)
    assert admitted is not None
    told: list[str] = []
    admitted.at_end.add(lambda: told.append("over"))
    known.end(ending)
    known.end(ending)
    assert (known.known(admitted.key, HERE) is None) is ends
    assert told == (["over"] if ends else [])


def test_a_token_that_is_ended_while_the_service_is_asked_lets_nobody_in() -> None:
    known, _ = logins()
    asked = known.endings
    known.end(Ending(user_id="omar"))
    assert known.admit(token(), HERE, endings=asked) is None
    assert known.admit(token(), HERE, endings=known.endings) is not None  # whoever comes back afterwards


def test_what_goes_on_for_a_login_ends_when_its_time_is_over() -> None:
    known, clock = logins(idle=60)
    admitted = known.admit(token(), HERE)
    assert admitted is not None
    told: list[str] = []
    admitted.at_end.add(lambda: told.append("over"))
    clock.now = 61
    known.sweep()
    assert told == ["over"]
    assert known.all() == []


def test_a_page_belongs_to_the_one_who_opened_it() -> None:
    known, _ = logins()
    one, other = known.admit(token(), HERE), known.admit(token(), HERE)
    assert one is not None
    assert other is not None
    visit = known.open_page(one)
    assert known.owner_of_page(visit) is one
    assert visit not in other.page_keys
    known.leave(one)
    assert known.owner_of_page(visit) is None

"""A decision says in notes, apart from its effects, what it means for its user's limits."""

from __future__ import annotations

from app.core.ratelimit import Limits
from app.core.sessions.effects import RateLimited, RateWarned
from tests.core.session_driver import SA, SessionDriver


def test_a_warning_and_a_refusal_past_the_limit_are_noted_and_nothing_else_is() -> None:
    driver = SessionDriver(f"read:{SA}", limits=Limits(ping=20)).live()
    decisions = [driver.send(type="ping") for _ in range(21)]
    assert [one.notes for one in decisions] == [()] * 18 + [(RateWarned("ping", 19),), (), (RateLimited("ping"),)]
    assert [bool(one.rule) for one in decisions] == [False] * 20 + [True]


def test_a_refused_message_that_brought_a_warning_has_both() -> None:
    driver = SessionDriver(limits=Limits(general=1)).live()
    decision = driver.send(type="no such type")
    assert (decision.rule, decision.notes) == ("format", (RateWarned("general", 1),))


def test_a_renewal_too_early_is_noted() -> None:
    driver = SessionDriver().live()
    rules = [driver.send(type="auth", payload={"token": f"t{n}"}) for n in range(100)]
    assert rules[-1].rule == "rate.auth"
    assert rules[-1].notes == (RateLimited("auth"),)

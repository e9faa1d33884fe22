"""The bounds of the work that one connection may cause, beyond counting messages: bytes, renewals, subscribing."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.ratelimit import Limits, RateLimiter
from app.core.sessions.effects import Join, Send, VerifyToken
from app.core.sessions.renewals import Renewals
from dossier_realtime.protocol import responses
from dossier_realtime.protocol.errors import CloseCode, ErrorCode
from tests.core.session_driver import SA, SessionDriver, closing, errors, only


@given(st.lists(st.integers(1, 40), max_size=60), st.integers(1, 100))
def test_a_cost_is_taken_whole_or_not_at_all(costs: list[int], limit: int) -> None:
    rates, left, warned = RateLimiter(Limits(bytes=limit)), limit, 0
    for cost in costs:
        verdict = rates.spend("u", "", "bytes", 0.0, cost)
        assert verdict.allowed == (cost <= left)
        left -= cost if verdict.allowed else 0
        warned += verdict.warn
    assert rates.counts(0.0).get(("u", "bytes"), (0, 0))[0] == limit - left
    assert warned == (limit - left >= -(-limit * 95 // 100))


@given(st.integers(1, 50), st.integers(0, 80))
def test_what_is_given_back_can_be_spent_again_and_no_more(spent: int, back: int) -> None:
    rates = RateLimiter(Limits(stored=50))
    assert rates.spend("u", "", "stored", 0.0, spent).allowed
    rates.give_back("u", "stored", back)
    left = 50 - max(0, spent - back)
    assert not rates.spend("u", "", "stored", 0.0, left + 1).allowed
    assert left == 0 or rates.spend("u", "", "stored", 0.0, left).allowed


# --- bytes ---------------------------------------------------------------------------------------------------


def test_bytes_count_whatever_becomes_of_the_frame() -> None:
    driver = SessionDriver(f"write:{SA}", limits=Limits(bytes=1_000)).live()
    frame = json.dumps({"type": "nonsense", "ref": "r7", "x": "x" * 440}).encode()
    assert driver.session.weigh(frame, driver.at) is None
    warned = driver.session.weigh(frame + b" " * 10, driver.at)
    assert warned is not None
    warning = only(warned, Send).event
    assert isinstance(warning, responses.RateLimitWarning)
    assert warning.payload.rate_class == "bytes"
    over = driver.session.weigh(frame, driver.at)
    assert over is not None
    assert over.rule == "rate.bytes"
    exceeded, error = (effect.event for effect in over.effects if isinstance(effect, Send))
    assert isinstance(exceeded, responses.RateLimitExceeded)
    assert isinstance(error, responses.ErrorMessage)
    assert (error.error_code, error.ref) == (ErrorCode.RATE_LIMIT_EXCEEDED, "r7")
    driver.wait(60)
    assert driver.session.weigh(frame, driver.at) is None


def test_two_hundred_frames_past_the_bytes_close() -> None:
    driver = SessionDriver(limits=Limits(bytes=1)).live()
    decisions = [driver.session.weigh(b"{}", driver.at) for _ in range(200)]
    assert [None if one is None else closing(one) for one in decisions] == [None] * 199 + [CloseCode.RATE_ABUSE]


def test_the_limits_that_a_login_tells_have_the_bytes() -> None:
    driver = SessionDriver(limits=Limits(bytes=5_000)).live()
    success = driver.session.opened("s-1", 0, None)[0]
    assert isinstance(success, Send)
    assert isinstance(success.event, responses.AuthSuccess)
    assert success.event.payload.limits is not None
    assert success.event.payload.limits.bytes == 5_000


# --- renewals ------------------------------------------------------------------------------------------------


def renew(driver: SessionDriver, token: str) -> list[ErrorCode] | str:
    decision = driver.send(type="auth", ref="r", payload={"token": token})
    if isinstance(decision.effects[0], VerifyToken):
        driver.session.verified(driver.who, decision.effects[0], driver.at)
        return "verified"
    found = errors(decision)
    return found if found else "answered"


def test_six_renewals_a_minute_are_verified_and_more_are_refused_unverified() -> None:
    driver = SessionDriver().live()
    assert [renew(driver, f"token-{n}") for n in range(6)] == ["verified"] * 6
    assert renew(driver, "token-7") == [ErrorCode.RATE_LIMIT_EXCEEDED]
    driver.wait(59.5)
    assert renew(driver, "token-8") == [ErrorCode.RATE_LIMIT_EXCEEDED]
    driver.wait(1)
    assert renew(driver, "token-9") == "verified"


def test_the_token_in_force_is_answered_without_being_verified() -> None:
    driver = SessionDriver().live()
    assert renew(driver, "t") == "answered"
    assert renew(driver, "another") == "verified"
    assert renew(driver, "another") == "answered"
    assert renew(driver, "t") == "verified"


def test_a_flood_of_renewals_ends_the_connection() -> None:
    driver = SessionDriver().live()
    decisions = [driver.send(type="auth", payload={"token": "t"}) for _ in range(206)]
    assert [closing(decision) for decision in decisions[:205]] == [None] * 205
    assert closing(decisions[205]) == CloseCode.RATE_ABUSE


@given(st.lists(st.floats(0, 40), max_size=100))
def test_no_minute_has_more_than_six_renewals(gaps: list[float]) -> None:
    renewals, now, taken = Renewals(6, 1_000), 0.0, list[float]()
    for gap in gaps:
        now += gap
        wait = renewals.wait(now)
        assert 0 <= wait <= 60
        if not wait:
            taken.append(now)
    assert all(later - first >= 60 for first, later in zip(taken, taken[6:], strict=False))


# --- subscribing ---------------------------------------------------------------------------------------------


def test_the_first_hundred_subscribes_of_a_connection_do_not_count() -> None:
    driver = SessionDriver("read:dossier:*", limits=Limits(general=3)).live()
    for number in range(100):
        only(driver.send(type="subscribe", channel=f"dossier:country:c{number % 50}"), Join)
    for _ in range(3):
        assert driver.send(type="subscribe", channel="dossier:country:c1").rule == ""
    assert driver.send(type="subscribe", channel="dossier:country:c1").rule == "rate.general"


@pytest.mark.parametrize("kind", ["edit_operation", "cursor_position"])
def test_what_is_refused_as_invalid_counts_as_a_general_message_too(kind: str) -> None:
    payload = {"position": 0} | ({"operation_type": "insert", "content": "x", "version": 0} if "edit" in kind else {})
    driver = SessionDriver(f"write:{SA}", limits=Limits(general=2)).live()
    for _ in range(2):
        assert driver.send(type=kind, channel=SA, payload=payload).rule == "format"
    assert driver.send(type="unsubscribe", channel=SA).rule == "rate.general"

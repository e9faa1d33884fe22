"""Authentication, renewal, expiry, liveness: what goes in, what is decided."""

from __future__ import annotations

import pytest

from app.core.sessions.effects import (
    Effect,
    Leave,
    OpenSession,
    Send,
    SendPing,
    VerifyToken,
)
from app.core.sessions.session import SessionState
from dossier_realtime.protocol import responses
from dossier_realtime.protocol.errors import CloseCode, ErrorCode
from tests.core.session_driver import SA, UPDATE, SessionDriver, closing, errors, identity, only

# --- the first message ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message", [{"type": "ping"}, {"type": "subscribe", "channel": SA}, {}, {"type": "nonsense"}, UPDATE]
)
def test_anything_but_auth_first_is_refused_and_closed(message: dict[str, object]) -> None:
    decision = SessionDriver().send(**message)
    assert errors(decision) == [ErrorCode.AUTH_FAILED]
    assert closing(decision) is CloseCode.AUTH_FAILED


@pytest.mark.parametrize("payload", [None, "x", [], {}, {"token": 1}, {"token": "t", "more": 1}])
def test_a_malformed_auth_is_refused_as_such_and_closed(payload: object) -> None:
    decision = SessionDriver().send(type="auth", payload=payload, ref="a")
    assert errors(decision) == [ErrorCode.INVALID_MESSAGE_FORMAT]
    assert closing(decision) is CloseCode.AUTH_FAILED


def test_silence_before_auth_closes_after_five_seconds() -> None:
    driver = SessionDriver()
    assert driver.wait(4.9) == []
    effects = driver.wait(0.1)
    assert errors(effects) == [ErrorCode.AUTH_FAILED]
    assert closing(effects) is CloseCode.AUTH_TIMEOUT


def test_a_good_token_opens_the_session_and_says_what_holds() -> None:
    driver = SessionDriver("write:dossier:*")
    asked = only(driver.send(type="auth", payload={"token": "t", "session_id": "old"}, ref="a"), VerifyToken)
    assert asked == VerifyToken("t", "old", "a")
    assert only(driver.session.verified(driver.who, asked, driver.at), OpenSession) == OpenSession("old", "a")
    success, state = driver.session.opened("old", 3, "a")
    assert isinstance(success, Send)
    assert isinstance(state, Send)
    assert isinstance(success.event, responses.AuthSuccess)
    assert success.event.ref == "a"
    assert success.event.payload.permissions == ["write:dossier:*", "read:global", "read:user:ali"]
    assert state.event == responses.ConnectionStateMessage(state="authenticated", session_id="old", reconnect_count=3)


@pytest.mark.parametrize(("revoked", "code"), [(False, CloseCode.AUTH_FAILED), (True, CloseCode.REVOKED)])
def test_a_bad_token_closes(revoked: bool, code: CloseCode) -> None:
    driver = SessionDriver()
    asked = only(driver.send(type="auth", payload={"token": "t"}), VerifyToken)
    decision = driver.session.token_refused(asked, driver.at, revoked=revoked)
    assert errors(decision) == [ErrorCode.INVALID_TOKEN]
    assert closing(decision) is code
    assert driver.session.state is SessionState.CLOSED
    assert driver.send(type="ping").effects == []


def test_the_eleventh_connection_is_refused() -> None:
    driver = SessionDriver()
    asked = only(driver.send(type="auth", payload={"token": "t"}), VerifyToken)
    driver.session.verified(driver.who, asked, driver.at)
    decision = driver.session.connection_limit("a", driver.at)
    assert errors(decision) == [ErrorCode.RATE_LIMIT_EXCEEDED]
    assert closing(decision) is CloseCode.CONNECTION_LIMIT


# --- renewal and the end of a token ---------------------------------------------------------------------------------


def renewal(driver: SessionDriver) -> VerifyToken:
    return only(driver.send(type="auth", payload={"token": "t2"}, ref="n"), VerifyToken)


def test_a_renewal_takes_the_new_rights_at_once() -> None:
    driver = SessionDriver("read:dossier:*", "read:workspace:*").live()
    driver.subscribe(SA)
    driver.subscribe("workspace:1")
    asked = renewal(driver)
    decision = driver.session.verified(identity("read:workspace:*"), asked, driver.at)
    success, leave, error, ended = decision.effects
    assert isinstance(success, Send)
    assert isinstance(success.event, responses.AuthSuccess)
    assert leave == Leave(SA)
    assert errors([error]) == [ErrorCode.SUBSCRIPTION_FAILED]
    assert ended == Send(responses.Unsubscribed(channel=SA))
    assert list(driver.session.subscriptions) == ["workspace:1"]


def test_a_renewal_by_another_user_closes() -> None:
    driver = SessionDriver().live()
    decision = driver.session.verified(identity(user="bea"), renewal(driver), driver.at)
    assert errors(decision) == [ErrorCode.AUTH_FAILED]
    assert closing(decision) is CloseCode.AUTH_FAILED


def test_a_bad_renewal_keeps_the_connection_and_the_third_closes_it() -> None:
    driver = SessionDriver().live()
    for _ in range(2):
        decision = driver.session.token_refused(renewal(driver), driver.at)
        assert errors(decision) == [ErrorCode.INVALID_TOKEN]
        assert closing(decision) is None
    assert closing(driver.session.token_refused(renewal(driver), driver.at)) is CloseCode.AUTH_FAILED


@pytest.mark.parametrize(("life", "notice_at"), [(3_600, 3_540), (120, 60), (40, 20)])
def test_the_end_of_a_token_is_announced_and_then_closes(life: int, notice_at: int) -> None:
    driver = SessionDriver()
    driver.who = identity(ends=1_000 + life)
    driver.live()
    passed = 0.0
    while passed < life - 0.5:
        driver.session.heard(driver.at)
        effects: list[Effect] = [e for e in driver.wait(0.5) if not isinstance(e, SendPing)]
        passed += 0.5
        if passed == notice_at:
            assert only(effects, Send).event == responses.TokenExpiring(
                payload=responses.TokenExpiringPayload(life - notice_at)
            )
        else:
            assert effects == []
    effects = driver.wait(0.5)
    assert errors(effects) == [ErrorCode.INVALID_TOKEN]
    assert closing(effects) is CloseCode.TOKEN_EXPIRED


@pytest.mark.parametrize("jump", [-86_400.0, -3_600.0, 3_600.0, 86_400.0])
def test_a_jump_of_the_wall_clock_neither_ends_nor_prolongs_a_session(jump: float) -> None:
    driver = SessionDriver().live()
    assert closing(driver.wait(1.0, wall=jump)) is None
    for _ in range(71):
        driver.session.heard(driver.at)
        assert closing(driver.wait(50.0, wall=50.0)) is None
    driver.session.heard(driver.at)
    assert closing(driver.wait(50.0, wall=50.0)) is CloseCode.TOKEN_EXPIRED


def test_seventy_five_silent_seconds_close_and_any_frame_counts() -> None:
    driver = SessionDriver().live()
    for _ in range(3):
        driver.wait(70.0)
        driver.session.heard(driver.at)
    assert closing(driver.wait(74.9)) is None
    assert closing(driver.wait(0.1)) is CloseCode.HEARTBEAT_LOST


def test_the_peer_is_probed_every_twenty_five_seconds() -> None:
    driver = SessionDriver().live()
    probes = 0
    for _ in range(100):
        probes += driver.wait(1.0).count(SendPing())
        driver.session.heard(driver.at)
    assert probes == 4
    assert driver.session.deadline <= driver.at.steady + 25

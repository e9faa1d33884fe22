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
from tests.core.session_driver import SA, UPDATE, Talk, closing, errors, identity, only

# --- the first message ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message", [{"type": "ping"}, {"type": "subscribe", "channel": SA}, {}, {"type": "nonsense"}, UPDATE]
)
def test_anything_but_auth_first_is_refused_and_closed(message: dict[str, object]) -> None:
    decision = Talk().say(**message)
    assert errors(decision) == [ErrorCode.AUTH_FAILED]
    assert closing(decision) is CloseCode.AUTH_FAILED


@pytest.mark.parametrize("payload", [None, "x", [], {}, {"token": 1}, {"token": "t", "more": 1}])
def test_a_malformed_auth_is_refused_as_such_and_closed(payload: object) -> None:
    decision = Talk().say(type="auth", payload=payload, ref="a")
    assert errors(decision) == [ErrorCode.INVALID_MESSAGE_FORMAT]
    assert closing(decision) is CloseCode.AUTH_FAILED


def test_silence_before_auth_closes_after_five_seconds() -> None:
    talk = Talk()
    assert talk.wait(4.9) == []
    effects = talk.wait(0.1)
    assert errors(effects) == [ErrorCode.AUTH_FAILED]
    assert closing(effects) is CloseCode.AUTH_TIMEOUT


def test_a_good_token_opens_the_session_and_says_what_holds() -> None:
    talk = Talk("write:dossier:*")
    asked = only(talk.say(type="auth", payload={"token": "t", "session_id": "old"}, ref="a"), VerifyToken)
    assert asked == VerifyToken("t", "old", "a")
    assert only(talk.session.verified(talk.who, asked, talk.at), OpenSession) == OpenSession("old", "a")
    success, state = talk.session.opened("old", 3, "a")
    assert isinstance(success, Send)
    assert isinstance(state, Send)
    assert isinstance(success.event, responses.AuthSuccess)
    assert success.event.ref == "a"
    assert success.event.payload.permissions == ["write:dossier:*", "read:global", "read:user:ali"]
    assert state.event == responses.ConnectionStateMessage(state="authenticated", session_id="old", reconnect_count=3)


@pytest.mark.parametrize(("revoked", "code"), [(False, CloseCode.AUTH_FAILED), (True, CloseCode.REVOKED)])
def test_a_bad_token_closes(revoked: bool, code: CloseCode) -> None:
    talk = Talk()
    asked = only(talk.say(type="auth", payload={"token": "t"}), VerifyToken)
    decision = talk.session.token_refused(asked, talk.at, revoked=revoked)
    assert errors(decision) == [ErrorCode.INVALID_TOKEN]
    assert closing(decision) is code
    assert talk.session.state is SessionState.CLOSED
    assert talk.say(type="ping").effects == []


def test_the_eleventh_connection_is_refused() -> None:
    talk = Talk()
    asked = only(talk.say(type="auth", payload={"token": "t"}), VerifyToken)
    talk.session.verified(talk.who, asked, talk.at)
    decision = talk.session.connection_limit("a", talk.at)
    assert errors(decision) == [ErrorCode.RATE_LIMIT_EXCEEDED]
    assert closing(decision) is CloseCode.CONNECTION_LIMIT


# --- renewal and the end of a token ---------------------------------------------------------------------------------


def renewal(talk: Talk) -> VerifyToken:
    return only(talk.say(type="auth", payload={"token": "t2"}, ref="n"), VerifyToken)


def test_a_renewal_takes_the_new_rights_at_once() -> None:
    talk = Talk("read:dossier:*", "read:workspace:*").live()
    talk.say(type="subscribe", channel=SA)
    talk.say(type="subscribe", channel="workspace:1")
    asked = renewal(talk)
    decision = talk.session.verified(identity("read:workspace:*"), asked, talk.at)
    success, leave, error, ended = decision.effects
    assert isinstance(success, Send)
    assert isinstance(success.event, responses.AuthSuccess)
    assert leave == Leave(SA)
    assert errors([error]) == [ErrorCode.SUBSCRIPTION_FAILED]
    assert ended == Send(responses.Unsubscribed(channel=SA))
    assert talk.session.subscriptions == {"workspace:1"}


def test_a_renewal_by_another_user_closes() -> None:
    talk = Talk().live()
    decision = talk.session.verified(identity(user="bea"), renewal(talk), talk.at)
    assert errors(decision) == [ErrorCode.AUTH_FAILED]
    assert closing(decision) is CloseCode.AUTH_FAILED


def test_a_bad_renewal_keeps_the_connection_and_the_third_closes_it() -> None:
    talk = Talk().live()
    for _ in range(2):
        decision = talk.session.token_refused(renewal(talk), talk.at)
        assert errors(decision) == [ErrorCode.INVALID_TOKEN]
        assert closing(decision) is None
    assert closing(talk.session.token_refused(renewal(talk), talk.at)) is CloseCode.AUTH_FAILED


@pytest.mark.parametrize(("life", "notice_at"), [(3_600, 3_540), (120, 60), (40, 20)])
def test_the_end_of_a_token_is_announced_and_then_closes(life: int, notice_at: int) -> None:
    talk = Talk()
    talk.who = identity(ends=1_000 + life)
    talk.live()
    passed = 0.0
    while passed < life - 0.5:
        talk.session.heard(talk.at)
        effects: list[Effect] = [e for e in talk.wait(0.5) if not isinstance(e, SendPing)]
        passed += 0.5
        if passed == notice_at:
            assert only(effects, Send).event == responses.TokenExpiring(
                payload=responses.TokenExpiringPayload(life - notice_at)
            )
        else:
            assert effects == []
    effects = talk.wait(0.5)
    assert errors(effects) == [ErrorCode.INVALID_TOKEN]
    assert closing(effects) is CloseCode.TOKEN_EXPIRED


@pytest.mark.parametrize("jump", [-86_400.0, -3_600.0, 3_600.0, 86_400.0])
def test_a_jump_of_the_wall_clock_neither_ends_nor_prolongs_a_session(jump: float) -> None:
    talk = Talk().live()
    assert closing(talk.wait(1.0, wall=jump)) is None
    for _ in range(71):
        talk.session.heard(talk.at)
        assert closing(talk.wait(50.0, wall=50.0)) is None
    talk.session.heard(talk.at)
    assert closing(talk.wait(50.0, wall=50.0)) is CloseCode.TOKEN_EXPIRED


def test_seventy_five_silent_seconds_close_and_any_frame_counts() -> None:
    talk = Talk().live()
    for _ in range(3):
        talk.wait(70.0)
        talk.session.heard(talk.at)
    assert closing(talk.wait(74.9)) is None
    assert closing(talk.wait(0.1)) is CloseCode.HEARTBEAT_LOST


def test_the_peer_is_probed_every_twenty_five_seconds() -> None:
    talk = Talk().live()
    probes = 0
    for _ in range(100):
        probes += talk.wait(1.0).count(SendPing())
        talk.session.heard(talk.at)
    assert probes == 4
    assert talk.session.deadline <= talk.at.steady + 25

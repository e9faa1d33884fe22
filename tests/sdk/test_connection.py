"""The connection's decisions, without a loop: frames and time in, effects out."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dossier_realtime.client.errors import AuthFailed, ConnectFailed, ConnectionClosed, ProtocolViolation
from dossier_realtime.client.state.connection import MAX_SILENT_INTERVALS, ClientConnection
from dossier_realtime.client.state.effects import (
    ConnectionState,
    DeliverUnknown,
    Dial,
    Drop,
    Effect,
    EnterState,
    ErrorReport,
    Reject,
    Unasked,
)
from dossier_realtime.protocol import codec, responses
from dossier_realtime.protocol.commands import Auth, Ping
from dossier_realtime.protocol.errors import CloseCode, ErrorCode
from dossier_realtime.protocol.events import Event
from tests.sdk.samples import SA, auth_success, delivered, fresh_connection, live_connection, log_in, written

State = ConnectionState


def receive(connection: ClientConnection, event: Event | dict[str, Any], now: float = 1) -> list[Effect]:
    return connection.received(msgspec.json.encode(event), now)


def error(code: ErrorCode, ref: str | None = None, channel: str | None = None) -> responses.ErrorMessage:
    return responses.ErrorMessage(error_code=code, message="no", timestamp=1, ref=ref, channel=channel)


def test_it_dials_then_authenticates_then_is_authenticated() -> None:
    connection = fresh_connection()
    assert connection.start() == [EnterState(State.CONNECTING), Dial()]
    opened = connection.opened("secret", 0)
    (auth,) = written(opened)
    assert isinstance(auth, Auth)
    assert (opened[0], auth.payload.token) == (EnterState(State.CONNECTED), "secret")
    assert receive(connection, auth_success(auth.ref)) == [EnterState(State.AUTHENTICATED)]
    assert connection.start() == []


# --- K02 -------------------------------------------------------------------------------------------


def test_an_auth_success_that_nobody_asked_for_breaks_the_connection() -> None:
    connection = live_connection()
    report, drop, entered = receive(connection, auth_success("1"))
    assert isinstance(report, ErrorReport)
    assert isinstance(report.error, ProtocolViolation)
    assert isinstance(drop, Drop)
    assert (drop.code, entered) == (CloseCode.PROTOCOL_ERROR, EnterState(State.RECONNECTING))


@pytest.mark.parametrize("ref", [None, "guessed"])
def test_an_auth_success_that_answers_no_auth_of_ours_breaks_the_connection(ref: str | None) -> None:
    connection = fresh_connection()
    connection.start()
    connection.opened("token", 0)
    receive(connection, auth_success(ref))
    assert connection.state is State.RECONNECTING


def test_what_comes_before_the_socket_is_open_means_nothing() -> None:
    connection = fresh_connection()
    connection.start()
    assert receive(connection, auth_success(None)) == []
    assert connection.state is State.CONNECTING


def test_a_message_before_auth_success_breaks_the_connection() -> None:
    connection = fresh_connection()
    connection.start()
    connection.opened("token", 0)
    receive(connection, delivered(1))
    assert connection.state is State.RECONNECTING


def test_without_auth_success_within_ten_seconds_it_reconnects() -> None:
    connection = fresh_connection()
    connection.start()
    connection.opened("token", 0)
    assert connection.deadline(0) == 10
    assert connection.tick(9.9) == []
    assert connection.tick(10) == [
        Drop(CloseCode.AUTH_TIMEOUT, "no auth_success"),
        EnterState(State.RECONNECTING),
    ]
    assert connection.tick(10.25) == [Dial()]


# --- heartbeat (K10) ---------------------------------------------------------------------------------


def test_it_pings_at_the_interval_that_the_server_gave() -> None:
    connection = live_connection(heartbeat=20)
    assert connection.deadline(0) == 20
    assert [type(command) for command in written(connection.tick(20))] == [Ping]
    assert connection.tick(39.9) == []
    assert [type(command) for command in written(connection.tick(40))] == [Ping]


def test_a_server_silent_for_two_and_a_half_intervals_is_left() -> None:
    connection = live_connection()
    connection.tick(30)
    connection.tick(60)
    assert connection.deadline(60) == 75
    assert connection.tick(75) == [
        Drop(CloseCode.HEARTBEAT_LOST, "the server is silent"),
        EnterState(State.RECONNECTING),
    ]


def test_a_server_whose_long_frame_is_still_coming_is_not_silent() -> None:
    connection = live_connection()
    for now in range(10, 600, 10):
        connection.bytes_received(now)
        assert not any(isinstance(effect, Drop) for effect in connection.tick(now + 9))
    assert any(isinstance(effect, Drop) for effect in connection.tick(590 + MAX_SILENT_INTERVALS * 30))


def test_any_frame_is_a_sign_of_life() -> None:
    connection = live_connection()
    receive(connection, responses.Pong(timestamp=1), now=70)
    assert all(not isinstance(effect, Drop) for effect in connection.tick(144))
    assert isinstance(connection.tick(145)[0], Drop)


@pytest.mark.parametrize(("given", "kept"), [(0, 1), (30, 30), (10_000, 300)])
def test_a_senseless_interval_is_bounded(given: int, kept: int) -> None:
    assert live_connection(heartbeat=given).deadline(0) == kept


def test_silence_says_nothing_while_the_socket_is_not_read_but_pings_go_out() -> None:
    connection = live_connection()
    connection.hold(10, held=True)
    for now in range(30, 400, 30):
        assert [type(command) for command in written(connection.tick(now))] == [Ping]
    connection.hold(400, held=False)
    assert all(not isinstance(effect, Drop) for effect in connection.tick(474))
    assert isinstance(connection.tick(475)[0], Drop)


# --- losing it, coming back (K04) ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (1006, State.RECONNECTING),
        (1001, State.RECONNECTING),
        (1011, State.RECONNECTING),
        (1012, State.RECONNECTING),
        (1013, State.RECONNECTING),
        *((code, State.RECONNECTING) for code in range(4000, 4006)),
        (4499, State.RECONNECTING),
        (1000, State.DISCONNECTED),
        (1009, State.ERROR),
        *((code, State.ERROR) for code in range(4500, 4505)),
        (4999, State.ERROR),
    ],
)
def test_a_close_codes_range_decides_whether_it_comes_back(code: int, state: State) -> None:
    connection = live_connection()
    connection.lost(code, "why", 1)
    assert connection.state is state
    assert connection.finished == (state is not State.RECONNECTING)
    assert (connection.deadline(1) is None) == connection.finished


def test_refusals_wait_longer_and_longer_up_to_the_cap() -> None:
    connection = fresh_connection()
    connection.start()
    now, delays = 0.0, []
    for _ in range(9):
        connection.refused(ConnectFailed("refused"), now)
        due = connection.deadline(now)
        assert due is not None
        delays.append(due - now)
        assert connection.tick(due - 0.01) == []
        assert connection.tick(due) == [Dial()]
        assert connection.tick(due) == []
        now = due
    assert delays == pytest.approx([0.25, 0.5, 1, 2, 4, 8, 15, 15, 15])
    assert connection.state is State.RECONNECTING


@pytest.mark.parametrize(("lasted", "delay"), [(0.0, 0.5), (4.9, 0.5), (5.0, 0.25)])
def test_only_a_connection_that_lasted_resets_the_back_off(lasted: float, delay: float) -> None:
    connection = fresh_connection()
    connection.start()
    connection.refused(ConnectFailed("refused"), 0)
    log_in(connection, 10)
    connection.lost(1006, "", 10 + lasted)
    assert connection.deadline(10) == pytest.approx(10 + lasted + delay)


@pytest.mark.parametrize(("said", "kept"), [(7.0, 7.0), (1e9, 300.0)])
def test_it_stays_away_as_long_as_the_server_says_within_reason(said: float, kept: float) -> None:
    connection = live_connection()
    farewell = responses.ConnectionStateMessage(
        state="reconnecting", session_id="session-1", reconnect_count=0, retry_after=said
    )
    receive(connection, farewell, now=6)
    connection.lost(1012, "restart", 6.5)
    assert connection.deadline(7) == pytest.approx(6 + kept + 0.25)


def test_it_honours_the_retry_after_of_a_refused_handshake() -> None:
    connection = fresh_connection()
    connection.start()
    connection.refused(ConnectFailed("busy", status=503, retry_after=12), 0)
    assert connection.deadline(0) == pytest.approx(12.25)


def test_a_final_refusal_ends_a_client_that_never_got_in_but_not_one_that_did() -> None:
    newcomer, regular = fresh_connection(), live_connection()
    newcomer.start()
    wrong = ConnectFailed("404", status=404, final=True)
    newcomer.refused(wrong, 1)
    assert (newcomer.state, newcomer.error) == (State.ERROR, wrong)
    regular.lost(1006, "", 1)
    regular.refused(wrong, 2)
    assert regular.state is State.RECONNECTING


def test_it_asks_for_its_session_again() -> None:
    connection = live_connection()
    connection.lost(1006, "", 1)
    (auth,) = written(connection.opened("token", 2))
    assert isinstance(auth, Auth)
    assert auth.payload.session_id == "session-1"


# --- the end --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [ErrorCode.INVALID_TOKEN, ErrorCode.AUTH_FAILED])
def test_a_refused_token_ends_it_with_the_servers_words(code: ErrorCode) -> None:
    connection = fresh_connection(renewable=False)
    connection.start()
    connection.opened("token", 0)
    assert receive(connection, error(code)) == []
    connection.lost(4500, "", 1)
    assert isinstance(connection.error, AuthFailed)
    assert (connection.error.error_code, str(connection.error)) == (code, "no")


def refuse_the_token(connection: ClientConnection, now: float) -> list[Effect]:
    connection.opened("token", now)
    receive(connection, error(ErrorCode.INVALID_TOKEN), now)
    return connection.lost(4500, "", now)


def test_a_token_function_is_asked_three_times_more_after_a_refused_token_with_back_off() -> None:
    connection = fresh_connection()
    connection.start()
    now, waits = 0.0, []
    for _ in range(3):
        refused = refuse_the_token(connection, now)
        assert isinstance(refused[0], ErrorReport)
        assert connection.state is State.RECONNECTING
        due = connection.deadline(now)
        assert due is not None
        waits.append(due - now)
        now = due
        assert connection.tick(now) == [Dial()]
    assert waits == pytest.approx([1.25, 2.5, 5])  # a function that is 2 s late has given a new one by then
    refuse_the_token(connection, now)
    assert isinstance(connection.error, AuthFailed)
    assert (connection.state, connection.error.error_code) == (State.ERROR, ErrorCode.INVALID_TOKEN)


def test_a_token_that_is_good_again_gives_back_the_three_chances() -> None:
    connection = fresh_connection()
    connection.start()
    for now in range(0, 100, 10):
        refuse_the_token(connection, now)
        log_in(connection, now + 9)
        connection.lost(4002, "token expired", now + 9.5)
        assert connection.state is State.RECONNECTING


@pytest.mark.parametrize(("code", "closed"), [(ErrorCode.AUTH_FAILED, 4500), (ErrorCode.INVALID_TOKEN, 4501)])
def test_neither_a_revoked_token_nor_another_fault_is_tried_again(code: ErrorCode, closed: int) -> None:
    connection = fresh_connection()
    connection.start()
    connection.opened("token", 0)
    receive(connection, error(code))
    connection.lost(closed, "", 1)
    assert connection.state is State.ERROR


def test_who_was_in_before_may_meet_its_own_half_open_connections_three_times() -> None:
    connection = live_connection()
    connection.lost(1006, "", 1)
    for now in (10, 20, 30):
        connection.opened("token", now)
        receive(connection, error(ErrorCode.RATE_LIMIT_EXCEEDED), now)
        connection.lost(4503, "too many connections", now)
        assert connection.state is State.RECONNECTING
    connection.opened("token", 40)
    connection.lost(4503, "too many connections", 40)
    assert isinstance(connection.error, ConnectionClosed)


def test_a_start_that_is_taken_back_leaves_nothing_to_do_and_may_be_followed_by_another() -> None:
    connection = fresh_connection()
    connection.start()
    connection.opened("token", 0)
    drop, entered = connection.abandon()
    assert isinstance(drop, Drop)
    assert (entered, connection.deadline(0)) == (EnterState(State.DISCONNECTED), None)
    assert connection.abandon() == []
    assert connection.start() == [EnterState(State.CONNECTING), Dial()]


def test_too_many_connections_are_no_failure_of_the_token() -> None:
    connection = fresh_connection()
    connection.start()
    connection.opened("token", 0)
    receive(connection, error(ErrorCode.RATE_LIMIT_EXCEEDED))
    connection.lost(4503, "too many connections", 1)
    assert isinstance(connection.error, ConnectionClosed)
    assert connection.error.code == 4503


def test_closing_hangs_up_and_rejects_what_waits() -> None:
    connection = live_connection()
    connection.session.send("9", b"{}", "key", 0, patient=True)
    drop, entered, rejected = connection.close()
    assert isinstance(drop, Drop)
    assert (drop.code, entered) == (CloseCode.NORMAL, EnterState(State.DISCONNECTED))
    assert isinstance(rejected, Reject)
    assert isinstance(rejected.error, ConnectionClosed)
    assert connection.close() == []
    assert connection.deadline(100) is None


# --- frames ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "effect"),
    [
        (b'{"type":"of_a_later_version","payload":{}}', DeliverUnknown),
        (b"no json", ErrorReport),
        (b"[1]", ErrorReport),
        (b'{"type":7}', ErrorReport),
        (b'{"type":"ack"}', ErrorReport),  # a known type, but without what it must have
        (b'{"type":"pong","timestamp":"1"}', ErrorReport),
        (b"[" * 100_000, ErrorReport),
        (b"\xff\xfe", ErrorReport),
    ],
)
def test_an_unreadable_frame_is_told_and_an_unknown_type_handed_on(frame: bytes, effect: type[Effect]) -> None:
    connection = live_connection()
    effects = connection.received(frame, 1)
    assert [type(effect) for effect in effects] == [effect]
    assert connection.state is State.AUTHENTICATED


@pytest.mark.parametrize(
    ("event", "effects"),
    [
        (delivered(1), []),  # K07: nobody subscribed it
        (delivered(1, "user:somebody-else"), []),
        (responses.Ack(ref="77"), []),
        (responses.Subscribed(channel=SA, ref="77"), []),
        (responses.Unsubscribed(channel=SA), []),
        (responses.Pong(timestamp=1), []),
        ({"type": "presence_leave", "channel": SA, "payload": {"user_id": "a"}}, []),
    ],
)
def test_what_nobody_asked_for_is_dropped(event: Event | dict[str, Any], effects: list[Effect]) -> None:
    assert receive(live_connection(), event) == effects


def test_ones_own_channel_and_rate_messages_come_unasked() -> None:
    connection = live_connection()
    texts = {"title": {"en": "a", "ar": "ب"}, "message": {"en": "a", "ar": "ب"}}
    for channel in ({}, {"channel": "user:tester", "offset": 4}):
        said = {"type": "notification", "priority": "low", "payload": {"id": "n", **texts}, **channel}
        (unasked,) = receive(connection, said)
        assert unasked == Unasked(codec.decode_event(msgspec.json.encode(said)))
    warning = responses.RateLimitWarningPayload(current_rate=95, limit=100, reset_in=9, rate_class="general")
    (told,) = receive(connection, responses.RateLimitWarning(payload=warning))
    assert isinstance(told, Unasked)

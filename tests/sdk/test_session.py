"""What outlives a connection: subscriptions and sends, over loss, refusal and rate limits."""

from __future__ import annotations

import pytest

from dossier_realtime.client.errors import ConnectionClosed, DeniedError, NotSubscribed, QueueFull, TimedOut
from dossier_realtime.client.state.connection import ClientConnection
from dossier_realtime.client.state.effects import (
    Deliver,
    Dial,
    Effect,
    End,
    ErrorReport,
    Ready,
    Reject,
    Settle,
    ShowPresence,
    Write,
)
from dossier_realtime.client.state.outbound_frames import frame_of
from dossier_realtime.protocol import responses
from dossier_realtime.protocol.commands import PresenceChange, Since, Subscribe, Unsubscribe, UpdatePresence
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.fields import Position
from dossier_realtime.protocol.inbound import InboundMessage
from tests.sdk.samples import SA, delivered, live_connection, log_in, update, written
from tests.sdk.test_connection import error, receive


def follow(connection: ClientConnection, *, presence: bool = False) -> str:
    (asked,) = written(connection.session.subscribe(SA, presence=presence, hidden=False, since=None))
    assert isinstance(asked, Subscribe)
    assert asked.ref is not None
    return asked.ref


def followed(offset: int = 5) -> ClientConnection:
    connection = live_connection()
    ref = follow(connection)
    ready = receive(connection, responses.Subscribed(channel=SA, position=Position("e", offset), ref=ref))
    assert ready == [Ready(SA, Position("e", offset))]
    return connection


def send(connection: ClientConnection, *, patient: bool = True, now: float = 1) -> tuple[str, list[Effect]]:
    ref = connection.session.next_ref()
    frame = frame_of(SA, update(), ref, f"key-{ref}")
    return ref, connection.session.send(ref, frame, f"key-{ref}", now, patient=patient)


def reconnect(connection: ClientConnection, now: float) -> list[Effect]:
    connection.lost(1006, "", now)
    assert Dial() in connection.tick(now + 60)
    return log_in(connection, now + 60)


# --- channels --------------------------------------------------------------------------------------


def test_a_channel_subscribed_offline_is_asked_for_once_authenticated() -> None:
    connection = live_connection()
    connection.lost(1006, "", 1)
    assert connection.session.subscribe(SA, presence=True, hidden=False, since=Position("e", 3)) == []
    (asked,) = written(log_in(connection, 2))
    assert isinstance(asked, Subscribe)
    assert asked.params.include_presence
    assert asked.params.since == Since(epoch="e", offset=3)


def test_after_a_reconnect_every_channel_is_asked_for_from_its_position_and_then_the_sends() -> None:
    connection = followed(5)
    receive(connection, delivered(6))
    ref, _ = send(connection)
    asked, sent = written(reconnect(connection, 2))
    assert isinstance(asked, Subscribe)
    assert asked.params.since == Since(epoch="e", offset=6)
    assert isinstance(sent, InboundMessage)
    assert (sent.ref, sent.idempotency_key) == (ref, f"key-{ref}")


def test_a_gap_is_asked_for_and_what_comes_meanwhile_waits_for_its_turn() -> None:
    connection = followed(5)
    left, asked = written(receive(connection, delivered(8)))
    assert isinstance(left, Unsubscribe)
    assert isinstance(asked, Subscribe)
    assert asked.params.since == Since(epoch="e", offset=5)
    assert receive(connection, delivered(9)) == []
    receive(connection, responses.Subscribed(channel=SA, position=Position("e", 9), recovered=True, ref=asked.ref))
    positions = []
    assert receive(connection, responses.Unsubscribed(channel=SA, ref=left.ref)) == []
    for offset in (6, 7, 8, 9, 9, 10):
        positions += [told.position for told in receive(connection, delivered(offset)) if isinstance(told, Deliver)]
    assert positions == [Position("e", offset) for offset in (6, 7, 8, 9, 10)]


def test_the_answer_to_a_subscribe_that_was_taken_back_is_ignored() -> None:
    connection = live_connection()
    ref = follow(connection)
    (left,) = written(connection.session.unsubscribe(SA))
    assert isinstance(left, Unsubscribe)
    again = follow(connection)
    assert receive(connection, responses.Subscribed(channel=SA, position=Position("e", 1), ref=ref)) == []
    assert receive(connection, responses.Unsubscribed(channel=SA, ref=left.ref)) == []
    assert receive(connection, delivered(2)) == []
    assert receive(connection, responses.Subscribed(channel=SA, position=Position("e", 2), ref=again)) == [
        Ready(SA, Position("e", 2))
    ]


@pytest.mark.parametrize(
    "code", [ErrorCode.SUBSCRIPTION_FAILED, ErrorCode.CHANNEL_NOT_FOUND, ErrorCode.INVALID_MESSAGE_FORMAT]
)
def test_a_refused_subscribe_ends_with_the_servers_error(code: ErrorCode) -> None:
    connection = live_connection()
    (ended,) = receive(connection, error(code, ref=follow(connection), channel=SA))
    assert isinstance(ended, End)
    assert isinstance(ended.error, DeniedError)
    assert ended.error.error_code is code
    assert written(reconnect(connection, 2)) == []


@pytest.mark.parametrize("code", [ErrorCode.RATE_LIMIT_EXCEEDED, ErrorCode.SERVICE_UNAVAILABLE])
def test_a_subscribe_that_came_at_a_bad_time_is_tried_again(code: ErrorCode) -> None:
    connection = live_connection()
    assert receive(connection, error(code, ref=follow(connection), channel=SA), now=1) == []
    assert written(connection.tick(15.9)) == []
    (again,) = written(connection.tick(16))
    assert isinstance(again, Subscribe)


def test_a_subscription_that_is_taken_away_ends_and_says_why() -> None:
    connection = followed()
    (ended,) = receive(connection, error(ErrorCode.SUBSCRIPTION_FAILED, channel=SA))
    assert isinstance(ended, End)
    assert isinstance(ended.error, DeniedError)
    assert receive(connection, responses.Unsubscribed(channel=SA)) == []
    bare = followed()
    (ended,) = receive(bare, responses.Unsubscribed(channel=SA))
    assert isinstance(ended, End)
    assert isinstance(ended.error, ConnectionClosed)


def test_a_new_epoch_after_a_reconnect_is_told_as_a_loss() -> None:
    connection = followed(5)
    (asked,) = written(reconnect(connection, 2))
    answer = responses.Subscribed(channel=SA, position=Position("new", 1), recovered=False, ref=asked.ref)
    report, ready = receive(connection, answer, now=63)
    assert isinstance(report, ErrorReport)
    assert (report.channel, ready) == (SA, Ready(SA, Position("new", 1)))


def test_ones_own_channel_comes_unasked_until_it_is_subscribed_and_then_once() -> None:
    connection = live_connection()
    own = "user:tester"
    said = delivered(4, own)
    assert [type(told).__name__ for told in receive(connection, said)] == ["Unasked"]
    (asked,) = written(connection.session.subscribe(own, presence=False, hidden=False, since=Position("e", 3)))
    assert receive(connection, said) != []  # the next of its line, though not yet confirmed
    assert receive(connection, delivered(6, own)) == []  # it waits for 5, which recovery brings
    receive(connection, responses.Subscribed(channel=own, position=Position("e", 6), recovered=True, ref=asked.ref))
    told = [receive(connection, delivered(offset, own)) for offset in (4, 5, 6)]
    assert [len(effects) for effects in told] == [0, 2, 0]  # 6 has come before and waited for 5


# --- presence --------------------------------------------------------------------------------------

ROSTER = responses.Roster(count=1, users=[responses.PresentUser(user_id="a", name="Aisha", role="editor")])


def test_presence_is_the_snapshot_and_then_the_changes() -> None:
    connection = live_connection()
    ref = follow(connection, presence=True)
    _, shown = receive(
        connection, responses.Subscribed(channel=SA, position=Position("e", 0), presence=ROSTER, ref=ref)
    )
    assert isinstance(shown, ShowPresence)
    assert shown.presence.users["a"].name == "Aisha"
    (left,) = receive(connection, {"type": "presence_leave", "channel": SA, "payload": {"user_id": "a"}})
    assert isinstance(left, ShowPresence)
    assert (left.presence.count, dict(left.presence.users)) == (0, {})


def test_asking_for_presence_later_asks_the_server_again_and_loses_nothing() -> None:
    connection = followed(5)
    (asked,) = written(connection.session.subscribe(SA, presence=True, hidden=False, since=None))
    assert isinstance(asked, Subscribe)
    assert asked.params.include_presence
    assert asked.params.since == Since(epoch="e", offset=5)
    assert len(receive(connection, delivered(6))) == 1


def test_ones_own_presence_is_said_again_after_a_reconnect() -> None:
    connection = followed()
    (said,) = written(connection.session.update_presence(SA, PresenceChange(activity="editing")))
    assert isinstance(said, UpdatePresence)
    (asked,) = written(reconnect(connection, 2))
    answer = responses.Subscribed(channel=SA, position=Position("e", 5), recovered=True, ref=asked.ref)
    (again,) = written(receive(connection, answer, now=63))
    assert isinstance(again, UpdatePresence)
    assert again.payload.activity == "editing"


def test_presence_is_not_said_on_a_channel_that_is_not_subscribed() -> None:
    with pytest.raises(NotSubscribed, match="subscribe to it"):
        live_connection().session.update_presence(SA, PresenceChange(status="away"))


# --- sends -----------------------------------------------------------------------------------------


def test_an_ack_settles_its_send_once() -> None:
    connection = live_connection()
    ref, _ = send(connection)
    ack = responses.Ack(ref=ref, channel=SA, offset=1, epoch="e")
    assert receive(connection, ack) == [Settle(ref, ack)]
    assert receive(connection, ack) == []


def test_a_refused_send_is_rejected_with_the_servers_error_and_not_sent_again() -> None:
    connection = live_connection()
    ref, _ = send(connection)
    (rejected,) = receive(connection, error(ErrorCode.PERMISSION_DENIED, ref=ref, channel=SA))
    assert isinstance(rejected, Reject)
    assert isinstance(rejected.error, DeniedError)
    assert rejected.error.retry_after is None
    assert written(reconnect(connection, 2)) == []


def exceeded(retry_after: int) -> responses.RateLimitExceeded:
    payload = responses.RateLimitExceededPayload(retry_after=retry_after, limit=100, rate_class="general")
    return responses.RateLimitExceeded(payload=payload)


def test_a_rate_limited_send_waits_as_long_as_told_and_goes_again() -> None:
    connection = live_connection()
    ref, _ = send(connection)
    receive(connection, exceeded(40), now=1)
    assert receive(connection, error(ErrorCode.RATE_LIMIT_EXCEEDED, ref=ref), now=1) == []
    _, held_back = send(connection, now=2)
    assert held_back == []
    assert [c for c in written(connection.tick(40.9)) if isinstance(c, InboundMessage)] == []
    (again,) = (c for c in written(connection.tick(41)) if isinstance(c, InboundMessage))
    assert (again.ref, again.idempotency_key) == (ref, f"key-{ref}")


def test_who_does_not_want_to_wait_is_told_how_long_it_would_be() -> None:
    connection = live_connection()
    ref, _ = send(connection, patient=False)
    receive(connection, exceeded(40), now=1)
    (rejected,) = receive(connection, error(ErrorCode.RATE_LIMIT_EXCEEDED, ref=ref), now=1)
    assert isinstance(rejected, Reject)
    assert isinstance(rejected.error, DeniedError)
    assert rejected.error.retry_after == 40


def test_a_send_is_asked_to_wait_five_times_and_then_given_up() -> None:
    connection = live_connection()
    ref, _ = send(connection)
    now, refusals = 1.0, 0
    while not (told := receive(connection, error(ErrorCode.RATE_LIMIT_EXCEEDED, ref=ref), now)):
        refusals += 1
        now += 16
        connection.tick(now)
    assert refusals == 5
    assert isinstance(told[0], Reject)


def test_a_send_that_nobody_answers_times_out_and_names_its_key() -> None:
    connection = live_connection()
    ref, _ = send(connection, now=0)
    for now in range(30, 120, 30):
        receive(connection, responses.Pong(timestamp=1), now)
        connection.tick(now)
    rejected = next(effect for effect in connection.tick(120) if isinstance(effect, Reject))
    assert isinstance(rejected.error, TimedOut)
    assert rejected.error.idempotency_key == f"key-{ref}"


def test_offline_a_thousand_sends_wait_and_the_next_is_told_at_once() -> None:
    connection = live_connection()
    connection.lost(1006, "", 1)
    for _ in range(1_000):
        send(connection)
    with pytest.raises(QueueFull):
        send(connection)
    sent = written(log_in(connection, 2))
    assert len(sent) == 64


def test_a_send_that_nobody_waits_for_any_more_is_not_sent_after_a_reconnect() -> None:
    connection = live_connection()
    ref, _ = send(connection)
    connection.session.forget(ref)
    assert written(reconnect(connection, 2)) == []


def test_a_send_that_would_not_wait_for_the_rate_is_refused_at_once() -> None:
    connection = live_connection()
    session = connection.session
    session.send("7", b"{}", "key", 0, patient=True)
    hurried = [
        session.send(str(ref), b"{}", "key", 0, patient=False) for ref in range(100, 200)
    ]  # more than the window
    assert all(all(isinstance(told, Write) for told in effects) for effects in hurried)
    no = responses.ErrorMessage(
        error_code=ErrorCode.RATE_LIMIT_EXCEEDED, message="no", timestamp=1, ref="7", retry_after=60
    )
    told = session.received(no, 1)
    rejected = [effect for effect in told if isinstance(effect, Reject)]
    assert {effect.ref for effect in rejected} == {str(ref) for ref in range(163, 200)}
    assert all(isinstance(effect.error, DeniedError) and effect.error.retry_after == 60 for effect in rejected)
    with pytest.raises(DeniedError, match="60 s") as refused:
        session.send("300", b"{}", "key", 1, patient=False)
    assert (refused.value.error_code, refused.value.retry_after) == (ErrorCode.RATE_LIMIT_EXCEEDED, 60)
    assert session.send("301", b"{}", "key", 1, patient=True) == []
    session.send("302", b"{}", "key", 62, patient=False)  # the pause is over

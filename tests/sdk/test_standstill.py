"""After a standstill of the process: read what waits in the socket first, then judge time."""

from __future__ import annotations

from dossier_realtime.client.intents import ConnectionState, Drop, EnterState, Settle
from dossier_realtime.protocol import answers
from dossier_realtime.protocol.commands import Auth, Ping
from tests.sdk.samples import SA, auth_success, fresh_connection, live_connection, written
from tests.sdk.test_connection import hear

State = ConnectionState


def test_after_a_standstill_what_waits_in_the_socket_is_read_before_time_is_judged() -> None:
    connection = live_connection()
    connection.session.send("7", b'{"type":"ping"}', "key", 0, patient=True)
    connection.stood_still(200)
    told = connection.tick(200)
    assert [type(command) for command in written(told)] == [Ping]
    assert len(told) == 1  # neither a drop nor a time-out
    (settled,) = hear(connection, answers.Ack(ref="7", channel=SA), 201)
    assert isinstance(settled, Settle)
    assert all(not isinstance(intent, Drop) for intent in connection.tick(206))


def test_a_connection_that_died_in_a_standstill_is_left_soon_after_it() -> None:
    connection = live_connection()
    connection.session.send("7", b'{"type":"ping"}', "key", 0, patient=True)
    connection.stood_still(200)
    connection.tick(200)
    assert connection.deadline(200) == 205
    drop, entered = connection.tick(205)
    assert isinstance(drop, Drop)
    assert entered == EnterState(State.RECONNECTING)


def test_an_answer_to_auth_that_came_in_a_standstill_is_read() -> None:
    connection = fresh_connection()
    connection.start()
    (auth,) = written(connection.opened("token", 0))
    assert isinstance(auth, Auth)
    connection.stood_still(100)
    assert connection.tick(100) == []
    assert hear(connection, auth_success(auth.ref), 100) == [EnterState(State.AUTHENTICATED)]


def test_a_program_that_stands_still_all_the_time_is_not_given_time_without_end() -> None:
    connection = live_connection()
    connection.stood_still(100)
    connection.stood_still(104)
    assert isinstance(connection.tick(105)[0], Drop)

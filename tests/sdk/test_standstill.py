"""After a standstill of the process: read what waits in the socket first, then judge time."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from dossier_realtime.client.state.effects import ConnectionState, Drop, EnterState, Settle
from dossier_realtime.client.testing import FakeServer
from dossier_realtime.protocol import responses
from dossier_realtime.protocol.commands import Auth, Ping
from dossier_realtime.protocol.inbound import InboundMessage
from tests.harness.eventually import eventually_async
from tests.harness.measurements import FULL
from tests.sdk.client_harness import run
from tests.sdk.samples import SA, auth_success, fresh_connection, live_connection, written
from tests.sdk.test_connection import receive

State = ConnectionState

LID_CLOSED = 130.0 if FULL else 4.0  # seconds; beyond every time-out of the client either way
SEND_TIMEOUT = 120.0 if FULL else 2.0
HEARTBEAT = 30 if FULL else 1

PROGRAM = """
import asyncio, sys
from dossier_realtime.client import DossierRealtimeClient
from tests.sdk.samples import SA, update

async def main():
    client = DossierRealtimeClient("token", sys.argv[1], send_timeout=float(sys.argv[2]))
    async with client:
        for _ in range(2):
            ack = await client.send(SA, update())
            print("acknowledged", ack.offset, flush=True)

asyncio.run(main())
"""


def test_a_lid_closed_for_two_minutes_costs_neither_an_ack_nor_the_connection() -> None:
    """The time-outs are the client's own in a full run; otherwise all of them are shorter by the same factor."""

    async def scene() -> None:
        async with FakeServer() as server:
            server.heartbeat_interval = HEARTBEAT
            server.replies[InboundMessage] = lambda inbound: []
            program = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", PROGRAM, server.url, str(SEND_TIMEOUT)),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            inbound = await server.seen(InboundMessage)
            program.send_signal(signal.SIGSTOP)
            await eventually_async(lambda: _is_stopped(program.pid))
            del server.replies[InboundMessage]
            server.emit(responses.Ack(ref=inbound.ref or "", channel=SA, offset=1, epoch=server.epoch))
            await asyncio.sleep(LID_CLOSED)  # the standstill itself
            program.send_signal(signal.SIGCONT)
            said, wrong = await program.communicate()
            assert said.decode().splitlines() == ["acknowledged 1", "acknowledged 1"], wrong.decode()
            assert (program.returncode, server.handshakes) == (0, 1)

    if FULL:
        asyncio.run(scene())
    else:
        run(scene())


def _is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_after_a_standstill_what_waits_in_the_socket_is_read_before_time_is_judged() -> None:
    connection = live_connection()
    connection.session.send("7", b'{"type":"ping"}', "key", 0, patient=True)
    connection.stood_still(200)
    told = connection.tick(200)
    assert [type(command) for command in written(told)] == [Ping]
    assert len(told) == 1  # neither a drop nor a time-out
    (settled,) = receive(connection, responses.Ack(ref="7", channel=SA), 201)
    assert isinstance(settled, Settle)
    assert all(not isinstance(effect, Drop) for effect in connection.tick(206))


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
    assert receive(connection, auth_success(auth.ref), 100) == [EnterState(State.AUTHENTICATED)]


def test_a_program_that_stands_still_all_the_time_is_not_given_time_without_end() -> None:
    connection = live_connection()
    connection.stood_still(100)
    connection.stood_still(104)
    assert isinstance(connection.tick(105)[0], Drop)

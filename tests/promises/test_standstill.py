"""After a standstill of the process (SIGSTOP, a suspended machine) it reads before it judges that nobody spoke."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import eventually_async
from tests.harness.measurements import Report, Sized
from tests.harness.service import Overrides, Service
from tests.harness.wire import Client

LIVENESS = 6.0  # seconds of silence that end a connection here
SHORT: Overrides = {"session.heartbeat_interval": 2, "session.ping_interval": 2, "session.liveness_timeout": LIVENESS}
PING = {"type": "ping"}


def _stopped(service: Service) -> bool:
    stat = Path(f"/proc/{service.pid}/stat").read_text()
    return stat.rpartition(") ")[2].startswith("T")


def test_who_pings_through_a_standstill_of_the_service_stays(tmp_path: Path, report: Report, sized: Sized) -> None:
    rounds, count = sized(2, 10), sized(10, 500)

    @asynchronous
    async def play(service: Service) -> None:
        tokens = [service.token(f"u-{number}", "read:*") for number in range(count)]
        clients = [await Client.connect(service, token) for token in tokens]
        for _ in range(rounds):
            await asyncio.sleep(0.5)  # an idle service waits in its selector, and that is where it is to be stopped
            service.signal(signal.SIGSTOP)
            await eventually_async(lambda: _stopped(service))
            loop = asyncio.get_running_loop()
            until = loop.time() + 1.5 * LIVENESS
            while loop.time() < until:  # the time that stands still is the scene, and decides nothing
                for client in clients:
                    await client.send(PING)
                await asyncio.sleep(LIVENESS / 3)
            service.signal(signal.SIGCONT)
            for client in clients:
                assert (await client.ask(PING))["type"] == "pong"
        closed = [client.closed for client in clients if client.closed is not None]
        report(f"{count} clients, {rounds} standstills of {1.5 * LIVENESS:g} s: {len(closed)} closed")
        assert closed == []
        for client in clients:
            await client.close()

    with Service(tmp_path / "data", {**SHORT, "limits.handshakes_per_second": 10_000}) as service:
        play(service)
        service.stop()
        service.assert_log_clean()

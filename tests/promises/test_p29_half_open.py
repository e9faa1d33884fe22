"""P29: peers that are half open are found and leave; and a user's tabs get in beside lines that broke half open."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import eventually_async
from tests.harness.measurements import FULL, Report, Sized
from tests.harness.service import Overrides, Service
from tests.harness.wire import Client
from tests.promises.proxy import Proxy

CHANNEL = "workspace:shared"
# As they are in production, in full; else everything ten times as fast.
FAST: Overrides = {"session.heartbeat_interval": 3, "session.ping_interval": 2.5, "session.liveness_timeout": 7.5}
SETTINGS: Overrides = {**({} if FULL else FAST), "limits.handshakes_per_second": 10_000}
TABS, GENERATIONS, CONNECTION_LIMIT = 10, 4, 4503


def test_p29_half_open_peers_are_found_and_leave(tmp_path: Path, report: Report, sized: Sized) -> None:
    count = sized(20, 50)

    @asynchronous
    async def play(service: Service) -> None:
        async with Proxy(service) as line, await Client.connect(service, service.token("watcher", "read:*")) as watcher:
            peers = [await Client.connect(line, service.token(f"u-{number}", "read:*")) for number in range(count)]
            for peer in peers:
                await peer.subscribe(CHANNEL)
            answer = await watcher.subscribe(CHANNEL, include_presence=True)
            assert answer["presence"]["count"] == count + 1
            line.stall()
            began = time.monotonic()
            left = {(await watcher.receive("presence_leave"))["payload"]["user_id"] for _ in range(count)}
            last = time.monotonic() - began
            assert left == {f"u-{number}" for number in range(count)}
            assert watcher.closed is None
            await eventually_async(lambda: service.metrics()["dossier_sessions"] == 1)
            report(f"{count} half-open peers: all found, the last one left after {last:.1f} s")
            for peer in peers:
                await peer.drop()

    with Service(tmp_path / "data", SETTINGS) as service:
        play(service)
        service.stop()
        service.assert_log_clean()


async def _tab(line: Proxy, token: str, refusals: list[float]) -> Client:
    """A tab that comes back until it is let in, as a page that is opened again does."""
    found: list[Client] = []

    async def is_in() -> bool:
        client = await Client.unauthenticated(line)
        await client.send({"type": "auth", "payload": {"token": token}})
        await eventually_async(lambda: client.messages)
        if client.messages[0]["type"] == "auth_success":
            found.append(client)
            return True
        refusals.append(time.monotonic())
        await client.expect_close(CONNECTION_LIMIT)
        await client.close()
        return False

    await eventually_async(is_in, poll=0.5)
    return found[0]


def test_forty_tabs_of_one_user_get_in_over_half_open_lines(tmp_path: Path, report: Report) -> None:
    """Four times ten tabs: each time the line under ten of them breaks half open, and ten new ones come."""

    @asynchronous
    async def play(service: Service) -> None:
        token, refusals = service.token("nora", "read:*"), list[float]()
        lines = [Proxy(service) for _ in range(GENERATIONS)]
        tabs: list[Client] = []
        took: list[float] = []
        for line in lines:
            await line.__aenter__()
            began = time.monotonic()
            fresh = await asyncio.gather(*(_tab(line, token, refusals) for _ in range(TABS)))
            took.append(time.monotonic() - began)
            for tab in fresh:
                assert (await tab.ask({"type": "ping"}))["type"] == "pong"
            tabs += fresh
            assert service.metrics()["dossier_sessions"] == TABS
            if line is not lines[-1]:
                line.stall()
        waits = ", ".join(f"{seconds:.1f}" for seconds in took)
        report(f"{len(tabs)} tabs, {TABS} at a time: all in after {waits} s; {len(refusals)} refusals on the way")
        for tab in tabs:
            await tab.drop()
        for line in lines:
            await line.__aexit__(None, None, None)

    with Service(tmp_path / "data", SETTINGS) as service:
        play(service)
        service.stop()
        service.assert_log_clean()

"""P15: a reconnect storm is absorbed: after kill -9 and a restart every client is back, and how long the loop stood."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

from tests.harness.eventually import eventually_async
from tests.harness.measurements import Report, Sized
from tests.harness.service import Service
from tests.promises.load_clients import CROWD, Peer, percentile, run, until_connected

CHANNEL = "dossier:country:SA"
AT_ONCE = 50  # handshakes under way from this one process: more would measure the process that plays the clients


def test_p15_a_reconnect_storm_is_absorbed(tmp_path: Path, report: Report, sized: Sized) -> None:
    count = sized(300, 1_000)
    window = asyncio.Semaphore(AT_ONCE)

    async def scene(service: Service) -> None:
        tokens = [service.token(f"u-{number}", "read:dossier:*") for number in range(count)]
        peers: list[Peer | None] = [None] * count
        resumed = 0

        async def come(number: int) -> float:
            """Connect, resume and subscribe; returns when all of it was answered (seconds of the steady clock)."""
            before = peers[number]
            session_id = None if before is None else before.login["session_id"]

            async def attempt() -> None:
                async with window:
                    peers[number] = await Peer.connect(service, tokens[number], session_id)

            if before is not None:
                await asyncio.sleep(random.uniform(0, 1))  # noqa: S311  the jitter of a client
            await until_connected(attempt)
            peer = peers[number]
            assert peer is not None
            answer = await peer.ask({"type": "subscribe", "channel": CHANNEL})
            assert answer["type"] == "subscribed", answer
            nonlocal resumed
            resumed += peer.login["session_id"] == session_id
            return time.monotonic()

        await asyncio.gather(*(come(number) for number in range(count)))
        await asyncio.to_thread(service.kill)
        lost = [peer for peer in peers if peer is not None]
        await eventually_async(lambda: all(peer.closed.done() for peer in lost))
        coming = [asyncio.create_task(come(number)) for number in range(count)]
        await asyncio.to_thread(service.start)
        began = time.monotonic()
        back = [at - began for at in await asyncio.gather(*coming)]
        figures = await asyncio.to_thread(service.metrics)
        assert figures["dossier_sessions"] == count
        report(
            f"{count} clients after kill -9: all back, the median {percentile(back, 0.5):.1f} s and the last"
            f" {max(back):.1f} s after the service was ready, {resumed} in their old session;"
            f" longest turn of the loop {1000 * figures['dossier_loop_stall_seconds']:.0f} ms"
        )

    with Service(tmp_path / "data", CROWD) as service:
        run(scene(service))
        service.stop()
        service.assert_log_clean()

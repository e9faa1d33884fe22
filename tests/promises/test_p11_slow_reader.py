"""P11: a reader that stops reading costs little, is sent away, hurts nobody, and recovers everything."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service
from tests.promises.checker import Ledger
from tests.promises.conftest import Report, Sized
from tests.promises.load_clients import (
    CROWD,
    Subscriber,
    door,
    now,
    percentile,
    post,
    run,
    settled,
    until,
    update,
)

MIB = 1 << 20
EVENT, BIG = 1_024, 12_000  # bytes
BATCH = 20  # events a request
WARM_UP = 48 * MIB  # published before anything is measured: the event store's cache has grown to its bound by then
LIVE = 5  # readers who go on reading
RECEIVE_BUFFER = 65_536  # bytes of a paused reader's kernel: what waits there is not the service's cost
COST = 1.25 * MIB
SLOW_CONSUMER = 4000


@dataclass
class Phase:
    """The figures of a stretch of the load while readers were paused. Times in seconds, memory in bytes.

    `closed_after` counts seconds of the load, by the events that were published, whatever the machine makes of them;
    up to the last look that found the session, so that a late look does not count against the service.
    """

    p99: float = 0.0
    memory: int = 0
    waiting: int = 0
    kernel: int = 0
    closed_after: list[float] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)


class Load:
    """A service under a steady load, watched."""

    def __init__(self, service: Service, rate: int) -> None:
        self.service, self.rate, self.ledger = service, rate, Ledger()
        self.live: list[Subscriber] = []
        self._process = psutil.Process(service.pid)
        self._token = service.token("reader", "read:dossier:*")
        self._batches = 0
        self._open: set[str] = set()  # sessions
        self._found: dict[str, int] = {}  # by session: the acks when a look was begun that found it

    async def subscriber(self, name: str) -> Subscriber:
        """A reader who has joined."""
        one = Subscriber(self.service, self.ledger, name, self._token)
        await one.join(receive_buffer=RECEIVE_BUFFER)
        return one

    async def warm_up(self) -> None:
        """Fill every cache there is, that of recovery too.

        With events of random text: the store packs what repeats, and its cache holds packed events.
        """
        async with door(self.service, self.service.token("publisher", "write:dossier:*")) as client:
            for number in range(WARM_UP // BIG // 5):
                messages = [update(f"w{number}.{index}", "dossier:country:EG", BIG) for index in range(5)]
                for message in messages:
                    fields = message["payload"]["fields_changed"]
                    fields[:] = [secrets.token_urlsafe(45).lower().replace("-", "_") for _ in fields]
                answer = await post(client, self.ledger, messages, f"warm-{number}")
                assert answer.status_code == 200, answer.text
        one = await self.subscriber("warm")
        one.drop()
        await self.publish(2)
        await one.join()
        await settled(self.ledger, [one])
        await one.leave()

    async def publish(self, seconds: float) -> None:
        """The load, for so long."""
        async with door(self.service, self.service.token("publisher", "write:dossier:*")) as client:
            begun = now()
            for number in range(int(seconds * self.rate / BATCH)):
                self._batches += 1
                messages = [update(f"e{self._batches}.{index}", size=EVENT) for index in range(BATCH)]
                answer = await post(client, self.ledger, messages, f"batch-{self._batches}")
                assert answer.status_code == 200, answer.text
                await asyncio.sleep(max(0.0, begun + (number + 1) * BATCH / self.rate - now()))

    async def run(self, seconds: float, paused: int) -> Phase:
        """One stretch, with so many readers who stop reading; once all are sent away, they recover."""
        phase, begun = Phase(), now()
        slow = [await self.subscriber(f"slow{paused}.{number}") for number in range(paused)]
        watching = asyncio.create_task(self._watch(phase))
        publishing = asyncio.create_task(self.publish(seconds))
        await asyncio.gather(*(self._pause(one, phase) for one in slow))
        if not slow:
            await publishing
        phase.p99 = self._p99_since(begun)
        watching.cancel()
        for one in slow:
            await one.join()
        await publishing
        await settled(self.ledger, [*self.live, *slow])
        for one in slow:
            await one.leave()
        return phase

    async def _pause(self, one: Subscriber, phase: Phase) -> None:
        """Stop reading; once sent away, read what is left."""
        peer = one.peer
        assert peer is not None
        peer.pause()
        acks = self.ledger.acks
        session: str = peer.login["session_id"]
        self._open.add(session)
        await until(lambda: session not in self._open)
        phase.closed_after.append(max(0, self._found.get(session, acks) - acks) / self.rate)
        peer.resume()
        phase.codes.append(await asyncio.wait_for(peer.closed, HANG_SECONDS))
        one.account.left()

    async def _watch(self, phase: Phase) -> None:
        """Note the highest memory, and what outboxes and the kernel's send queues hold, until cancelled."""
        async with door(self.service, self.service.token("operator", "admin:*")) as client:
            while True:
                acks = self.ledger.acks
                phase.memory = max(phase.memory, self._process.memory_info().rss)
                rows = (await client.get("/sessions")).json()["sessions"]
                phase.waiting = max(phase.waiting, *(row.get("waiting_bytes", 0) for row in rows))
                phase.kernel = max(phase.kernel, *_send_queues(self.service.port))
                self._open = {row["session_id"] for row in rows}
                self._found |= dict.fromkeys(self._open, acks)
                await asyncio.sleep(0.05)

    def _p99_since(self, begun: float) -> float:
        """From the sending of a request to each delivery of its events to a live reader, since then."""
        return percentile(
            [
                delivery.at - self.ledger.publications[delivery.event].sent
                for one in self.live
                for delivery in one.account.deliveries
                if begun <= delivery.at
            ],
            0.99,
        )


def test_p11_a_paused_reader_costs_little_and_hurts_nobody(tmp_path: Path, report: Report, sized: Sized) -> None:
    rate, seconds, many = sized(1_000, 2_000), sized(3, 20), sized(20, 100)
    with Service(tmp_path / "data", CROWD) as service:
        alone, *with_paused = run(_phases(service, rate, seconds, many))
        service.assert_log_clean()
    figures = []
    for paused, phase in zip((1, many), with_paused, strict=True):
        growth = max(0, phase.memory - alone.memory)
        figures.append(
            f"{paused} paused: closed after {max(phase.closed_after):.1f} s of load, "
            f"{growth / MIB / paused:.2f} MiB each, "
            f"queued ≤ {phase.waiting / MIB:.2f} MiB + {phase.kernel / MIB:.2f} MiB in the kernel, "
            f"others' p99 {1000 * phase.p99:.0f} ms"
        )
    report(f"{rate} × 1 KiB/s, p99 {1000 * alone.p99:.0f} ms with none paused; {'; '.join(figures)}; all recovered")
    for paused, phase in zip((1, many), with_paused, strict=True):
        assert phase.codes == [SLOW_CONSUMER] * paused
        assert phase.waiting + phase.kernel <= COST
        assert phase.memory - alone.memory <= paused * COST
        assert max(phase.closed_after) <= 2.0


def _send_queues(port: int) -> list[int]:
    """Bytes that the kernel holds for each peer of a local port: handed over by the service, not taken by the peer."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    queues = [int(row[4].partition(":")[0], 16) for row in rows if int(row[1].partition(":")[2], 16) == port]
    return [0, *queues]


async def _phases(service: Service, rate: int, seconds: int, many: int) -> list[Phase]:
    load = Load(service, rate)
    await load.warm_up()
    load.live = [await load.subscriber(f"live{number}") for number in range(LIVE)]
    phases = [await load.run(seconds, paused) for paused in (0, 1, many)]
    load.ledger.check()
    assert all(one.recoveries == [] for one in load.live), "a reader who reads was sent away"
    return phases

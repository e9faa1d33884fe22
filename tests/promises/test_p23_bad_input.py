"""P23: whatever comes in is answered or closed by the protocol; nothing breaks, nothing leaks, nobody else notices."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from tests.harness.service import Overrides, Service
from tests.harness.wire import Message, text
from tests.promises.conftest import Report, Sized
from tests.promises.fuzzer import Fuzzer
from tests.promises.load_clients import CROWD, Peer, door, run, update

MIB = 1 << 20
LANES = 4
BURST = 25  # messages that one connection has under way
TOLERANT: Overrides = {
    "session.invalid_messages_per_minute": 10_000,
    "session.frame_timeout": 1,
    "limits.abuse": 1_000_000,
    "limits.edit": 1_000_000,
}
EXPECTED = {1002, 1003, 1006, 1007, 1009, 4001, 4500, 4502}
"""Broken framing, binary, no close frame (the peer spoke past it), not UTF-8, too big, a frame that never ends, a bad
renewal, abuse."""
JUDGED = "dossier_messages_received_total"
HTTP = {200, 400, 403, 409, 413}


class Storm:
    """Hostile input over a few connections, each replaced when it is closed."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.sent = 0
        self.answers: Counter[str] = Counter()
        self.closes: Counter[int] = Counter()
        self.statuses: Counter[int] = Counter()
        self._token = service.token("fuzzer", "admin:*")

    async def blow(self, messages: int, seed: int) -> None:
        """So many messages, over all lanes."""
        async with asyncio.TaskGroup() as group:
            for lane in range(LANES):
                group.create_task(self._lane(messages // LANES, Fuzzer(seed * LANES + lane)))

    async def _lane(self, messages: int, fuzzer: Fuzzer) -> None:
        for _ in range(messages // BURST):
            peer = await Peer.connect(self.service, self._token, on_message=self._note)
            for piece in _burst(fuzzer):
                peer.write(piece)
            self.sent += BURST
            with suppress(ConnectionError):
                await peer.ask({"type": "ping"})
            await peer.close()
            self.closes[await peer.closed] += 1
        async with door(self.service, self._token) as client:
            for _ in range(messages // BURST):
                answer = await client.post("/publish", content=fuzzer.text())
                self.statuses[answer.status_code] += 1
                self.sent += 1

    def _note(self, message: Message) -> None:
        self.answers[str(message.get("error_code", message["type"]))] += 1


def _burst(fuzzer: Fuzzer) -> Iterator[bytes]:
    """Text messages, and now and then something that ends the connection, last."""
    for _ in range(BURST - 1):
        yield text(fuzzer.text())
    yield fuzzer.frames()


def test_p23_bad_input_breaks_nothing(tmp_path: Path, report: Report, sized: Sized) -> None:
    messages = sized(20_000, 100_000)
    with Service(tmp_path / "data", {**CROWD, **TOLERANT}) as service:
        storm, growth, beats = run(_storm(service, messages))
        service.assert_log_clean()
        judged = sum(count for name, count in service.metrics().items() if name.startswith(JUDGED))
    report(
        f"{storm.sent} messages, {storm.closes.total()} connections, {beats} beats of a client beside them: "
        f"no traceback, memory +{growth / MIB:.1f} MiB, closed with {dict(sorted(storm.closes.items()))}"
    )
    assert storm.sent >= messages
    assert judged > messages * 0.9, "most was cut off unread: the test shows little"
    assert storm.answers["INVALID_MESSAGE_FORMAT"] > messages / 10, storm.answers
    assert storm.answers["INTERNAL_ERROR"] == 0
    assert set(storm.closes) - {1000} <= EXPECTED, storm.closes
    assert set(storm.statuses) <= HTTP, storm.statuses
    assert growth <= 20 * MIB


async def _storm(service: Service, messages: int) -> tuple[Storm, int, int]:
    storm, process = Storm(service), psutil.Process(service.pid)
    control = await Peer.connect(service, service.token("control", "write:dossier:control:*"))
    over = asyncio.Event()
    beating = asyncio.create_task(_beat(control, over))
    await storm.blow(messages // 4, seed=1)
    warm = process.memory_info().rss
    await storm.blow(messages - messages // 4, seed=2)
    growth = process.memory_info().rss - warm
    assert not control.closed.done()
    over.set()
    return storm, growth, await beating


async def _beat(control: Peer, over: asyncio.Event) -> int:
    """A client that does everything right gets every answer."""
    beats = 0
    channel = "dossier:control:1"
    assert (await control.ask({"type": "subscribe", "channel": channel}))["type"] == "subscribed"
    while not over.is_set():
        assert (await control.ask(update(f"beat-{beats}", channel)))["type"] == "ack"
        beats += 1
        await asyncio.sleep(0.05)
    return beats

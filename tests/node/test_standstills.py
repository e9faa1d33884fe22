"""The process may stand still between a tick and its deadlines: what waits in the sockets is read before they judge."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from app.core.instant import Instant
from app.node.node import Node
from tests.harness import tokens
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import eventually_async
from tests.harness.in_process import running
from tests.harness.wire import Client

PROBED, LIVENESS, STOOD = 100, 200, 300  # seconds: until a client is probed or counts as silent, and of a standstill
SETTINGS = {
    "session.ping_interval": PROBED,
    "session.heartbeat_interval": PROBED,
    "session.liveness_timeout": LIVENESS,
}


class _Clock:
    """The time of a process, which the test alone moves on."""

    def __init__(self) -> None:
        self.stood = 0.0
        self._began = Instant(time.monotonic(), time.time())

    def __call__(self) -> Instant:
        return Instant(self._began.steady + self.stood, self._began.wall + self.stood)


class _Standstill:
    """A deadline in whose work the process stands still."""

    def __init__(self, clock: _Clock, seconds: float = STOOD) -> None:
        self._clock = clock
        self._seconds = seconds
        self.deadline = clock().steady

    def tick(self, at: Instant) -> None:
        self._clock.stood += self._seconds
        self.deadline = float("inf")


def _tick(node: Node) -> None:
    """Run the tick of the node, in time."""
    assert node._ticker is not None
    node._ticker.cancel()
    node._tick(node.loop.time())
    assert node._is_timing


@pytest.mark.parametrize("where", ["before the first deadline", "between two deadlines"])
@asynchronous
async def test_a_client_that_spoke_in_a_standstill_after_the_tick_stays(where: str, tmp_path: Path) -> None:
    async with running(tmp_path / "data", SETTINGS) as service:
        node, clock = service.node, _Clock()
        node.clock = clock
        client = await Client.connect(service, tokens.token("ali", "read:*"))
        # From here to the next await that waits, the loop does not turn: the ping stays in the socket.
        await client.send({"type": "ping"})
        if where == "between two deadlines":
            node.timers.watch(_Standstill(clock))  # due before the client
        clock.stood += PROBED + 1
        _tick(node)
        if where == "before the first deadline":
            clock.stood += STOOD
        await client.receive("pong")
        await eventually_async(lambda: not node._is_timing)
        await client.settle()
        assert client.closed is None
        await client.close()


@asynchronous
async def test_a_node_whose_deadlines_take_long_reads_now_and_then_and_goes_on(tmp_path: Path) -> None:
    """Each takes longer than half a second: it reads after the first one, and again when five seconds are over."""
    async with running(tmp_path / "data", SETTINGS) as service:
        node, clock, read = service.node, _Clock(), list[float]()
        node.clock, after_reading = clock, node.turns.after_reading

        async def counted() -> None:
            read.append(clock.stood)
            await after_reading()

        node.turns.after_reading = counted  # type: ignore[method-assign]
        for _ in range(16):
            node.timers.watch(_Standstill(clock, 0.75))
        _tick(node)
        await eventually_async(lambda: not node._is_timing)
        assert clock.stood == 16 * 0.75
        assert read == [0.75, 6.75]


@asynchronous
async def test_a_silent_client_is_sent_away_after_a_standstill_too(tmp_path: Path) -> None:
    async with running(tmp_path / "data", SETTINGS) as service:
        node, clock = service.node, _Clock()
        node.clock = clock
        client = await Client.connect(service, tokens.token("ali", "read:*"))
        clock.stood += PROBED + 1
        _tick(node)
        clock.stood += STOOD
        await client.expect_close(4001)
        await client.close()

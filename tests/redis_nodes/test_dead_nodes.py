"""Nodes that are killed or stopped without a farewell: the others clear what they left, and tell it once."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Self

from app.engine.ports.sessions import OpenedSession
from dossier_realtime.protocol.documents.field_locks import LockState
from tests.harness.eventually import HANG_SECONDS, eventually_async
from tests.harness.measurements import Report
from tests.redis_nodes.nodes import CHANNEL, Node, Nodes, member, session

ROUNDS, A_ROUND = 3, 10


class NodeProcess:
    """A process of nodes that are there when it was made."""

    def __init__(self, nodes: Nodes, first: int, count: int) -> None:
        command = [sys.executable, "-m", "tests.redis_nodes.node_process", nodes.url, nodes.prefix]
        self._process = subprocess.Popen([*command, str(first), str(count)], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        while (line := self._process.stdout.readline()) != "there\n":  # it stays open: the nodes write their log to it
            assert line, "the process has ended"

    @classmethod
    async def start(cls, nodes: Nodes, first: int, count: int) -> Self:
        return await asyncio.to_thread(cls, nodes, first, count)

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(HANG_SECONDS)
        assert self._process.stdout is not None
        self._process.stdout.close()


async def _told(users: set[str], told: Callable[[], list[str]]) -> None:
    """Wait until all of the users were told of."""
    await eventually_async(lambda: users <= set(told()), told)


async def _told_of(users: list[str], told: Callable[[], list[str]]) -> None:
    """Wait until exactly these users were told of."""
    await eventually_async(lambda: told() == users, told)


def _freed(node: Node) -> list[str]:
    return [one.payload.field for one in node.told if isinstance(one, LockState) and one.payload.user_id is None]


def test_thirty_killed_nodes_leave_no_ghost_and_each_leave_is_told_once(nodes: Nodes, report: Report) -> None:
    async def scenario() -> None:
        async with nodes.opened("a", "b") as (a, b):
            await a.engine.presence.enter(CHANNEL, member("mine", "stays"))
            waited: list[float] = []
            for first in range(0, ROUNDS * A_ROUND, A_ROUND):
                users = {f"v{number}" for number in range(first, first + A_ROUND)}
                process = await NodeProcess.start(nodes, first, A_ROUND)
                await _told(users, a.joined)
                process.kill()
                killed = time.monotonic()
                await _told(users, a.left)
                waited.append(time.monotonic() - killed)
            shown = ", ".join(f"{one:.1f}" for one in waited)
            report(f"{ROUNDS} times {A_ROUND} nodes killed: the last leave of each time was told after {shown} s")
            everybody = {f"v{number}" for number in range(ROUNDS * A_ROUND)}
            await _told(everybody, b.left)
            for node in (a, b):
                assert sorted(node.left()) == sorted(everybody)
                assert sorted(_freed(node)) == sorted(f"f{number}" for number in range(ROUNDS * A_ROUND))
                # Whoever was told all of it knows who is there.
                assert [one.user_id for one in (await node.engine.presence.roster(CHANNEL)).users] == ["stays"]
            assert [type(one) for one in a.told] == [type(one) for one in b.told]
            assert await a.engine.sessions.sessions() == []
            resumed = await a.engine.sessions.open(session("x", "v0", "a"), "s0", 10)
            assert resumed == OpenedSession("s0", 1, None)

    asyncio.run(scenario())


def test_a_stopped_node_is_cleared_and_enters_again_when_it_goes_on(nodes: Nodes) -> None:
    async def scenario() -> None:
        async with nodes.opened("a") as (a,):
            process = await NodeProcess.start(nodes, 0, 1)
            for turn in range(2):
                process.signal(signal.SIGSTOP)
                await _told_of(["v0"] * (turn + 1), a.left)
                assert (await a.engine.presence.roster(CHANNEL)).count == 0
                process.signal(signal.SIGCONT)
                await _told_of(["v0"] * (turn + 2), a.joined)
                assert (await a.engine.presence.counts()) == {CHANNEL: 1}
                await eventually_async(a.engine.sessions.sessions)
            process.kill()

    asyncio.run(scenario())


def test_a_user_who_came_back_elsewhere_does_not_leave_with_the_dead_node(nodes: Nodes) -> None:
    async def scenario() -> None:
        async with nodes.opened("a") as (a,):
            process = await NodeProcess.start(nodes, 0, 2)
            await a.engine.presence.enter(CHANNEL, member("again", "v0"))
            process.kill()
            await eventually_async(lambda: "v1" in a.left(), a.left)
            await eventually_async(lambda: "f0" in _freed(a), a.told)  # v0's old connection was cleared too
            assert a.left() == ["v1"]
            assert [one.user_id for one in (await a.engine.presence.roster(CHANNEL)).users] == ["v0"]

    asyncio.run(scenario())

"""P2: an acknowledged event survives the kill of its node, and a failover of Redis where the durability says so."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path

from tests.harness.eventually import eventually_async
from tests.harness.redis_server import RedisServer
from tests.harness.service import Service
from tests.promises.checker import Ledger
from tests.promises.conftest import Report, Sized
from tests.promises.load_clients import Publisher, Subscriber, run, settled, until
from tests.promises.node_cluster import SYNCED, Turns, nodes
from tests.promises.proxy import Proxy

WINDOW = 16


class _Load:
    """Readers on every node and publishers that go to the next node when theirs is gone."""

    def __init__(self, running: list[Service], readers: int = 6) -> None:
        self.ledger, self.turns = Ledger(), Turns(running)
        token = running[0].token("reader", "read:dossier:*")
        self.readers = [Subscriber(self.turns, self.ledger, f"r{number}", token) for number in range(readers)]
        writing = running[0].token("publisher", "write:dossier:*")
        self.publishers = [Publisher(self.turns, self.ledger, f"p{n}", writing, window=WINDOW) for n in range(2)]
        self._stopped = False

    async def join(self) -> None:
        for one in self.readers:
            await one.join()

    async def publish(self) -> None:
        """Publish until `stop`."""
        async with asyncio.TaskGroup() as group:
            for publisher in self.publishers:
                group.create_task(self._publish(publisher))

    async def _publish(self, publisher: Publisher) -> None:
        while not self._stopped:
            await publisher.publish(WINDOW)

    def stop(self) -> None:
        self._stopped = True

    async def acked(self, more: int) -> None:
        """Return once so many more events are acknowledged."""
        goal = self.ledger.acks + more
        await until(lambda: self.ledger.acks >= goal)

    async def back(self) -> None:
        """Let readers whose node is gone join at another one, from where they were."""
        for one in self.readers:
            if one.peer is None or one.peer.closed.done():
                one.account.left()
                await one.rejoin()


def test_p02_what_a_killed_node_acknowledged_is_not_lost(tmp_path: Path, report: Report, sized: Sized) -> None:
    kills = sized(4, 30)
    with RedisServer(tmp_path / "redis", *SYNCED) as server, nodes(tmp_path, server) as running:
        ledger = run(_with_kills(running, kills))
        for one in running:
            one.assert_log_clean()
    report(f"2 nodes, {kills} kills of the node that is published to, {ledger.acks} acks: 0 lost, 0 twice")


async def _with_kills(running: list[Service], kills: int) -> Ledger:
    load = _Load(running)
    await load.join()
    working = asyncio.create_task(load.publish())
    for number in range(kills):
        await load.acked(100)
        one = running[number % len(running)]
        await asyncio.to_thread(one.kill)
        await load.acked(50)  # at the other node
        await load.back()
        await asyncio.to_thread(one.start)
    load.stop()
    await working
    await settled(load.ledger, load.readers)
    load.ledger.check()
    return load.ledger


class _Pair:
    """A master and its replica behind one address: what a balancer or sentinels do, done by the test."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.servers = [stack.enter_context(RedisServer(folder / f"redis{number}", *SYNCED)) for number in range(2)]
        self.master, self.replica = self.servers
        self.follow()

    @property
    def port(self) -> int:
        return self.master.port

    def follow(self) -> None:
        self.replica.command("CONFIG", "SET", "repl-diskless-sync-delay", "0")
        self.master.command("CONFIG", "SET", "repl-diskless-sync-delay", "0")
        self.replica.command("REPLICAOF", "127.0.0.1", str(self.master.port))

    def in_step(self) -> bool:
        return b"state=online" in self.master.command("INFO", "replication")

    def fail_over(self) -> None:
        """Kill the master and promote its replica; the old master comes back as the replica of the new one."""
        self.master.kill()
        self.replica.command("REPLICAOF", "NO", "ONE")
        self.master, self.replica = self.replica, self.master
        self.replica.start()
        self.follow()


def test_p02_what_was_acknowledged_as_replicated_survives_failovers(
    tmp_path: Path, report: Report, sized: Sized
) -> None:
    failovers = sized(2, 20)
    with ExitStack() as stack:
        pair = _Pair(tmp_path, stack)
        ledger = run(_with_failovers(tmp_path, pair, failovers))
    report(f"2 nodes, {failovers} failovers, {ledger.acks} acks of durability replicated: 0 lost, 0 twice")


async def _with_failovers(folder: Path, pair: _Pair, failovers: int) -> Ledger:
    await eventually_async(pair.in_step)
    settings = {"storage.durability": "replicated", "storage.replicas": 1}
    async with Proxy(pair) as proxy:
        stack = ExitStack()
        running = await asyncio.to_thread(stack.enter_context, nodes(folder, proxy, settings))
        try:
            load = _Load(running)
            await load.join()
            working = asyncio.create_task(load.publish())
            for _ in range(failovers):
                await load.acked(100)
                await asyncio.to_thread(pair.fail_over)
                proxy.reset()
                await eventually_async(pair.in_step)
                await load.acked(50)
                await load.back()
            load.stop()
            await working
            await settled(load.ledger, load.readers)
            load.ledger.check()
            for one in running:
                one.assert_log_clean()
            return load.ledger
        finally:
            await asyncio.to_thread(stack.close)

"""P9 and P16 in networks that are cut: sockets stay, nothing is falsely acknowledged, and presence is the truth again.

Each machine is a network namespace (`over_nodes/namespaces.py`), so that a cut loses packets and tells nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from dossier_realtime import ConnectionState
from tests.harness.eventually import eventually, eventually_async
from tests.harness.redis_server import RedisServer
from tests.harness.service import Service
from tests.harness.wire import Message
from tests.promises.checker import Ledger, Place
from tests.promises.conftest import Report
from tests.promises.load_clients import CHANNEL, Peer, now, run, until, update
from tests.promises.node_cluster import SYNCED
from tests.promises.node_cluster import node as node_on
from tests.promises.over_nodes.machines import MachineNode, MachineRedis, sentinel
from tests.promises.over_nodes.namespaces import Network, no_networks
from tests.promises.over_nodes.roaming_reader import RoamingReader
from tests.promises.proxy import Proxy
from tests.redis.secure_server import Authority

T = TypeVar("T")
TRIES = 10  # publishes during a cut


@pytest.fixture
def network() -> Iterator[Network]:
    if reason := no_networks():
        pytest.skip(reason)
    with Network() as made:
        yield made


@dataclass(slots=True)
class Office:
    """A reader at each node, who sees who is there, and a writer at each, all of whose sends are kept account of."""

    nodes: Sequence[Service]
    ledger: Ledger = field(default_factory=Ledger)
    readers: list[RoamingReader] = field(default_factory=list)
    writers: list[Peer] = field(default_factory=list)

    async def open(self) -> None:
        for number, node in enumerate(self.nodes, 1):
            self.readers.append(await self.reader(node, f"r{number}"))
            token = node.token(f"w{number}", "write:dossier:*")
            self.writers.append(await Peer.connect(node, token, host=_host(node)))

    async def reader(self, node: Service, name: str) -> RoamingReader:
        token, account = node.token(name, "read:dossier:*"), self.ledger.reader(name, CHANNEL)
        return await RoamingReader.join(node.url, token, account, presence=True, insecure=isinstance(node, MachineNode))

    async def publish(self, writer: int, event: str) -> tuple[bool, float]:
        """Return whether the event was acknowledged, and the seconds that took."""
        began = now()
        self.ledger.sent(event, CHANNEL, began)
        answer: Message = await self.writers[writer].ask(update(event) | {"idempotency_key": event})
        if answer["type"] == "ack":
            self.ledger.acked(event, Place(answer["epoch"], answer["offset"]), now())
            return True, now() - began
        assert answer["error_code"] == "SERVICE_UNAVAILABLE", answer
        return False, now() - began

    async def acked(self, writer: int, events: Sequence[str]) -> None:
        """Publish until each is acknowledged, each under its key."""
        for event in events:
            await eventually_async(lambda event=event: self._is_acked(writer, event))  # type: ignore[misc]

    async def _is_acked(self, writer: int, event: str) -> bool:
        return (await self.publish(writer, event))[0]

    async def refused(self, writer: int) -> tuple[list[str], float]:
        """Publish while nothing can be kept: all is refused. Returns the events, and the longest time in seconds."""
        events = [f"cut{number}" for number in range(TRIES)]
        answers = await asyncio.gather(*(self.publish(writer, event) for event in events))
        assert not any(acked for acked, _ in answers), "acknowledged while it could not be kept"
        return events, max(seconds for _, seconds in answers)

    async def same(self, users: set[str]) -> None:
        """Return when every reader sees these users, and no others."""
        await until(lambda: all(one.present() == users for one in self.readers))

    async def caught_up(self) -> None:
        await until(lambda: all(one.account.present and self.ledger.caught_up(one.account) for one in self.readers))

    async def close(self) -> None:
        assert [fault for one in self.readers for fault in one.faults] == []
        self.ledger.check()
        for one in self.readers:
            await one.client.close()

    def sockets_stayed(self) -> bool:
        return not any(peer.closed.done() for peer in self.writers) and not any(one.moves for one in self.readers)


def _host(node: Service) -> str:
    return node.machine.front if isinstance(node, MachineNode) else "127.0.0.1"


def _two_nodes(
    stack: ExitStack, network: Network, folder: Path, settings: Mapping[str, object] | None = None
) -> list[MachineNode]:
    """Run two nodes, each on a machine of its own, and their Redis on a third."""
    authority = Authority(folder / "authority")
    store, machines = network.machine(), [network.machine(), network.machine()]
    server = stack.enter_context(MachineRedis(folder / "redis", store, authority))
    made = [MachineNode(folder, machine, authority, server.url, settings or {}) for machine in machines]
    return [stack.enter_context(one) for one in made]


async def _through(nodes: Sequence[Service], scene: Callable[[Office], Awaitable[T]]) -> T:
    """Play a scene, and judge what everybody saw."""
    office = Office(nodes)
    await office.open()
    outcome = await scene(office)
    await office.close()
    for node in nodes:
        node.assert_log_clean()
    return outcome


async def _cut_off(office: Office, cut: Callable[[], None], mend: Callable[[], None]) -> tuple[float, float]:
    """Cut the first node off from Redis until its users count as gone, and mend it; return times in seconds."""
    first, second = office.readers
    leaver = await office.reader(office.nodes[0], "leaver")
    await office.same({"r1", "r2", "leaver"})
    await office.acked(0, ["a1"])
    await office.acked(1, ["b1"])
    cut()
    events, longest = await office.refused(0)
    await office.acked(1, [f"b{number}" for number in range(2, 30)])
    leaver.account.left()
    await leaver.client.close()
    await until(lambda: second.present() == {"r2"})  # the first node has told nobody of its users for too long
    assert office.sockets_stayed()
    mend()
    mended = now()
    await until(lambda: office.ledger.caught_up(first.account))
    healed = now() - mended
    await office.acked(0, events)
    await office.caught_up()
    await office.same({"r1", "r2"})
    assert office.sockets_stayed()
    return longest, healed


def test_a_node_that_is_cut_off_from_redis_keeps_its_clients_and_tells_them_the_truth_after(
    tmp_path: Path, report: Report
) -> None:
    """Where this machine has no networks of its own, a proxy that stalls stands in for the cut."""

    async def by_proxy(stack: ExitStack) -> tuple[float, float]:
        server = stack.enter_context(RedisServer(tmp_path / "redis", *SYNCED))
        async with Proxy(server) as proxy:
            made = [node_on(tmp_path, proxy, "node1"), node_on(tmp_path, server, "node2")]
            started = [await asyncio.to_thread(stack.enter_context, one) for one in made]
            try:
                return await _through(started, lambda office: _cut_off(office, proxy.stall, proxy.flow))
            finally:
                await asyncio.to_thread(stack.close)

    with ExitStack() as stack:
        if no_networks():
            longest, healed = run(by_proxy(stack))
        else:
            network = stack.enter_context(Network())
            nodes = _two_nodes(stack, network, tmp_path)
            cut, mend = (partial(each, nodes[0].machine, "back") for each in (network.cut, network.mend))
            longest, healed = run(_through(nodes, lambda office: _cut_off(office, cut, mend)))
    report(f"{TRIES} publishes refused, the longest after {longest:.2f} s; the hole was filled {healed:.2f} s after")


def test_clients_that_are_cut_off_from_their_node_miss_nothing_however_long_it_takes(
    network: Network, tmp_path: Path, report: Report
) -> None:
    """A short cut is none to them; after a long one they connect again by themselves, and recover."""
    quick = {"session.heartbeat_interval": 2, "session.ping_interval": 2, "session.liveness_timeout": 6}

    async def scene(office: Office) -> float:
        (first, second), machine = office.readers, nodes[0].machine
        await office.same({"r1", "r2"})
        network.cut(machine, "front")
        await office.acked(1, [f"short{number}" for number in range(20)])
        network.mend(machine, "front")
        await until(lambda: office.ledger.caught_up(first.account))
        network.cut(machine, "front")
        await office.acked(1, [f"long{number}" for number in range(20)])
        await until(lambda: second.present() == {"r2"})  # the node gave its silent client up
        await until(lambda: bool(first.client.state is ConnectionState.RECONNECTING))
        network.mend(machine, "front")
        mended = now()
        await office.caught_up()
        healed = now() - mended
        await office.same({"r1", "r2"})
        assert [len(one.moves) for one in office.readers][1] == 0
        return healed

    with ExitStack() as stack:
        nodes = _two_nodes(stack, network, tmp_path, quick)
        healed = run(_through(nodes, scene))
    report(f"after a long cut the client had everything {healed:.2f} s after it was mended")


async def _is_refused(ask: Callable[[], Awaitable[bytes]]) -> bool:
    return b"NOREPLICAS" in await ask()


def test_a_node_left_with_the_old_master_acknowledges_nothing_that_the_others_do_not_have(
    network: Network, tmp_path: Path, report: Report
) -> None:
    """The first machine has a node, the master and one sentinel of three; the others elect another master.

    Joined again, the node learns so from the sentinels, before they demote the old one."""
    authority = Authority(tmp_path / "authority")
    machines = [network.machine("a"), network.machine("b"), network.machine("b")]
    durable = {"storage.durability": "replicated", "storage.replicas": 1}

    async def scene(office: Office) -> tuple[float, float, float]:
        await office.acked(0, [f"a{number}" for number in range(10)])
        await office.acked(1, [f"b{number}" for number in range(10)])
        network.part()
        parted = now()
        # Until it misses its replicas it keeps changes that it acknowledges to nobody: they would be void in the end.
        alone = partial(asyncio.to_thread, servers[0].command, "SET", "probe", "1")
        await eventually_async(lambda: _is_refused(alone))
        events, longest = await office.refused(0)
        await office.acked(1, ["majority"])
        elected = now() - parted
        await office.acked(1, [f"c{number}" for number in range(20)])
        assert not (await office.publish(0, "still-parted"))[0]
        network.join()
        joined = now()
        await office.acked(0, ["still-parted"])
        await until(lambda: office.ledger.caught_up(office.readers[0].account))
        healed = now() - joined
        await office.acked(0, events)
        await office.caught_up()
        await office.same({"r1", "r2"})
        assert office.sockets_stayed()
        return longest, elected, healed

    with ExitStack() as stack:
        folders = [tmp_path / f"redis{number}" for number in range(3)]
        guarded = "--min-replicas-to-write", "1", "--min-replicas-max-lag", "2", "--repl-diskless-sync-delay", "0"
        follow = "--replicaof", f"{machines[0].back} 6379"
        servers = [
            stack.enter_context(MachineRedis(folder, machine, authority, *guarded, *(follow if number else ())))
            for number, (folder, machine) in enumerate(zip(folders, machines, strict=True))
        ]
        eventually(lambda: servers[0].command("INFO", "replication").count(b"state=online") == 2, servers[0].log)
        watching = [
            stack.enter_context(sentinel(tmp_path / f"sentinel{one.number}", one, authority, machines[0], 2))
            for one in machines
        ]
        url = f"rediss+sentinel://{','.join(watching)}/office"
        nodes = [stack.enter_context(MachineNode(tmp_path, one, authority, url, durable)) for one in machines[:2]]
        longest, elected, healed = run(_through(nodes, scene))
    report(
        f"{TRIES} publishes refused at the old master, the longest after {longest:.2f} s; the others took "
        f"changes after {elected:.1f} s; joined again, the node was whole after {healed:.1f} s"
    )

"""P7: what a node was not told of is found and read: soon while others publish, a little later where nobody does.

No node here looks at all its channels twice a minute, as it does otherwise: that would find everything, but late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from tests.harness.eventually import eventually_async
from tests.harness.redis_server import RedisServer
from tests.harness.service import Service
from tests.promises.checker import Ledger
from tests.promises.conftest import FULL, Report, Sized
from tests.promises.faults.hint_proxy import HintProxy, end_of_reply
from tests.promises.load_clients import Publisher, Subscriber, percentile, run, settled, until
from tests.promises.node_cluster import SYNCED, nodes

RATE = 100.0  # events a second of each publisher
BETWEEN_KILLS = 40  # acks
NO_WHOLE_LOOK = "tests.promises.faults.no_whole_look"

T = TypeVar("T")


def test_p07_holes_are_filled_while_others_publish(tmp_path: Path, report: Report, sized: Sized) -> None:
    kills, loss = sized(5, 100), 0.01 if FULL else 0.2
    with RedisServer(tmp_path / "redis", *SYNCED) as server:

        async def play(running: list[Service], proxy: HintProxy) -> tuple[Ledger, list[float], int]:
            return await _publish_through(running, proxy, server, kills)

        ledger, late, lost = run(_with_nodes(tmp_path, server, loss, play))
    report(
        f"2 nodes, {kills} kills of all pub/sub connections, {lost} hints lost ({loss:.0%}), {ledger.acks} events, "
        f"{len(late)} deliveries by the other node: 0 missing; "
        f"after the ack p50 {percentile(late, 0.5):.3f}, p99 {percentile(late, 0.99):.2f}, at most {max(late):.2f} s"
    )


async def _publish_through(
    running: list[Service], proxy: HintProxy, server: RedisServer, kills: int
) -> tuple[Ledger, list[float], int]:
    ledger = Ledger()
    readers = await _readers(running, ledger)
    writing = running[0].token("publisher", "write:dossier:*")
    publishers = [Publisher(one, ledger, f"p{at}", writing, window=8) for at, one in enumerate(running)]
    done = asyncio.Event()
    working = [asyncio.create_task(_go_on(one, done)) for one in publishers]

    async def kill() -> int:
        """Kill the pub/sub connections; return their number, 0 while both nodes connect again."""
        answer = await asyncio.to_thread(server.command, "CLIENT", "KILL", "TYPE", "PUBSUB")
        return int(answer[1:])

    for _ in range(kills):
        goal = ledger.acks + BETWEEN_KILLS
        await until(lambda goal=goal: ledger.acks >= goal)  # type: ignore[misc]
        await eventually_async(kill)
    done.set()
    await asyncio.gather(*working)
    await settled(ledger, readers)
    ledger.check()
    assert proxy.lost, "no hint was lost: the test shows nothing"
    return ledger, _lateness(ledger, running, readers), proxy.lost


async def _go_on(publisher: Publisher, done: asyncio.Event) -> None:
    while not done.is_set():
        await publisher.publish(20, rate=RATE)


def test_p07_holes_are_found_where_nobody_publishes(tmp_path: Path, report: Report, sized: Sized) -> None:
    rounds, channels = sized(2, 20), 20
    with RedisServer(tmp_path / "redis", *SYNCED) as server:

        async def play(running: list[Service], proxy: HintProxy) -> list[float]:
            return [late for number in range(rounds) for late in await _one_each(running, proxy, number, channels)]

        late = run(_with_nodes(tmp_path, server, 0.0, play))
    report(
        f"2 nodes, {rounds} times one event on each of {channels} channels, every hint of it lost: 0 missing; "
        f"after the ack p50 {percentile(late, 0.5):.2f}, p99 {percentile(late, 0.99):.2f}, at most {max(late):.2f} s"
    )


async def _one_each(running: list[Service], proxy: HintProxy, number: int, channels: int) -> list[float]:
    ledger = Ledger()
    names = [f"dossier:country:quiet-{number}-{channel}" for channel in range(channels)]
    reading = running[1].token("reader", "read:dossier:*")
    readers = [Subscriber(running[1], ledger, name, reading, name) for name in names]
    for one in readers:
        await one.join()
    writing = running[0].token("publisher", "write:dossier:*")
    before, proxy.loss = proxy.lost, 1.0
    publishers = [Publisher(running[0], ledger, f"{number}.{at}", writing, name) for at, name in enumerate(names)]
    await asyncio.gather(*(one.publish(1) for one in publishers))
    await until(lambda: proxy.lost - before >= channels)
    proxy.loss = 0.0
    await settled(ledger, readers)
    ledger.check()
    assert [sum(1 for _ in one.account.deliveries) for one in readers] == [1] * channels
    await asyncio.gather(*(one.leave() for one in readers), *(one.close() for one in publishers))
    return _lateness(ledger, [running[0]], readers)


async def _with_nodes(
    folder: Path, server: RedisServer, loss: float, play: Callable[[list[Service], HintProxy], Awaitable[T]]
) -> T:
    async with HintProxy(server, loss) as proxy:
        stack = ExitStack()
        running = await asyncio.to_thread(stack.enter_context, nodes(folder, proxy, module=NO_WHOLE_LOOK))
        try:
            outcome = await play(running, proxy)
            for one in running:
                one.assert_log_clean()
            return outcome
        finally:
            await asyncio.to_thread(stack.close)


async def _readers(running: list[Service], ledger: Ledger) -> list[Subscriber]:
    token = running[0].token("reader", "read:dossier:*")
    readers = [Subscriber(one, ledger, f"r{number}", token) for one in running for number in range(3)]
    for one in readers:
        await one.join()
    return readers


def _lateness(ledger: Ledger, running: list[Service], readers: list[Subscriber]) -> list[float]:
    """Return, for each delivery by another node than the publisher's, the seconds that it came after the ack."""
    node_of = {f"p{at}": one for at, one in enumerate(running)}
    late = []
    for reader in readers:
        for delivery in reader.account.deliveries:
            acked = ledger.publications[delivery.event].acked
            assert acked is not None
            if node_of.get(delivery.event.partition(".")[0]) is not reader.to:
                late.append(max(0.0, delivery.at - acked))
    return late


def test_a_reply_of_redis_ends_where_it_ends() -> None:
    replies = [
        b"+OK\r\n",
        b":7\r\n",
        b"$-1\r\n",
        b"$4\r\na\r\nb\r\n",
        b"*2\r\n*1\r\n$1\r\nx\r\n:1\r\n",
        b"*-1\r\n",
        b"*0\r\n",
    ]
    together, at = b"".join(replies), 0
    for reply in replies:
        assert end_of_reply(together, at) == at + len(reply)
        assert [end_of_reply(reply[:cut]) for cut in range(len(reply))] == [None] * len(reply)
        at += len(reply)

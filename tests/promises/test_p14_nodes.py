"""P14: a rolling restart loses nothing: each node is told to end, its clients go on at the other."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.harness.redis_server import RedisServer
from tests.harness.service import Service
from tests.promises.checker import Ledger
from tests.promises.conftest import Report, Sized
from tests.promises.load_clients import Publisher, percentile, run, until
from tests.promises.node_cluster import SYNCED, Turns, nodes
from tests.promises.over_nodes.balancer import balancer
from tests.promises.over_nodes.roaming_reader import Move, RoamingReader, shares

RATE = 200.0  # events a second, over all channels
READERS = 5  # of each channel


def test_p14_a_rolling_restart_loses_nothing_and_doubles_nothing(tmp_path: Path, report: Report, sized: Sized) -> None:
    """The readers are SDKs behind a balancer: the blackout is what a user of the product sees."""
    clients, rounds = sized(40, 500), sized(1, 5)
    drain = {"server.drain_seconds": sized(4, 20)}
    with RedisServer(tmp_path / "redis", *SYNCED) as server, nodes(tmp_path, server, drain) as running:
        ledger, moves, late = run(_roll(running, tmp_path, clients, rounds))
        for one in running:
            one.assert_log_clean()
    assert len(moves) >= rounds * clients  # each client was sent away by one of the nodes, once a round at least
    p99 = percentile([one.live for one in moves], 0.99)
    report(
        f"2 nodes, {clients} clients, each node restarted {rounds} times, {ledger.acks} acks: 0 lost, 0 twice; "
        f"{len(moves)} moves, blackout p99 {p99:.2f} s (promise: 3), {shares(moves)}; "
        f"oldest event at its delivery {late:.2f} s"
    )


async def _roll(running: list[Service], folder: Path, clients: int, rounds: int) -> tuple[Ledger, list[Move], float]:
    ledger = Ledger()
    channels = [f"dossier:country:C{number}" for number in range(clients // READERS)]
    async with balancer(running, folder) as door:
        token = running[0].token("reader", "read:dossier:*")
        readers = [
            await RoamingReader.join(door.url, token, ledger.reader(f"r{number}", channels[number % len(channels)]))
            for number in range(clients)
        ]
        working = [asyncio.create_task(_publish(running, ledger, one, RATE / len(channels))) for one in channels]
        await until(lambda: ledger.acks >= 50)
        for _ in range(rounds):
            for node in running:
                status = await asyncio.to_thread(node.stop)
                assert status == 0
                await asyncio.to_thread(node.start)
                acked = ledger.acks
                await until(lambda before=acked: ledger.acks >= before + 50)  # type: ignore[misc]
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
        await until(lambda: all(one.account.present and ledger.caught_up(one.account) for one in readers))
        assert [fault for one in readers for fault in one.faults] == []
        ledger.check()
        for one in readers:
            await one.client.close()
    sent = {event: one.sent for event, one in ledger.publications.items()}
    late = max(delivery.at - sent[delivery.event] for one in readers for delivery in one.account.deliveries)
    return ledger, [move for one in readers for move in one.moves], late


async def _publish(running: list[Service], ledger: Ledger, channel: str, rate: float) -> None:
    token = running[0].token("publisher", "write:dossier:*")
    publisher = Publisher(Turns(running), ledger, f"p-{channel.rpartition(':')[2]}", token, channel)
    while True:
        await publisher.publish(50, rate=rate)

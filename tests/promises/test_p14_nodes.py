"""P14: a rolling restart loses nothing: each node is told to end, its clients go on at the other."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.harness.redis_server import RedisServer
from tests.harness.service import Service
from tests.promises.checker import Ledger
from tests.promises.conftest import Report, Sized
from tests.promises.load_clients import Publisher, Subscriber, now, run, settled, until
from tests.promises.node_cluster import SYNCED, Turns, nodes

RATE = 100.0  # events a second of each publisher


def test_p14_a_rolling_restart_loses_nothing_and_doubles_nothing(tmp_path: Path, report: Report, sized: Sized) -> None:
    clients, rounds = sized(40, 500), sized(1, 5)
    drain = {"server.drain_seconds": 1.0}
    with RedisServer(tmp_path / "redis", *SYNCED) as server, nodes(tmp_path, server, drain) as running:
        ledger, blackouts = run(_roll(running, clients, rounds))
        for one in running:
            one.assert_log_clean()
    blackouts.sort()
    p99 = blackouts[int(0.99 * (len(blackouts) - 1))]
    report(
        f"2 nodes, {clients} clients, each node restarted {rounds} times, {ledger.acks} acks: 0 lost, 0 twice; "
        f"{len(blackouts)} moves, blackout p50 {blackouts[len(blackouts) // 2]:.2f} s, p99 {p99:.2f} s"
    )


async def _roll(running: list[Service], clients: int, rounds: int) -> tuple[Ledger, list[float]]:
    ledger, turns = Ledger(), Turns(running)
    token = running[0].token("reader", "read:dossier:*")
    readers = [Subscriber(turns, ledger, f"r{number}", token) for number in range(clients)]
    for one in readers:
        await one.join()
    blackouts: list[float] = []
    following = [asyncio.create_task(_follow(one, blackouts)) for one in readers]
    writing = running[0].token("publisher", "write:dossier:*")
    publishers = [Publisher(turns, ledger, f"p{number}", writing) for number in range(2)]
    working = [asyncio.create_task(_publish(one)) for one in publishers]
    await until(lambda: ledger.acks >= 50)
    for _ in range(rounds):
        for node in running:
            moved = len(blackouts)
            status = await asyncio.to_thread(node.stop)
            assert status == 0
            await asyncio.to_thread(node.start)
            await until(lambda before=moved: len(blackouts) > before)  # type: ignore[misc]
            acked = ledger.acks
            await until(lambda before=acked: ledger.acks >= before + 20)  # type: ignore[misc]
    for task in working:
        task.cancel()
    await asyncio.gather(*working, return_exceptions=True)
    await settled(ledger, readers)
    await until(lambda: all(ledger.caught_up(one.account) for one in readers))
    for task in following:
        task.cancel()
    await asyncio.gather(*following, return_exceptions=True)
    ledger.check()
    return ledger, blackouts


async def _publish(publisher: Publisher) -> None:
    while True:
        await publisher.publish(50, rate=RATE)


async def _follow(reader: Subscriber, blackouts: list[float]) -> None:
    """Join again whenever the connection ends; the time without one goes to `blackouts`."""
    while True:
        assert reader.peer is not None
        await asyncio.shield(reader.peer.closed)
        ended = now()
        reader.account.left()
        await reader.rejoin()
        blackouts.append(now() - ended)

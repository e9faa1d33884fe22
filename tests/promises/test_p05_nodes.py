"""P5 over nodes: one order a channel, whichever node an event comes in by and goes out by."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

from tests.harness.redis_server import RedisServer
from tests.harness.service import Service
from tests.promises.checker import Ledger
from tests.promises.conftest import Report, Sized
from tests.promises.load_clients import Publisher, Subscriber, run, settled
from tests.promises.node_cluster import SYNCED, nodes


def test_p05_subscribers_of_two_nodes_see_one_sequence_of_publishers_of_both(
    tmp_path: Path, report: Report, sized: Sized
) -> None:
    each, readers = sized(150, 5_000), sized(12, 50)
    with RedisServer(tmp_path / "redis", *SYNCED) as server, nodes(tmp_path, server) as running:
        ledger = run(_publish(running, each, readers))
        for one in running:
            one.assert_log_clean()
    sequences = {tuple(one.event for one in reader.deliveries) for reader in ledger.readers}
    (sequence,) = sequences
    assert len(sequence) == len(set(sequence)) == 4 * each
    turns = sum(one.partition(".")[0] != other.partition(".")[0] for one, other in pairwise(sequence))
    assert turns > 4, "the publishers took no turns: the test shows nothing"
    report(f"2 nodes, 4 publishers × {each}, {turns} turns, {readers} subscribers: 1 sequence")


async def _publish(running: list[Service], each: int, readers: int) -> Ledger:
    ledger = Ledger()
    subscribers = [
        Subscriber(to, ledger, f"r{number}", to.token(f"r{number}", "read:dossier:*"))
        for number in range(readers)
        for to in [running[number % len(running)]]
    ]
    for one in subscribers:
        await one.join()
    publishers = [
        Publisher(to, ledger, f"p{number}", to.token(f"p{number}", "write:dossier:*"), window=8)
        for number in range(4)
        for to in [running[number % len(running)]]
    ]
    async with asyncio.TaskGroup() as group:
        for publisher in publishers:
            group.create_task(publisher.publish(each))
    await settled(ledger, subscribers)
    ledger.check()
    return ledger

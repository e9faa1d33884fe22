"""P5, on one node: one order a channel, whoever publishes and over whichever door."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

from tests.harness.service import Service
from tests.promises.checker import Ledger
from tests.promises.conftest import Report, Sized
from tests.promises.load_clients import CROWD, Publisher, Subscriber, door, post, run, settled, update

SUBSCRIBERS = 50
BATCH = 10  # events a request


def test_p05_fifty_subscribers_see_one_sequence_of_four_publishers(
    tmp_path: Path, report: Report, sized: Sized
) -> None:
    each = sized(500, 5_000)
    with Service(tmp_path / "data", CROWD) as service:
        ledger = run(_publish(service, each))
        service.assert_log_clean()
    sequences = {tuple(one.event for one in reader.deliveries) for reader in ledger.readers}
    assert len(ledger.readers) == SUBSCRIBERS
    (sequence,) = sequences
    assert len(sequence) == len(set(sequence)) == 4 * each
    turns = sum(one.partition(".")[0] != other.partition(".")[0] for one, other in pairwise(sequence))
    assert turns > each // BATCH, "the publishers took no turns: the test shows nothing"
    report(f"4 publishers × {each} (2 sockets, 2 HTTP), {turns} turns, {SUBSCRIBERS} subscribers: 1 sequence")


async def _publish(service: Service, each: int) -> Ledger:
    ledger = Ledger()
    subscribers = [
        Subscriber(service, ledger, f"r{number}", service.token(f"r{number}", "read:dossier:*"))
        for number in range(SUBSCRIBERS)
    ]
    for one in subscribers:
        await one.join()
    token = service.token("publisher", "write:dossier:*")
    publishers = [Publisher(service, ledger, f"socket{number}", token, window=8) for number in range(2)]
    async with asyncio.TaskGroup() as group:
        for publisher in publishers:
            group.create_task(publisher.publish(each))
        for number in range(2):
            group.create_task(_publish_over_http(service, ledger, f"http{number}", token, each))
    await settled(ledger, subscribers)
    ledger.check()
    return ledger


async def _publish_over_http(service: Service, ledger: Ledger, name: str, token: str, count: int) -> None:
    async with door(service, token) as client:
        for begin in range(0, count, BATCH):
            messages = [update(f"{name}.{begin + number}") for number in range(BATCH)]
            answer = await post(client, ledger, messages, f"{name}.{begin}")
            assert answer.status_code == 200, answer.text

"""P3: a channel's last 15 minutes and 10,000 events are recovered, over restarts too.

What cannot be recovered any more is said (`recovered: false`), never hidden.
"""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import httpx

from tests.harness.service import Overrides, Service
from tests.promises.checker import Ledger, Place
from tests.promises.conftest import Report, Sized
from tests.promises.load_clients import CROWD, Subscriber, door, post, run, settled, until, update

BATCH = 100  # events a request


def test_p03_every_return_within_the_window_is_exact(tmp_path: Path, report: Report, sized: Sized) -> None:
    clients, events, restarts = sized(25, 200), sized(12_000, 50_000), sized(2, 3)
    with Service(tmp_path / "data", CROWD) as service:
        subscribers, ledger = run(_come_and_go(service, clients, events, restarts))
        service.assert_log_clean()
    returns = [answer for one in subscribers for answer in one.recoveries]
    assert len(returns) >= clients
    assert all(returns), f"{returns.count(False)} of {len(returns)} returns within 15 minutes could not recover"
    report(
        f"{clients} clients, {ledger.acks} events, {restarts} restarts, {len(returns)} returns: "
        f"{ledger.deliveries} deliveries, all exact"
    )


def test_p03_a_return_beyond_the_window_is_told_so(tmp_path: Path, report: Report, sized: Sized) -> None:
    clients, events, restarts = sized(20, 100), sized(6_000, 20_000), sized(2, 3)
    small: Overrides = {"history.events": 500, "history.seconds": 1}
    with Service(tmp_path / "data", {**CROWD, **small}) as service:
        subscribers, ledger = run(
            _come_and_go(service, clients, events, restarts, pause=0.08, absence=3.0, missed=1_500)
        )
        told, kept = run(_ask_for_every_place(service, ledger, events))
        service.assert_log_clean()
    returns = [answer for one in subscribers for answer in one.recoveries]
    assert told, "nothing was ever trimmed: the test shows nothing"
    assert not all(returns), "nobody ever returned too late: the test shows nothing"
    assert kept >= 500, "fewer events are kept than configured"
    report(
        f"window of 500 events or 1 s: {returns.count(True)} exact returns, {returns.count(False)} told so; "
        f"then {kept} of {events} events recoverable, 0 silent gaps"
    )


async def _come_and_go(
    service: Service,
    clients: int,
    events: int,
    restarts: int,
    *,
    pause: float = 0.0,
    absence: float = 0.6,
    missed: int = 0,
) -> tuple[list[Subscriber], Ledger]:
    """Publish over HTTP while clients leave and return at random, and the service restarts (kill -9 every other).

    They stay away for up to `absence` seconds, and every other time until they have missed so many events as well.
    """
    ledger, dice = Ledger(), random.Random(3)  # noqa: S311  the same dice each run, no secret
    token = service.token("reader", "read:dossier:*")
    subscribers = [Subscriber(service, ledger, f"r{number}", token) for number in range(clients)]
    for one in subscribers:
        await one.join()
    finished = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for one in subscribers:
            group.create_task(_wander(one, ledger, finished, dice, absence, missed))
        async with door(service, service.token("publisher", "write:dossier:*")) as client:
            for begin in range(0, events, BATCH):
                for number in range(1, restarts + 1):
                    if begin == number * events // (restarts + 1) // BATCH * BATCH:
                        await asyncio.to_thread(service.restart, hard=bool(number % 2))
                await _publish(client, ledger, begin)
                await asyncio.sleep(pause)
        finished.set()
    await settled(ledger, subscribers)
    ledger.check()
    return subscribers, ledger


async def _publish(client: httpx.AsyncClient, ledger: Ledger, begin: int) -> None:
    messages = [update(f"e{begin + number}") for number in range(BATCH)]
    answer = await post(client, ledger, messages, f"batch-{begin}")
    assert answer.status_code == 200, answer.text


async def _wander(
    one: Subscriber, ledger: Ledger, finished: asyncio.Event, dice: random.Random, absence: float, missed: int
) -> None:
    """Be cut off and return, again and again; at the end, be there."""
    while not finished.is_set():
        await asyncio.sleep(dice.uniform(0.05, 0.6))
        one.drop()
        behind = ledger.acks + (missed if dice.random() < 0.5 else 0)
        await asyncio.sleep(dice.uniform(0.0, absence))
        await until(lambda: ledger.acks >= behind or finished.is_set())  # noqa: B023  it is asked in this turn alone
        await one.rejoin()
    if one.peer is not None and one.peer.closed.done():
        one.account.left()
        await one.rejoin()


async def _ask_for_every_place(service: Service, ledger: Ledger, events: int) -> tuple[int, int]:
    """Recover from places all over the history: how many could not be had, and how many events the oldest brought."""
    token, epoch = service.token("late", "read:dossier:*"), ledger.readers[0].since.epoch
    told, kept = 0, 0
    for offset in sorted({*range(0, events, events // 40), events - 500}):
        one = Subscriber(service, ledger, f"from {offset}", token)
        await one.join(since=Place(epoch, offset))
        await settled(ledger, [one])
        recovered = one.recoveries == [True]
        told += not recovered
        kept = max(kept, sum(1 for _ in one.account.deliveries))
        assert recovered or offset < events - 500, f"the last 500 events were not kept: {offset} of {events}"
        await one.leave()
    ledger.check()
    return told, kept

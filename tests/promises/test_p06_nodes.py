"""P6 over nodes: an event that is sent several times, to any node, takes effect once."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

from tests.harness.redis_server import RedisServer
from tests.harness.service import Service
from tests.promises.checker import Ledger
from tests.promises.conftest import Report, Sized
from tests.promises.load_clients import Subscriber, run, settled, until
from tests.promises.node_cluster import SYNCED, Turns, nodes
from tests.promises.senders.resends import Senders, shuffled_sends, use_keys_for_other_events
from tests.promises.senders.sdk_pair import send_over_broken_connections


def test_p06_what_is_sent_up_to_five_times_to_two_nodes_takes_effect_once(
    tmp_path: Path, report: Report, sized: Sized
) -> None:
    events, kills = sized(300, 10_000), sized(2, 10)
    with RedisServer(tmp_path / "redis", *SYNCED) as server, nodes(tmp_path, server) as running:
        sends, unanswered = run(_send_and_resend(running, events, kills))
        for one in running:
            one.assert_log_clean()
    report(
        f"{events} events in {sends} sends to 2 nodes by sockets and HTTP, {kills} kills of nodes, "
        f"{unanswered} sends without an answer or refused for the moment: each once; "
        "keys used for other bodies refused by both"
    )


async def _send_and_resend(running: list[Service], events: int, kills: int) -> tuple[int, int]:
    ledger, dice = Ledger(), random.Random(6)  # noqa: S311  the same dice each run, no secret
    reading = running[0].token("reader", "read:dossier:*")
    readers = [Subscriber(one, ledger, f"reader of {one.settings['node.id']}", reading) for one in running]
    for reader in readers:
        await reader.join()
    token = running[0].token("publisher", "write:dossier:*")
    sends = shuffled_sends(events, dice)
    async with Senders(running, token, ledger, dice) as senders:
        sending = asyncio.create_task(senders.send(sends))
        for number in range(kills):
            due = (number + 1) * events // (kills + 1)
            await until(lambda due=due: ledger.acks >= due or sending.done())  # type: ignore[misc]
            turn = number % len(running)
            readers[turn].account.left()
            await asyncio.to_thread(running[turn].restart, hard=True)
            await readers[turn].rejoin()
        await sending
        unanswered = senders.unanswered
    await settled(ledger, readers)
    assert ledger.acks == events
    await use_keys_for_other_events(running, token, [f"e{number}" for number in range(0, events, events // 50)])
    for reader in readers:
        assert events == sum(1 for _ in reader.account.deliveries)
        assert reader.peer is not None
        await reader.peer.ask({"type": "ping"})  # behind its pong is nothing that must not come
    ledger.check()
    return len(sends), unanswered


def test_p06_the_sdk_sees_each_event_once_over_connections_that_lead_to_one_node_after_the_other(
    tmp_path: Path, report: Report, sized: Sized
) -> None:
    events, resets = sized(200, 4_000), sized(6, 80)
    with RedisServer(tmp_path / "redis", *SYNCED) as server, nodes(tmp_path, server) as running:
        seen, broken = run(send_over_broken_connections(Turns(running), events, resets))
        for one in running:
            one.assert_log_clean()
    assert Counter(seen) == Counter(f"e{number}" for number in range(events))
    report(
        f"{events} events by an SDK to an SDK over 2 nodes, {broken} connections reset: "
        "each seen once, in order of its offset"
    )

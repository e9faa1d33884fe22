"""P6: an event that is sent several times takes effect once; a key that is used for another event is refused.

Over the socket, over HTTP, over both, over a restart; and, with the SDK at both ends, over connections that break.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

from tests.harness.service import Service
from tests.promises.checker import Ledger
from tests.promises.conftest import Report, Sized
from tests.promises.load_clients import CROWD, Subscriber, run, settled
from tests.promises.senders.resends import Senders, shuffled_sends, use_keys_for_other_events
from tests.promises.senders.sdk_pair import send_over_broken_connections


def test_p06_what_is_sent_up_to_five_times_takes_effect_once(tmp_path: Path, report: Report, sized: Sized) -> None:
    events = sized(1_000, 10_000)
    with Service(tmp_path / "data", CROWD) as service:
        sends = run(_send_and_resend(service, events))
        service.assert_log_clean()
    report(
        f"{events} events in {sends} sends, 2 sockets and HTTP, 1 kill: each once; keys used for other bodies refused"
    )


async def _send_and_resend(service: Service, events: int) -> int:
    ledger, dice = Ledger(), random.Random(6)  # noqa: S311  the same dice each run, no secret
    reader = Subscriber(service, ledger, "reader", service.token("reader", "read:dossier:*"))
    await reader.join()
    token = service.token("publisher", "write:dossier:*")
    sends = shuffled_sends(events, dice)
    half = len(sends) // 2
    async with Senders([service, service], token, ledger, dice) as senders:
        await senders.send(sends[:half])
        await asyncio.to_thread(service.restart, hard=True)
        reader.account.left()
        await reader.rejoin()
        await senders.send(sends[half:])
    await settled(ledger, [reader])
    assert ledger.acks == events == sum(1 for _ in reader.account.deliveries)
    await use_keys_for_other_events([service], token, [f"e{number}" for number in range(0, events, events // 50)])
    assert reader.peer is not None
    await reader.peer.ask({"type": "ping"})  # behind its pong is nothing that must not come
    ledger.check()
    return len(sends)


def test_p06_the_sdk_sees_each_event_once_over_connections_that_break(
    tmp_path: Path, report: Report, sized: Sized
) -> None:
    events, resets = sized(400, 4_000), sized(8, 80)
    with Service(tmp_path / "data", CROWD) as service:
        seen, broken = run(send_over_broken_connections(service, events, resets))
        service.assert_log_clean()
    assert Counter(seen) == Counter(f"e{number}" for number in range(events))
    report(f"{events} events by an SDK to an SDK, {broken} connections reset: each seen once, in order of its offset")

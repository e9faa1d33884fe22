"""P6: an event that is sent several times takes effect once; a key that is used for another event is refused.

Over the socket, over HTTP, over both, over a restart; and, with the SDK at both ends, over connections that break.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

import httpx

from dossier_realtime.client import Backoff, DossierRealtimeClient
from dossier_realtime.protocol.events import DossierUpdate, Event
from tests.harness.service import Service
from tests.harness.wire import Message
from tests.promises.checker import Ledger, Place
from tests.promises.conftest import Report, Sized
from tests.promises.load_clients import CHANNEL, CROWD, Peer, Subscriber, door, now, post, run, settled, until, update
from tests.promises.proxy import Proxy

IN_FLIGHT = 32


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
    sends = [f"e{number}" for number in range(events) for _ in range(dice.randint(1, 5))]
    dice.shuffle(sends)
    half = len(sends) // 2
    await _send(service, ledger, token, sends[:half], dice)
    await asyncio.to_thread(service.restart, hard=True)
    reader.account.left()
    await reader.rejoin()
    await _send(service, ledger, token, sends[half:], dice)
    await settled(ledger, [reader])
    assert ledger.acks == events == sum(1 for _ in reader.account.deliveries)
    await _use_the_keys_for_something_else(service, token, [f"e{number}" for number in range(0, events, events // 50)])
    assert reader.peer is not None
    await reader.peer.ask({"type": "ping"})  # behind its pong is nothing that must not come
    ledger.check()
    return len(sends)


async def _send(service: Service, ledger: Ledger, token: str, sends: list[str], dice: random.Random) -> None:
    """Each by a door of its own: two sockets, and HTTP; many at once."""
    gate = asyncio.Semaphore(IN_FLIGHT)
    async with door(service, token) as client, asyncio.TaskGroup() as group:
        peers = [await Peer.connect(service, token) for _ in range(2)]
        ways: list[Peer | httpx.AsyncClient] = [*peers, client]
        for event in sends:
            await gate.acquire()
            way = dice.choice(ways)
            task = group.create_task(_send_one(way, ledger, event))
            task.add_done_callback(lambda _: gate.release())


async def _send_one(way: Peer | httpx.AsyncClient, ledger: Ledger, event: str) -> None:
    if isinstance(way, Peer):
        ledger.sent(event, CHANNEL, now())
        answer = await way.ask(update(event) | {"idempotency_key": event})
        assert answer["type"] == "ack", answer
        ledger.acked(event, Place(answer["epoch"], answer["offset"]), now())
    else:
        response = await post(way, ledger, [update(event)], event)
        assert response.status_code == 200, response.text


async def _use_the_keys_for_something_else(service: Service, token: str, keys: list[str]) -> None:
    peer = await Peer.connect(service, token)
    async with door(service, token) as client:
        for key in keys:
            answer = await peer.ask(update(f"other-{key}") | {"idempotency_key": key})
            assert (answer["type"], answer.get("error_code")) == ("error", "INVALID_MESSAGE_FORMAT"), answer
            body = {"events": [update(f"other-{key}")]}
            response = await client.post("/publish", json=body, headers={"Idempotency-Key": key})
            assert response.status_code == 409, response.text


def test_p06_the_sdk_sees_each_event_once_over_connections_that_break(
    tmp_path: Path, report: Report, sized: Sized
) -> None:
    events, resets = sized(400, 4_000), sized(8, 80)
    with Service(tmp_path / "data", CROWD) as service:
        seen, broken = run(_with_the_sdk(service, events, resets))
        service.assert_log_clean()
    assert Counter(seen) == Counter(f"e{number}" for number in range(events))
    report(f"{events} events by an SDK to an SDK, {broken} connections reset: each seen once, in order of its offset")


async def _with_the_sdk(service: Service, events: int, resets: int) -> tuple[list[str], int]:
    seen: list[str] = []
    offsets: list[int] = []

    def take(event: Event) -> None:
        assert isinstance(event, DossierUpdate)
        seen.append(event.payload.entity_id)
        offsets.append(event.offset or 0)

    broken = 0
    async with Proxy(service, delay=0.002) as proxy:
        reading = _client(service, proxy, "reader", "read:dossier:*")
        sending = _client(service, proxy, "sender", "write:dossier:*")
        async with reading, sending:
            subscription = reading.subscribe(CHANNEL, on_message=take)
            await subscription.ready()
            sends = asyncio.create_task(_send_all(sending, events))
            for number in range(1, resets + 1):
                while len(seen) < number * events // (resets + 1) and not sends.done():  # noqa: ASYNC110  see below
                    await asyncio.sleep(0.005)  # the callback is the SDK's to call, and no task of ours
                broken += proxy.reset()
            await sends
            await sending.send(CHANNEL, {key: value for key, value in update("last").items() if key != "channel"})
            await until(lambda: "last" in seen)  # behind it is nothing that must not come
    assert offsets == list(range(1, events + 2))
    seen.remove("last")
    assert broken >= resets
    return seen, broken


def _client(service: Service, proxy: Proxy, user: str, permission: str) -> DossierRealtimeClient:
    return DossierRealtimeClient(service.token(user, permission), proxy.url, backoff=Backoff(base=0.05, cap=0.2))


async def _send_all(client: DossierRealtimeClient, events: int) -> None:
    gate = asyncio.Semaphore(8)

    async def one(number: int) -> None:
        async with gate:
            message: Message = update(f"e{number}")
            await client.send(CHANNEL, {"type": message["type"], "payload": message["payload"]})

    await asyncio.gather(*(one(number) for number in range(events)))

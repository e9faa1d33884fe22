"""An SDK that sends to an SDK that reads, over connections that break."""

from __future__ import annotations

import asyncio

from dossier_realtime.client import Backoff, DossierRealtimeClient
from dossier_realtime.protocol.events import DossierUpdate, Event
from tests.harness.tokens import token
from tests.harness.wire import Message, Reachable
from tests.promises.load_clients import CHANNEL, until, update
from tests.promises.proxy import Proxy


async def send_over_broken_connections(to: Reachable, events: int, resets: int) -> tuple[list[str], int]:
    """Send the events "e0", "e1" … while all connections are reset so often.

    Returns what the reader saw, in its order, and the number of connections that were reset; the reader's offsets were
    contiguous.
    """
    seen: list[str] = []
    offsets: list[int] = []

    def take(event: Event) -> None:
        assert isinstance(event, DossierUpdate)
        seen.append(event.payload.entity_id)
        offsets.append(event.offset or 0)

    broken = 0
    async with Proxy(to, delay=0.002) as proxy:
        reading = _client(proxy, "reader", "read:dossier:*")
        sending = _client(proxy, "sender", "write:dossier:*")
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


def _client(proxy: Proxy, user: str, permission: str) -> DossierRealtimeClient:
    return DossierRealtimeClient(token(user, permission), proxy.url, backoff=Backoff(base=0.05, cap=0.2))


async def _send_all(client: DossierRealtimeClient, events: int) -> None:
    gate = asyncio.Semaphore(8)

    async def one(number: int) -> None:
        async with gate:
            message: Message = update(f"e{number}")
            await client.send(CHANNEL, {"type": message["type"], "payload": message["payload"]})

    await asyncio.gather(*(one(number) for number in range(events)))

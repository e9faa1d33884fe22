"""Catching up over a real socket: as fast as the reader reads, however much there is."""

from __future__ import annotations

import asyncio
import json
import urllib.request

from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service
from tests.harness.wire import Client

CHANNEL = "relationship:catching-up"
BATCHES, EVENTS = 60, 7  # of some 8 KiB each: a page is more than an outbox may hold


def publish(service: Service, batch: int) -> None:
    events = [
        {
            "type": "relationship_health_change",
            "channel": CHANNEL,
            "payload": {
                "relationship_id": f"{batch}-{index}",
                "previous_status": "healthy",
                "new_status": "at_risk",
                "score_change": -1,
                "current_score": 50,
                "trigger": "test",
                "recommendations": ["ن" * 490] * 8,
            },
        }
        for index in range(EVENTS)
    ]
    token = service.token("publisher", "write:relationship:*")
    request = urllib.request.Request(  # noqa: S310  the address is ours
        f"{service.http}/v1/publish",
        json.dumps({"events": events}, ensure_ascii=False).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=HANG_SECONDS) as answer:  # noqa: S310
        assert answer.status == 200


def test_a_reader_that_pauses_amid_a_big_recovery_is_waited_for_and_misses_nothing(service: Service) -> None:
    async def scene() -> None:
        for batch in range(BATCHES):
            await asyncio.to_thread(publish, service, batch)
        client = await Client.connect(service, service.token("reader", "read:relationship:*"))
        answer = await client.subscribe(CHANNEL)
        epoch = answer["position"]["epoch"]
        assert answer["position"]["offset"] == BATCHES * EVENTS
        await client.ask({"type": "unsubscribe", "channel": CHANNEL})
        for _ in range(3):  # the same pile thrice, for more than any buffer of the kernel holds
            answer = await client.subscribe(CHANNEL, since={"epoch": epoch, "offset": 0})
            assert answer["recovered"] is True
            client.pause()
            await asyncio.sleep(0.4)
            client.resume()
            offsets = [(await client.receive(channel=CHANNEL))["offset"] for _ in range(BATCHES * EVENTS)]
            assert offsets == list(range(1, BATCHES * EVENTS + 1))
            await client.ask({"type": "unsubscribe", "channel": CHANNEL})
        assert client.closed is None
        await client.close()

    asyncio.run(asyncio.wait_for(scene(), HANG_SECONDS))

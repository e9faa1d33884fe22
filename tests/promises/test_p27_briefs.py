"""P27: a brief ends exactly once and its progress never falls, however many of its producers are killed.

The producers are programs that claim briefs over HTTP; a fifth of them stop in the middle, without a word. The service
is killed, too, and started again on its data.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from tests.harness import tokens
from tests.harness.service import Service
from tests.harness.wire import Client, Message
from tests.promises.conftest import Report, Sized

STAGES = ["analyzing", "generating", "reviewing", "finalizing"]
TEXT = {"en": "The office keeps what it knows.", "ar": "يحفظ المكتب ما يعرفه."}
SAID = {"en": "On the way", "ar": "في الطريق"}
PRODUCERS = 8
SETTINGS: dict[str, object] = {
    "limits.general": 1_000_000,
    "limits.read": 1_000_000,
    "limits.connections_per_address": 10_000,
    "limits.handshakes_per_second": 100_000,
    "limits.strangers_per_second": 100_000,
    "limits.channels": 1_000_000,
    "briefs.queue": 2_000,
    "briefs.queue_per_user": 2_000,
    "briefs.silence_seconds": 5,
}
ENDS = ("brief_generation_complete", "brief_generation_failed")


class Producer:
    """Programs that write briefs. `killed`: the briefs that one of them held when it stopped."""

    def __init__(self, service: Service, chance: random.Random) -> None:
        self._service, self._chance = service, chance
        self.killed: set[str] = set()
        self.stopped = asyncio.Event()

    async def work(self) -> None:
        headers = {"Authorization": f"Bearer {tokens.token('program', 'write:*')}"}
        async with httpx.AsyncClient(base_url=self._service.http, headers=headers, timeout=60) as http:
            while not self.stopped.is_set():
                try:
                    await self._one(http)
                except httpx.HTTPError:  # the service is down for a moment
                    await asyncio.sleep(0.1)

    async def _one(self, http: httpx.AsyncClient) -> None:
        claimed = await http.post("/v1/briefs/claim", json={})
        if claimed.status_code != 200:
            await asyncio.sleep(0.1)
            return
        told = claimed.json()
        request_id, lease = told["brief"]["request_id"], {"lease": told["lease"]}
        lives = self._chance.random() >= 0.2
        steps = sorted(self._chance.sample(range(1, 100), 4))
        for number, (stage, progress) in enumerate(zip(STAGES, steps, strict=True)):
            if not lives and number == 2:
                self.killed.add(request_id)
                return
            body = lease | {"stage": stage, "progress": progress, "message": SAID}
            await http.post(f"/v1/briefs/{request_id}/progress", json=body)
        done: dict[str, Any] = {"text": TEXT, "sources": [], "confidence_score": 0.5}
        await http.post(f"/v1/briefs/{request_id}/complete", json=lease | done)


def test_a_brief_ends_once_and_its_progress_never_falls(tmp_path: Path, report: Report, sized: Sized) -> None:
    briefs = sized(60, 1_000)
    with Service(tmp_path / "data", SETTINGS) as service:
        requests, killed, events = asyncio.run(_scenario(service, briefs))
        service.assert_log_clean()
    ends: Counter[str] = Counter()
    lost: set[str] = set()
    for request_id in requests:
        own = [event for event in events if event.get("request_id") == request_id]
        assert own[0]["type"] == "brief_generation_started"
        assert [event["type"] in ENDS for event in own] == [False] * (len(own) - 1) + [True], "one end, the last event"
        steps = [(STAGES.index(one["payload"]["stage"]), one["payload"]["progress"]) for one in own[1:-1]]
        assert steps == sorted(steps)
        assert [progress for _, progress in steps] == sorted(progress for _, progress in steps)
        ends[own[-1]["type"]] += 1
        if own[-1]["type"] == ENDS[1]:
            lost.add(request_id)
        if request_id in killed:
            assert own[-1]["type"] == "brief_generation_failed"
            assert own[-1]["payload"]["fallback_available"] is True
    assert sum(ends.values()) == briefs
    # No other fails, however long it waits for its turn; but for those in hand when the service was killed.
    assert len(lost - killed) <= PRODUCERS
    assert killed <= lost
    report(
        f"P27: {briefs} briefs, {len(killed)} of their producers and the service once killed: "
        f"{ends[ENDS[0]]} complete, "
        f"{ends[ENDS[1]]} failed, {len(lost - killed)} of them in hand when the service was killed; each ended once; "
        "progress never fell"
    )


async def _scenario(service: Service, briefs: int) -> tuple[list[str], set[str], list[Message]]:
    """Ask for so many briefs, and return their ids, those of killed producers, and all events of `user:ali`."""
    requests: list[str] = []
    producers = Producer(service, random.Random(27))  # noqa: S311  no secret
    tasks = [asyncio.create_task(producers.work()) for _ in range(PRODUCERS)]
    async with await Client.connect(service, tokens.token("ali", "read:*")) as ali:
        for number in range(briefs):
            payload = {"type": "meeting", "entity_type": "country", "entity_id": f"C{number}", "language": "en"}
            answer = await ali.ask({"type": "brief_request", "payload": payload | {"generator": "worker"}})
            requests.append(answer["request_id"])
    await asyncio.to_thread(service.restart, hard=True)
    async with await Client.connect(service, tokens.token("ali", "read:*")) as ali:
        await ali.subscribe("user:ali", since={"offset": 0})
        while sum(event["type"] in ENDS for event in ali.messages) < briefs:
            await ali.receive(timeout_seconds=300)
        producers.stopped.set()
        await asyncio.gather(*tasks)
        await ali.settle()  # a second end would come before its pong
        events = [event for event in ali.messages if "request_id" in event and "offset" in event]
        # What came by itself before the subscription comes but once, in front of what was read for it.
        return requests, producers.killed, sorted(events, key=lambda event: int(event["offset"]))

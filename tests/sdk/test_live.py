"""The SDK over the real service: what a FakeServer cannot know."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dossier_realtime.client import Backoff, ConnectionState, DossierRealtimeClient, Publisher
from dossier_realtime.protocol.events import Notification
from tests.harness.eventually import eventually_async
from tests.harness.service import Service
from tests.promises.proxy import Proxy
from tests.sdk.client_harness import Inbox, run
from tests.sdk.samples import SA, update

pytestmark = pytest.mark.long

MISSED = 5_000


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path / "data") as running:
        yield running
    running.assert_log_clean()


def client_of(service: Service, user: str, *rights: str, url: str = "") -> DossierRealtimeClient:
    return DossierRealtimeClient(service.token(user, *rights), url or service.url, backoff=Backoff(base=0.02, cap=0.1))


def test_five_thousand_missed_events_reach_a_slow_async_callback(tmp_path: Path) -> None:
    async def scene(service: Service) -> None:
        offsets: list[int] = []
        told = Inbox()

        async def slow(event: Any) -> None:
            offsets.append(event.offset)
            await asyncio.sleep(0.0005)

        async with Publisher(service.token("program", "write:dossier:*"), service.http) as publisher:
            for _ in range(MISSED // 100):
                await publisher.publish([update(channel=SA)] * 100)
        async with client_of(service, "ali", "read:dossier:*") as client:
            client.on_error(told)
            client.subscribe(SA, slow, on_error=told, since=0)
            await eventually_async(lambda: len(offsets) == MISSED or not told.empty())
            assert told.empty()
            assert offsets == list(range(1, MISSED + 1))
            assert client.recovering == frozenset()

    with Service(tmp_path / "data", {"limits.general": 100_000}) as service:
        run(scene(service))
        service.assert_log_clean()


def test_sixty_channels_are_whole_again_after_each_of_five_cuts_and_nobody_is_throttled(service: Service) -> None:
    async def scene() -> None:
        names = [f"dossier:country:C{number}" for number in range(60)]
        unasked, seen = Inbox(), Inbox()
        async with Proxy(service) as proxy:
            client = client_of(service, "ali", "read:dossier:*", url=proxy.url)
            client.on_event(unasked)
            states = Inbox()
            async with client, client_of(service, "ali", "write:dossier:*") as other:
                for name in names:
                    client.subscribe(name, seen)
                await eventually_async(lambda: not client.recovering)
                client.on_state(states)
                for _ in range(5):
                    proxy.reset()
                    while await states.get() is not ConnectionState.RECONNECTING:
                        pass
                    await other.send(names[0], update())
                    await client.connect()
                    await eventually_async(lambda: not client.recovering)
                assert [event.offset for event in await seen.take(5)] == [1, 2, 3, 4, 5]
            assert unasked.empty()  # neither a warning nor a refusal of the rate

    run(scene())


def test_a_token_function_that_is_two_seconds_late_is_waited_for(service: Service) -> None:
    made: list[tuple[str, float]] = []

    async def source() -> str:
        if not made or time.time() > made[-1][1] + 2:
            made.append((service.token("ali", ttl=3), time.time() + 3))
        return made[-1][0]

    async def scene() -> None:
        states = Inbox()
        client = DossierRealtimeClient(source, service.url)
        client.on_state(states)
        async with client:
            assert await states.take(3)
            while await states.get() is not ConnectionState.AUTHENTICATED:
                assert client.state is not ConnectionState.ERROR
            assert len(made) == 2

    run(scene())


def test_what_came_to_somebody_on_a_new_device_is_in_the_inbox(service: Service) -> None:
    async def scene() -> None:
        async with client_of(service, "program", "write:user:*") as program:
            for name in ("a", "b"):
                texts = {"title": {"en": "a", "ar": "ب"}, "message": {"en": "a", "ar": "ب"}}
                await program.send(
                    "user:ali", {"type": "notification", "priority": "high", "payload": {"id": name, **texts}}
                )
        async with client_of(service, "ali") as ali:
            names: list[str] = []
            async for event in ali.inbox():
                assert isinstance(event, Notification)
                names.append(event.payload.id)
                if len(names) == 2:
                    break
            assert names == ["a", "b"]

    run(scene())

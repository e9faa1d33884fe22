"""The events that came to the user and ask for attention: the oldest first, then live, each once."""

from __future__ import annotations

from typing import Any

import pytest

from dossier_realtime.client import DossierRealtimeClient, InboxEvent
from dossier_realtime.client.testing import FakeServer
from dossier_realtime.protocol.commands import Subscribe
from dossier_realtime.protocol.events import Notification
from tests.sdk.client_harness import Inbox, play

OWN = "user:tester"


def notice(name: str) -> dict[str, Any]:
    texts = {"title": {"en": "a", "ar": "ب"}, "message": {"en": "a", "ar": "ب"}}
    return {"type": "notification", "channel": OWN, "priority": "low", "payload": {"id": name, **texts}}


async def take(client: DossierRealtimeClient, count: int, **options: Any) -> list[str]:
    names: list[str] = []
    async for event in client.inbox(**options):
        names.append(name_of(event))
        if len(names) == count:
            break
    return names


def name_of(event: InboxEvent) -> str:
    return event.payload.id if isinstance(event, Notification) else type(event).__name__


def test_what_came_before_the_first_connection_is_there_then_what_comes() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        for number in range(3):
            server.publish(notice(f"n{number}"))
        seen = Inbox()
        inbox = client.inbox()
        for _ in range(3):
            seen(name_of(await anext(inbox)))
        server.publish(notice("live"))
        seen(name_of(await anext(inbox)))
        server.refuse_handshakes(503)
        server.drop()
        await server.wait_until(lambda: not server.connections)
        server.publish(notice("away"))
        server.refuse_handshakes(None)
        seen(name_of(await anext(inbox)))
        assert await seen.take(5) == ["n0", "n1", "n2", "live", "away"]

    play(scene)


def test_it_goes_on_where_the_last_reading_ended() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        for number in range(5):
            server.publish(notice(f"n{number}"))
        assert await take(client, 2, last=2) == ["n3", "n4"]
        await server.wait_until(lambda: not server.connections[0].channels)
        assert await take(client, 4, since=1) == ["n1", "n2", "n3", "n4"]

    play(scene)


def test_the_channel_must_not_be_subscribed_otherwise() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        client.subscribe(OWN)
        await server.seen(Subscribe)
        with pytest.raises(ValueError, match="subscribed already"):
            await take(client, 1)

    play(scene)

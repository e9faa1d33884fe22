"""Clients on a loop of their own, so that a test that drives a browser can wait for them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Self

from dossier_realtime.client import DeniedError, DossierRealtimeClient, Publisher
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service
from tests.harness.wire import Client

UPDATE: dict[str, Any] = {
    "type": "dossier_update",
    "payload": {"entity_type": "country", "entity_id": "SA", "operation": "update", "fields_changed": ["commitments"]},
}


class BackgroundClients:
    """SDK clients and publishers of a service. Started by `with`; every client is closed at its end."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._loop = asyncio.new_event_loop()
        self._clients: list[DossierRealtimeClient] = []

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            self._run(client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def connect(self, user_id: str, name: str, *channels: str, field: str | None = None) -> None:
        """Connect a user, subscribe to these channels, and keep the connection."""
        self._run(self._connect(user_id, name, channels, field))

    def publish(self, *events: dict[str, Any], user: str = "svc.test", name: str = "A program") -> None:
        """Publish events over HTTP."""
        self._run(self._publish(list(events), user, name))

    def exceed_rate_limit(self, user_id: str, name: str) -> None:
        """Connect a user and send until a rate limit denies it."""
        self._run(self._exceed_rate_limit(user_id, name))

    def subscribe_without_right(self, user_id: str, channel: str) -> None:
        """Subscribe to a channel as a user without any permission."""
        self._run(self._subscribe_without_right(user_id, channel))

    async def _subscribe_without_right(self, user_id: str, channel: str) -> None:
        client = await Client.connect(self._service, self._service.token(user_id))
        await client.send({"type": "subscribe", "channel": channel})
        await client.settle()
        await client.close()

    async def _exceed_rate_limit(self, user_id: str, name: str) -> None:
        await self._connect(user_id, name, (), None)
        with suppress(DeniedError):
            while True:
                await self._clients[-1].send("dossier:country:SA", UPDATE, wait_for_rate=False)

    async def _connect(self, user_id: str, name: str, channels: tuple[str, ...], field: str | None) -> None:
        token = self._service.token(user_id, "write:*", name=name, clearance="secret")
        client = DossierRealtimeClient(token, self._service.url)
        await client.connect()
        self._clients.append(client)
        for channel in channels:
            await client.subscribe(channel, on_message=lambda event: None, include_presence=True).ready()
            if field is not None:
                await client.update_presence(channel, activity="editing", field=field)

    async def _publish(self, events: list[dict[str, Any]], user: str, name: str) -> None:
        token = self._service.token(user, "write:*", role="service", name=name, clearance="secret")
        async with Publisher(token, self._service.http) as publisher:
            await publisher.publish(events)

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something else on their loop, to its end."""
        self._run(work)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(HANG_SECONDS)

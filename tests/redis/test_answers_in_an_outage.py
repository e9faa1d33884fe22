"""While Redis does not answer, every message gets its answer: a client that gets none waits in vain."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from tests.harness.eventually import eventually_async
from tests.harness.redis_server import RedisServer
from tests.harness.service import Service
from tests.harness.wire import Client, Message

SUBSCRIBED, OTHER, DOCUMENT = "dossier:country:sa", "dossier:country:om", "document:d1"
UPDATE = {"entity_type": "country", "entity_id": "sa", "operation": "update", "fields_changed": ["status"]}
EDIT = {"operation_type": "insert", "position": 0, "content": "x", "version": 0, "op_id": "o1"}

MESSAGES: list[Message] = [
    {"type": "subscribe", "channel": OTHER},
    {"type": "subscribe", "channel": OTHER, "params": {"include_presence": True}},
    {"type": "subscribe", "channel": "document:d2"},
    {"type": "presence_update", "channel": SUBSCRIBED, "payload": {"status": "away", "activity": "viewing"}},
    {"type": "lock", "channel": SUBSCRIBED, "payload": {"field": "status"}},
    {"type": "dossier_update", "channel": SUBSCRIBED, "payload": UPDATE},
    {"type": "edit_operation", "channel": DOCUMENT, "payload": EDIT},
    {"type": "channel_settings", "channel": SUBSCRIBED, "payload": {"frozen": True}},
]


def test_each_message_is_answered_while_redis_stands_still_and_works_after_it(tmp_path: Path) -> None:
    async def scene() -> None:
        # A client for each message: those of one connection wait for each other, 2 s each.
        clients = [await _client(service, f"u-{number}") for number in range(len(MESSAGES))]
        client = clients[0]
        server.signal(signal.SIGSTOP)
        asked = [one.ask(message) for one, message in zip(clients, MESSAGES, strict=True)]
        for message, answer in zip(MESSAGES, await asyncio.gather(*asked), strict=True):
            assert (answer["type"], answer.get("error_code")) == ("error", "SERVICE_UNAVAILABLE"), (message, answer)
        server.signal(signal.SIGCONT)

        async def is_subscribed() -> bool:
            answer = await client.ask({"type": "subscribe", "channel": OTHER})
            return bool(answer["type"] == "subscribed")

        await eventually_async(is_subscribed)
        await eventually_async(lambda: _taken(client))
        update = await client.receive("dossier_update", channel=OTHER)
        assert update["payload"]["entity_id"] == "sa"
        for one in clients:
            await one.close()

    with (
        RedisServer(tmp_path / "redis") as server,
        Service(tmp_path / "data", {"storage.engine": server.url}) as service,
    ):
        asyncio.run(scene())
        service.assert_log_clean()


async def _client(service: Service, user: str) -> Client:
    client = await Client.connect(service, service.token(user, "write:dossier:*", "write:document:*", "admin:*"))
    await client.subscribe(SUBSCRIBED, include_presence=True)
    await client.subscribe(DOCUMENT)
    return client


async def _taken(client: Client) -> bool:
    answer = await client.ask({"type": "dossier_update", "channel": OTHER, "payload": UPDATE, "idempotency_key": "k"})
    return bool(answer["type"] == "ack")

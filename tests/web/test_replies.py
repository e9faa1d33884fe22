"""Each message of a client is answered as the AsyncAPI document says, with its `ref`."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from app.core.schema.asyncapi import asyncapi
from tests.harness.service import Service
from tests.harness.wire import Client
from tests.web.test_actions import alert, brief, publish
from tests.web.test_inboxes import notice
from tools.generate import examples

DOCUMENT = asyncapi()
RECEIVED = {
    row["messages"][0]["$ref"].rpartition("/")[2]: [
        answer["$ref"].rpartition(".")[2] for answer in row["reply"]["messages"]
    ]
    for row in DOCUMENT["operations"].values()
    if row["action"] == "receive"
}
USER = "uuid"  # as the examples call everybody


def _asked(name: str, service: Service) -> dict[str, Any]:
    message: dict[str, Any] = dict(examples()[name][0])
    message.pop("idempotency_key", None)
    own = name.replace("_", "-")  # what one message did does not stand in the way of another
    if "request_id" in message:
        message["request_id"] = own
    if name == "client.notification_ack":
        message["payload"] = {"ids": [own]}
    if name == "client.notification_snooze":
        message["payload"] = {"id": own, "until": int(time.time()) + 3_600}
    if name == "client.channel_settings":
        message["channel"] = f"dossier:replies:{own}"
    for key in {"commitment_id", "request_id"} & message.get("payload", {}).keys():
        message["payload"] = message["payload"] | {key: own}
    if name == "client.auth":
        message["payload"] = {"token": service.token(USER, "admin:*", name="Jane Smith")}
    if name == "client.edit_operation":
        message["payload"] = {"operation_type": "insert", "position": 0, "version": 0, "content": "a"}
    if name == "client.cursor_position":
        message["payload"] = {"position": 0}
    return message


@pytest.mark.parametrize("name", RECEIVED)
def test_a_message_gets_one_of_its_replies(service: Service, name: str) -> None:
    async def scenario() -> dict[str, Any]:
        message = _asked(name, service)
        token = service.token(USER, "admin:*", name="Jane Smith")
        async with await Client.connect(service, token) as client:
            if name == "client.alert_ack":
                told = alert(message["payload"]["commitment_id"], 1, USER)
                assert (await asyncio.to_thread(publish, service, told))[0] == 200
            if name == "client.brief_cancel":
                told = brief(message["payload"]["request_id"], "started", USER)
                assert (await asyncio.to_thread(publish, service, told))[0] == 200
            if name.partition(".")[2] in ("notification_ack", "notification_snooze"):
                told = notice(USER, name.replace("_", "-"))
                assert (await asyncio.to_thread(publish, service, told))[0] == 200
            if name.partition(".")[2] in ("presence_update", "edit_operation", "cursor_position", "lock", "unlock"):
                message["channel"] = f"document:{name.replace('_', '-')}"
                await client.subscribe(message["channel"])
            return await client.ask(message)

    answer = asyncio.run(scenario())
    expected = RECEIVED[name]
    assert answer["type"] in (expected if expected == ["error"] else expected[:-1]), answer

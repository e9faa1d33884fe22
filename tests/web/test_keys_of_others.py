"""Names that users give to what they send: a stranger who takes the same one first, or next, stops nobody.

Each way to name a send is a row: an event's `idempotency_key`, the `Idempotency-Key` of a call, and the `op_id` of an
edit. A new way to name something is a new row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import httpx
import pytest

from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service
from tests.harness.wire import Client, Message

Send = Callable[[Service, str, str, str, str], Awaitable[bool]]
"""(service, place, user, name, text) → whether it was accepted as new or as the same again."""


def _update(text: str) -> Message:
    payload = {"entity_type": "country", "entity_id": text, "operation": "update", "fields_changed": ["x"]}
    return {"type": "dossier_update", "payload": payload}


def _token(service: Service, user: str) -> str:
    return service.token(user, "write:dossier:*", "write:document:*")


async def _ask(service: Service, user: str, message: Message) -> bool:
    async with await Client.connect(service, _token(service, user)) as client:
        await client.subscribe(message["channel"])
        answer = await client.ask(message)
        assert answer["type"] != "error" or answer["error_code"] == "INVALID_MESSAGE_FORMAT", answer
        return bool(answer["type"] != "error")


async def _call(service: Service, user: str, method: str, path: str, key: str, body: Message) -> bool:
    headers = {"Authorization": f"Bearer {_token(service, user)}", "Idempotency-Key": key}
    async with httpx.AsyncClient(timeout=HANG_SECONDS) as http:
        answer = await http.request(method, service.http + path, headers=headers, json=body)
    assert answer.status_code in (200, 409), answer.text
    return answer.status_code == 200


async def by_event(service: Service, place: str, user: str, name: str, text: str) -> bool:
    channel = f"dossier:country:{place}"
    return await _ask(service, user, _update(text) | {"channel": channel, "idempotency_key": name})


async def by_publish(service: Service, place: str, user: str, name: str, text: str) -> bool:
    event = _update(text) | {"channel": f"dossier:country:{place}"}
    return await _call(service, user, "POST", "/v1/publish", name, {"events": [event]})


async def by_edit(service: Service, place: str, user: str, name: str, text: str) -> bool:
    payload = {"operation_type": "insert", "position": 0, "version": 0, "content": text, "op_id": name}
    return await _ask(service, user, {"type": "edit_operation", "channel": f"document:{place}", "payload": payload})


async def by_text(service: Service, place: str, user: str, name: str, text: str) -> bool:
    return await _call(service, user, "PUT", f"/v1/documents/{place}", name, {"content": text, "base": 0})


@pytest.mark.parametrize("send", [by_event, by_publish, by_edit, by_text], ids=lambda send: send.__name__)
def test_a_name_that_a_stranger_takes_is_still_its_users(service: Service, send: Send) -> None:
    async def scene() -> None:
        place = uuid4().hex
        assert await send(service, place, "mal", f"{place}-1", "first-of-mal")
        assert await send(service, place, "ali", f"{place}-1", "first-of-ali")
        assert await send(service, place, "mal", f"{place}-2", "second-of-mal")
        assert await send(service, place, "ali", f"{place}-2", "second-of-ali")
        assert await send(service, place, "ali", f"{place}-2", "second-of-ali")
        assert not await send(service, place, "ali", f"{place}-2", "another-text")
        if send in (by_edit, by_text):
            _, body = service.get(f"/v1/documents/{place}", _token(service, "ali"))
            found = body.decode()
            kept = [found.count(f"{number}-of-{user}") for number in ("first", "second") for user in ("mal", "ali")]
            assert kept == [1, 1, 1, 1] if send is by_edit else "another" not in found, found
        else:
            async with await Client.connect(service, _token(service, "ali")) as reader:
                await reader.subscribe(f"dossier:country:{place}", last=100)
                seen = [(await reader.receive("dossier_update"))["payload"]["entity_id"] for _ in range(4)]
                assert seen == ["first-of-mal", "first-of-ali", "second-of-mal", "second-of-ali"]
                assert not [one for one in await reader.settle() if one["type"] == "dossier_update"]

    asyncio.run(scene())

"""A short scenario on a real service, which the tests of recordings read back."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any, NamedTuple

from tests.harness.service import Service
from tests.harness.wire import Client, Message

COUNTRY, SECRET, DOCUMENT = "dossier:country:SA", "dossier:secret:X", "document:strategy"
SETTINGS = {"limits.cursor": 4, "limits.warning_ratio": 0.5}


class RecordedScenario(NamedTuple):
    """The service, and the moments (Unix seconds) and sessions of the scenario."""

    service: Service
    moments: dict[str, float]
    sessions: dict[str, str]


def update(channel: str = COUNTRY) -> Message:
    payload = {"entity_type": "country", "entity_id": "SA", "operation": "update", "fields_changed": ["gdp"]}
    return {"type": "dossier_update", "channel": channel, "payload": payload}


def edit(version: int, content: str, position: int = 0) -> Message:
    payload = {"operation_type": "insert", "position": position, "version": version, "content": content}
    return {"type": "edit_operation", "channel": DOCUMENT, "payload": payload}


def play(data: Path) -> RecordedScenario:
    """Ali and Sara work; Omar, cleared for secret, works on a secret dossier too. The service is stopped."""
    played = RecordedScenario(Service(data, SETTINGS), {}, {})
    with played.service:
        asyncio.run(_scene(played))
    played.service.assert_log_clean()
    return played


async def _moment(played: RecordedScenario, name: str) -> None:
    await asyncio.sleep(0.01)  # entries carry milliseconds: before and after differ
    played.moments[name] = time.time()
    await asyncio.sleep(0.01)


async def _scene(played: RecordedScenario) -> None:
    service = played.service
    rights = ("write:dossier:*", "write:document:*", "write:user:*")

    async def enter(user: str, **claims: Any) -> Client:
        client = await Client.connect(service, service.token(user, *rights, name=user.title(), **claims))
        played.sessions[user] = client.login["session_id"]
        return client

    ali, sara = await enter("ali"), await enter("sara")
    omar = await enter("omar", clearance="secret")
    await ali.subscribe(COUNTRY, include_presence=True)
    place = (await sara.subscribe(COUNTRY))["position"]
    await ali.ask(update())
    await omar.subscribe(SECRET)
    await omar.ask(update(SECRET))
    await _moment(played, "before")
    await ali.subscribe(DOCUMENT)
    await sara.subscribe(DOCUMENT)
    await ali.ask(edit(0, "مرحبا"))
    await _moment(played, "one edit")
    await sara.ask(edit(1, "!", 5))
    alert = {"commitment_id": "c1", "mou_id": "m1", "title": "Ports", "days_until_deadline": 9}
    alert |= {"responsible_department": "Trade", "alert_level": 2}
    await omar.ask({"type": "commitment_alert", "channel": "user:ali", "priority": "high", "payload": alert})
    brief = {"type": "brief_generation_progress", "channel": "user:ali", "request_id": "r1"}
    await omar.ask(brief | {"payload": {"stage": "generating", "progress": 40, "message": "half"}})
    for _ in range(6):
        await sara.send({"type": "cursor_position", "channel": DOCUMENT, "payload": {"position": 0}})
    await sara.ask({"type": "presence_update", "channel": COUNTRY, "payload": {"activity": "editing", "field": "gdp"}})
    await sara.send({"type": "subscribe", "channel": SECRET})
    await ali.settle()
    await sara.settle()
    await _moment(played, "busy")
    await sara.close()
    await ali.ask(update())
    back = await Client.connect(service, service.token("sara", *rights, name="Sara"), played.sessions["sara"])
    await back.subscribe(COUNTRY, since=place)
    for _ in range(2):  # what was missed comes in turns of its own
        await back.receive("dossier_update")
    await back.settle()
    for client in (ali, omar, back):
        await client.close()

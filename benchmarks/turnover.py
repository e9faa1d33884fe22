"""The load of an office at any rate: events of every kind, and users who connect and leave.

Names are few and come again, or are always new: then what remembers them for good grows, and is found. The service
remembers every channel for good, by design, and lists it: so channels of always new things come again in the end.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any
from uuid import UUID

from dossier_realtime.client import DossierRealtimeClient, Publisher, RealtimeError
from dossier_realtime.client.publisher import MAX_EVENTS
from dossier_realtime.protocol import channels

_BATCHES = 5  # publishes a second
_NAMES = 10  # of a kind, where they come again
_EACH = 20  # events under one name, where it is always new
_CHANNELS = 1_000  # of a kind, where names are always new
_KINDS = 5


def event(number: int, *, new_names: bool) -> dict[str, Any]:
    """Return the event of that number: of five kinds in turn."""
    turn = number // _KINDS
    name = turn // _EACH if new_names else turn % _NAMES
    place = name % _CHANNELS
    match number % _KINDS:
        case 0 | 1:
            update = {"entity_type": "country", "entity_id": f"e-{name}", "operation": "update"}
            channel = channels.dossier("country", f"c-{place}")
            return {"type": "dossier_update", "channel": channel, "payload": {**update, "fields_changed": ["summary"]}}
        case 2:
            alert = {
                "commitment_id": f"commitment-{name}",
                "mou_id": f"mou-{name}",
                "title": f"The report of {name} is due",
                "days_until_deadline": 30 - turn % 30,
                "responsible_department": "Agreements",
                "alert_level": 1 + turn % 3,
            }
            return {
                "type": "commitment_alert",
                "channel": channels.user(f"u-{place}"),
                "priority": "high",
                "payload": alert,
            }
        case 3:
            score = 40 + turn % 50
            health = {
                "relationship_id": f"r-{place}",
                "previous_status": "healthy",
                "new_status": "monitor",
                "score_change": -1,
                "current_score": score,
                "trigger": "visit_postponed",
                "recommendations": [],
            }
            return {
                "type": "relationship_health_change",
                "channel": channels.relationship(f"r-{place}"),
                "payload": health,
            }
        case _:
            progress = {"stage": "generating", "progress": turn % 100, "message": "Writing"}
            brief = {"channel": channels.user(f"u-{place}"), "request_id": str(UUID(int=name + 1))}
            return {"type": "brief_generation_progress", **brief, "payload": progress}


async def publish(http: str, token: str, rate: int, *, new_names: bool = False) -> None:
    """Publish `rate` events a second until cancelled, or as many as are acknowledged."""
    async with Publisher(token, http) as publisher:
        due, number = time.monotonic(), 0
        while True:
            end = number + rate // _BATCHES
            while number < end:
                count = min(MAX_EVENTS, end - number)
                await publisher.publish([event(number + n, new_names=new_names) for n in range(count)])
                number += count
            due = max(due + 1 / _BATCHES, time.monotonic() - 1)
            await asyncio.sleep(max(0, due - time.monotonic()))


async def visit(url: str, token: str, number: int, seconds: float) -> None:
    """Connect a user, edit a new document, and leave."""
    client = DossierRealtimeClient(token, url)
    try:
        await client.connect()
        document = client.document(f"d-{number}")
        await document.ready()
        await client.subscribe(document.channel, on_message=lambda event: None, include_presence=True).ready()
        await client.update_presence(document.channel, activity="editing", field=f"field_{number}")
        document.insert(0, f"number {number} was here")
        await asyncio.sleep(seconds)
    except RealtimeError:
        pass  # a visit that the service had no time for
    finally:
        await client.close()

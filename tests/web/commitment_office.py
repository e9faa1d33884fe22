"""A service whose wall clock the test sets, and people who register commitments there and are alerted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec

from app.core.instant import Instant
from app.lifecycle import Service
from dossier_realtime.protocol.authorization import Grant, Identity
from dossier_realtime.protocol.classification import Clearance
from tests.harness import tokens
from tests.harness.eventually import eventually_async
from tests.harness.in_process import running

Message = dict[str, Any]
MORNING = datetime(2027, 1, 4, 6, 0, tzinfo=UTC).timestamp()  # a Monday, nine o'clock in Riyadh
DAY = 86_400.0
BODY: Message = {
    "mou_id": "m1",
    "title": {"en": "Data submission", "ar": "تسليم البيانات"},
    "due_date": "2027-03-31",
    "mou_type": "data-exchange",
    "responsible_department": "International Relations",
    "owner": "omar",
    "escalation": [["ali"], ["bea"], ["cy"]],
}


@dataclass
class Office:
    """The service, its clock, and calls to it."""

    service: Service
    http: httpx.AsyncClient
    wall: float

    def clock(self) -> Instant:
        """Return the clocks: the steady one is real, the wall clock the test's."""
        return Instant(time.monotonic(), self.wall)

    def token(self, user: str, *permissions: str, **claims: Any) -> str:
        """Return a token that is good at the time of the test's clock."""
        return tokens.token(user, *permissions, now=int(self.wall), **claims)

    async def call(self, method: str, path: str, token: str = "", **body: Any) -> httpx.Response:
        """Call a path under /v1; as the writer of every MoU where no token is given."""
        token = token or self.token("omar", "write:dossier:mou:*", clearance="secret")
        kwargs = {"json": body["json"]} if "json" in body else {}
        headers = {"Authorization": f"Bearer {token}"}
        return await self.http.request(method, f"/v1/{path}", headers=headers, **kwargs)

    async def put(self, name: str, token: str = "", **changed: Any) -> httpx.Response:
        """Register a commitment."""
        return await self.call("PUT", f"commitments/{name}", token, json=BODY | changed)

    async def publish(self, token: str, event: Message) -> httpx.Response:
        """Publish one event."""
        return await self.call("POST", "publish", token, json={"events": [event]})

    def cleared(self, user: str, clearance: Clearance) -> None:
        """Let the service have seen a token of a user."""
        grants = Grant.parse_all([])
        identity = Identity(user, user, "member", None, grants, clearance, int(self.wall + DAY))
        self.service.node.services.clearances.seen(identity)

    async def got(self, user: str, kind: str = "commitment_alert") -> list[Message]:
        """Return the messages of a kind that came on a user's channel so far."""
        found = await self.service.engine.broker.read(f"user:{user}", 0, 10_000)
        messages: list[Message] = [msgspec.json.decode(publication.frame) for publication in found]
        return [message for message in messages if message["type"] == kind]

    async def levels(self, *users: str) -> dict[str, list[int]]:
        """Return the levels of the alerts that each user got, in their order."""
        return {user: [alert["payload"]["alert_level"] for alert in await self.got(user)] for user in users}

    async def until_levels(self, **expected: list[int]) -> None:
        """Wait until each user got these levels, and no others."""

        async def there() -> bool:
            return await self.levels(*expected) == expected

        await eventually_async(there, lambda: expected)

    async def settle(self) -> None:
        """Wait until the clock has nothing left to hand out at this time."""

        async def nothing_due() -> bool:
            return not await self.service.engine.records.due("commitment", self.wall, 1)

        await eventually_async(nothing_due)
        await asyncio.sleep(0)


@asynccontextmanager
async def office(
    folder: Path, wall: float = MORNING, settings: Mapping[str, object] | None = None
) -> AsyncIterator[Office]:
    """Start a service at a time of the wall clock (Unix seconds), on a folder that may have been used before."""
    async with (
        running(folder, {"limits.general": 1_000_000, "limits.read": 1_000_000, **(settings or {})}) as service,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.port}", timeout=240) as http,
    ):
        found = Office(service, http, wall)
        service.node.clock = found.clock
        yield found

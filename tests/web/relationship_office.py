"""A service whose wall clock the test sets, and programs that give scores and facts of relationships."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec

from app.core.instant import Instant
from app.lifecycle import Service
from tests.harness import tokens
from tests.harness.eventually import eventually_async
from tests.harness.in_process import running

Message = dict[str, Any]
MORNING, DAY = 1_798_000_000, 86_400
HEALTH = "relationship_health_change"


@dataclass
class HealthOffice:
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
        """Call a path under /v1; as a program that writes everywhere where no token is given."""
        token = token or self.token("program", "write:*", clearance="secret")
        kwargs = {"json": body["json"]} if "json" in body else {}
        return await self.http.request(method, f"/v1/{path}", headers={"Authorization": f"Bearer {token}"}, **kwargs)

    async def score(self, name: str, score: int, token: str = "", **more: Any) -> Message:
        """Give a score; return the relationship."""
        answer = await self.call("POST", f"relationships/{name}/score", token, json={"score": score, **more})
        assert answer.status_code == 200, answer.text
        row: Message = answer.json()
        return row

    async def facts(self, name: str, *facts: Message, token: str = "") -> Message:
        """Add facts; return the relationship."""
        answer = await self.call("POST", f"relationships/{name}/facts", token, json={"facts": list(facts)})
        assert answer.status_code == 200, answer.text
        row: Message = answer.json()["relationship"]
        return row

    async def why(self, name: str, token: str = "") -> Message:
        """Return the reasons of a score."""
        answer = await self.call("GET", f"relationships/{name}/why", token)
        assert answer.status_code == 200, answer.text
        reasons: Message = answer.json()
        return reasons

    async def told(self, name: str) -> list[Message]:
        """Return the changes that were published of a relationship so far."""
        found = await self.service.engine.broker.read(f"relationship:{name}", 0, 10_000)
        return [msgspec.json.decode(publication.frame) for publication in found]

    async def settle(self) -> None:
        """Wait until the clock has nothing left to hand out at this time."""

        async def nothing_due() -> bool:
            return not await self.service.engine.records.due("relationship", self.wall, 1)

        await eventually_async(nothing_due)


@asynccontextmanager
async def health_office(
    folder: Path, wall: float = MORNING, settings: Mapping[str, object] | None = None
) -> AsyncIterator[HealthOffice]:
    """Start a service at a time of the wall clock (Unix seconds), on a folder that may have been used before."""
    async with (
        running(folder, {"limits.general": 1_000_000, "limits.read": 1_000_000, **(settings or {})}) as service,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.port}", timeout=240) as http,
    ):
        found = HealthOffice(service, http, wall)
        service.node.clock = found.clock
        yield found

"""A service inside the test's loop whose wall clock the test sets, and calls to it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import httpx
import msgspec

from app.core.instant import Instant
from app.lifecycle import Service
from tests.harness import tokens
from tests.harness.eventually import eventually_async
from tests.harness.in_process import running

Message = dict[str, Any]
T = TypeVar("T", bound="WallClockOffice")


@dataclass
class WallClockOffice:
    """The service, its clock, and calls to it. `kind`: of the records that the clock of records hands out."""

    service: Service
    http: httpx.AsyncClient
    wall: float
    kind: ClassVar[str] = ""
    writer: ClassVar[tuple[str, ...]] = ()

    def clock(self) -> Instant:
        """Return the clocks: the steady one is real, the wall clock the test's."""
        return Instant(time.monotonic(), self.wall)

    def token(self, user: str, *permissions: str, **claims: Any) -> str:
        """Return a token that is good at the time of the test's clock."""
        return tokens.token(user, *permissions, now=int(self.wall), **claims)

    async def call(self, method: str, path: str, token: str = "", **body: Any) -> httpx.Response:
        """Call a path under /v1; as `writer` (its name and its rights) where no token is given."""
        token = token or self.token(*self.writer, clearance="secret")
        kwargs = {"json": body["json"]} if "json" in body else {}
        headers = {"Authorization": f"Bearer {token}", **body.get("headers", {})}
        return await self.http.request(method, f"/v1/{path}", headers=headers, **kwargs)

    async def events(self, channel: str) -> list[Message]:
        """Return the messages that came on a channel so far."""
        found = await self.service.engine.broker.read(channel, 0, 10_000)
        return [msgspec.json.decode(publication.frame) for publication in found]

    async def settle(self) -> None:
        """Wait until the clock has nothing left to hand out at this time."""

        async def nothing_due() -> bool:
            return not await self.service.engine.records.due(self.kind, self.wall, 1)

        await eventually_async(nothing_due)


@asynccontextmanager
async def opened(
    office: type[T], folder: Path, wall: float, settings: Mapping[str, object] | None = None
) -> AsyncIterator[T]:
    """Start a service at a time of the wall clock (Unix seconds), on a folder that may have been used before."""
    async with (
        running(folder, {"limits.general": 1_000_000, "limits.read": 1_000_000, **(settings or {})}) as service,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.port}", timeout=240) as http,
    ):
        found = office(service, http, wall)
        service.node.clock = found.clock
        yield found

"""Open pages of a real dashboard, and what its operators' list says of the dashboard itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import cycle, islice

import httpx

from benchmarks.viewers import PageViewer, log_in
from dashboard.screen.panes import PANES
from tests.dashboard.dashboard_process import Dashboard
from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS, eventually_async
from tests.harness.service import Service
from tests.promises.load_clients import (
    door,
    now,
)

AT_MOST = 4.0  # updates a second that a page is told
UNDER_WAY = 6  # messages that wait for a page that does not read


@asynccontextmanager
async def pages(dashboard: Dashboard, count: int) -> AsyncIterator[list[PageViewer]]:
    """So many tabs of one operator, over all pages in turn; closed at the end."""
    token = tokens.token("operator", "admin:*", role="operator", clearance="secret")
    cookie = await log_in(dashboard.url, token)
    viewers = [await PageViewer.open(dashboard.url, cookie, page) for page in islice(cycle(PANES), count)]
    try:
        yield viewers
    finally:
        await asyncio.gather(*(viewer.close() for viewer in viewers))


def operators(service: Service) -> httpx.AsyncClient:
    """Return the operators' HTTP interface."""
    return door(service, tokens.operator())


async def other_than(client: httpx.AsyncClient, before: set[str]) -> set[str]:
    """Wait until those sessions are no more what they were; what they are now."""
    deadline = now() + HANG_SECONDS
    while (sessions := await connected(client)) == before:
        assert now() < deadline, f"the sessions of dashboards are still {before}"
        await asyncio.sleep(0.05)
    return sessions


async def the_one_connected(client: httpx.AsyncClient) -> str:
    """Wait until one session of a dashboard has a connection: of one that connects there is none, or the last one's."""
    found = await eventually_async(lambda: _the_one(client), "one session of a dashboard")
    return found[0]


async def _the_one(client: httpx.AsyncClient) -> list[str]:
    found = sorted(await connected(client))
    return found if len(found) == 1 else []


async def connected(client: httpx.AsyncClient) -> set[str]:
    """Return the sessions of dashboards that have a connection."""
    rows = (await client.get("/sessions")).json()["sessions"]
    return {row["session_id"] for row in rows if row["user_id"] == "dashboard"}

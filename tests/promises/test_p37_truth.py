"""P37: what the lists of the service say is on the dashboard again after its own restart and after the service's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any

import httpx

from dashboard.live.feed import Feed
from dashboard.live.service_api import ServiceApi
from dashboard.screen.panes import PANES
from dashboard.screen.viewer import Viewer
from dashboard.state.store import DashboardState
from dossier_realtime.client import DossierRealtimeClient
from dossier_realtime.protocol.authorization import reader
from dossier_realtime.protocol.classification import Clearance
from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS, eventually_async
from tests.harness.service import Service
from tests.promises.conftest import Report
from tests.promises.load_clients import door

PEOPLE = 45
EYES = Viewer("en", "operator", reader(Clearance.SECRET))


@asynccontextmanager
async def watching(service: Service) -> AsyncIterator[DashboardState]:
    """A dashboard's own part that listens, without its pages."""
    state, api = DashboardState(), ServiceApi(service.http)
    feed = asyncio.create_task(Feed(api, tokens.token("dashboard", "admin:*", clearance="secret"), state).run())
    try:
        yield state
    finally:
        feed.cancel()
        with suppress(asyncio.CancelledError):
            await feed
        await api.close()


async def listed(client: httpx.AsyncClient) -> set[tuple[str, str]]:
    """The sessions of people, as the service lists them."""
    rows = (await client.get("/sessions?limit=1000")).json()["sessions"]
    return {(row["user_id"], row["session_id"]) for row in rows if row["user_id"] != "dashboard"}


def shown(state: DashboardState) -> set[tuple[str, str]]:
    """The sessions of people, as the page has them."""
    (block,) = (block for block in PANES["connections"](state, EYES, 0.0) if block["id"] == "sessions")
    return {(str(row["cells"][1]), row["key"]) for row in block["rows"] if row["cells"][1] != "dashboard"}


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(HANG_SECONDS):
        while not true():  # noqa: ASYNC110  a state that is folded tells nobody of its changes
            await asyncio.sleep(0.02)


async def the_same(service: Service, state: DashboardState) -> float:
    """Wait until the service lists everybody and the page does; the seconds between the two."""
    async with door(service, tokens.operator()) as client, asyncio.timeout(HANG_SECONDS):
        while len(await listed(client)) != PEOPLE:  # noqa: ASYNC110  the service tells nobody that it lists them
            await asyncio.sleep(0.02)
        whole, began = await listed(client), monotonic()
        await until(lambda: shown(state) == whole and state.live)
    return monotonic() - began


async def come(service: Service) -> list[DossierRealtimeClient]:
    people: list[Any] = []
    for number in range(PEOPLE):
        client = DossierRealtimeClient(service.token(f"person-{number}", "read:*"), service.url)
        await client.connect()
        people.append(client)
    return people


def test_p37_the_lists_are_true_again_after_either_restart(tmp_path: Path, report: Report) -> None:
    async def run(service: Service) -> list[float]:
        took = []
        people = await come(service)
        try:
            async with watching(service) as state:
                await the_same(service, state)
                await asyncio.to_thread(service.restart, hard=True)
                took.append(await the_same(service, state))
            began = monotonic()
            async with watching(service) as another:
                await the_same(service, another)
                took.append(monotonic() - began)
                await eventually_async(lambda: "commitments" in another.read_at, lambda: another.read_at)
                heard = [block for block in PANES["alerts"](another, EYES, 0.0) if block["id"] == "heard"]
                assert heard[0]["at"] == round(another.read_at["commitments"])  # as of when it was read, is said
        finally:
            for client in people:
                await client.close()
        return took

    with Service(tmp_path / "data", {"limits.handshakes_per_second": 1_000}) as service:
        after_service, after_own = asyncio.run(run(service))
        service.assert_log_clean()
    report(f"{PEOPLE} sessions on the page {after_service:.1f} s after a restarted service listed them")
    report(f"{PEOPLE} sessions on the page {after_own:.1f} s after the dashboard's own start")

"""B11: five thousand events a second into the dashboard: pages are told little, nothing grows, every count is exact."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import turnover
from dashboard.language.display_options import DisplayOptions
from dashboard.screen.panes import PANES
from dashboard.site.page_session import TICK_MS, OpenPage, PageServices, PageSession
from dashboard.site.view_cache import ViewCache
from dossier_realtime.protocol.events import Event
from tests.dashboard.dashboard_process import Dashboard
from tests.dashboard.samples import NOW, busy, edit, health, ops, update, viewer
from tests.harness.service import Service
from tests.promises.bounds import assert_bounded
from tests.promises.conftest import Report, Sized
from tests.promises.dashboard_viewers import AT_MOST, operators, other_than, pages
from tests.promises.load_clients import CROWD, now, run, until

RATE = 5_000  # events a second
PUBLISHERS = 4


def test_b11_the_fold_at_five_thousand_events_a_second(report: Report, sized: Sized) -> None:
    seconds, clock = sized(3, 60), [float(NOW)]
    state = busy()
    before = sum(second.counts["events"] for second in state.seconds)
    views = ViewCache(state, lambda: clock[0])
    told: dict[str, int] = dict.fromkeys(PANES, 0)
    open_ = [_page(views, name, told) for name in PANES]
    events, ticks = _storm(), 1000 // TICK_MS
    for tick in range(ticks * seconds):
        clock[0] = NOW + 1 + tick / ticks
        for _ in range(RATE // ticks):
            channel, event = next(events)
            state.heard(channel, event, clock[0])
        state.heard("ops:nodes", ops("nodes", {"events": RATE // ticks, "ready": 1}, at=int(clock[0])), clock[0])
        for session in open_:
            session.tick()
    assert_bounded(state, views, open_)
    counted = sum(second.counts["events"] for second in state.seconds) - before
    report(f"{counted} events in {seconds} s: each page told ≤ {max(told.values()) / seconds:.1f} times a second")
    assert counted == ticks * seconds * (RATE // ticks)
    assert state.messages >= counted
    assert max(told.values()) <= AT_MOST * seconds
    assert told["tail"] > seconds, "nothing was told: the test shows nothing"


def _page(views: ViewCache, name: str, told: dict[str, int]) -> PageSession:
    """A page whose browser keeps up."""
    page = OpenPage(name, viewer(clearance="secret"), DisplayOptions())
    session = PageSession(views, page, PageServices(None))  # type: ignore[arg-type]  # no page takes an action

    def tell(message: dict[str, Any]) -> None:
        told[name] += 1
        session.component.on_message({"seen": message["count"]})

    session.component.tell = tell  # type: ignore[method-assign]  # instead of a socket
    session.component.on_message({"ready": True})
    return session


def _storm() -> Iterator[tuple[str, Event]]:
    number = 0
    while True:
        number += 1
        yield "dossier:country:SA", update(user=f"u-{number % 500}")
        yield f"document:d-{number % 50}", edit(number, document=f"d-{number % 50}")
        yield f"relationship:r-{number % 50}", health(number % 100, 1, f"r-{number % 50}")


def test_b11_the_dashboard_beside_a_service_under_all_the_load_there_is(
    tmp_path: Path, report: Report, sized: Sized
) -> None:
    seconds = sized(5, 60)
    with Service(tmp_path / "data", CROWD) as service, Dashboard(service, tmp_path, gives_way=True) as dashboard:
        published, rates = run(_all_there_is(service, dashboard, seconds))
        service.assert_log_clean()
        dashboard.assert_log_clean()
    report(
        f"{published / seconds:,.0f} events/s reached of {RATE:,} asked for; pages told ≤ {max(rates):.1f} times a "
        f"second; counters exact"
    )


async def _all_there_is(service: Service, dashboard: Dashboard, seconds: float) -> tuple[int, list[float]]:
    """Events published, and how often a second each page was told. The counters are compared when it is over."""
    token = service.token("program", "write:*", role="service")
    async with operators(service) as client, pages(dashboard, len(PANES)) as viewers:
        await other_than(client, set())
        overview = viewers[list(PANES).index("overview")]
        overview.news = []
        await until(lambda: bool(overview.news))
        before, begun = [viewer.told for viewer in viewers], now()
        load = [
            asyncio.create_task(turnover.publish(service.http, token, RATE // PUBLISHERS)) for _ in range(PUBLISHERS)
        ]
        await asyncio.sleep(seconds)
        for one in load:
            one.cancel()
        await asyncio.gather(*load, return_exceptions=True)
        rates = [(viewer.told - told) / (now() - begun) for viewer, told in zip(viewers, before, strict=True)]
        assert max(rates) <= AT_MOST
        # A request may be at work after its caller gave up: the two are compared until nothing moves any more.
        await until(lambda: _figure(overview.news or [], "Events published") == _published(service), step=0.1)
        return _published(service), rates


def _published(service: Service) -> int:
    return int(service.metrics()["dossier_events_published_total"])


def _figure(news: list[str], label: str) -> int | None:
    """A figure of the overview, as the page was told it last."""
    for text in reversed(news):
        message = json.loads(text)
        for block in message.get("all", []) or message.get("blocks", []):
            for item in block.get("items", []):
                if item["label"] == label:
                    return int(item["value"])
    return None

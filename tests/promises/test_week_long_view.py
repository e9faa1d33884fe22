"""A view that stays open for a week holds no more than one that stays open for a day."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from itertools import product
from pathlib import Path
from typing import Any

import psutil

from benchmarks import turnover
from dashboard.language.display_options import DisplayOptions
from dashboard.screen.panes import PANES
from dashboard.site.page_session import OpenPage, PageServices, PageSession
from dashboard.site.view_cache import ViewCache
from dashboard.state.store import DashboardState
from dossier_realtime.protocol import authorization
from tests.dashboard.dashboard_process import Dashboard
from tests.dashboard.samples import NOW, alert, edit, health, listed, ops, session, there, update, viewer
from tests.harness.service import Overrides, Service
from tests.promises.bounds import assert_bounded
from tests.promises.conftest import Report, Sized
from tests.promises.dashboard_viewers import operators, other_than, pages
from tests.promises.load_clients import CROWD, now, run

MIB = 1 << 20
RATE = 500  # events a second, all under names that are new
VISITS = 2  # a second: somebody comes, writes in a new document, and leaves
STAY = 4.0  # seconds
TABS = 9
FORGETFUL: Overrides = {**CROWD, "session.resume_window": 10}
"""Else the service lists whoever left for another quarter of an hour, and its answers grow for as long."""


def test_what_new_names_leave_behind(report: Report, sized: Sized) -> None:
    minutes = sized(20, 24 * 60)
    clock = [float(NOW)]
    state = DashboardState()
    views = ViewCache(state, lambda: clock[0])
    eyes = product(PANES, ("en", "ar"))
    open_ = [_page(views, name, language) for name, language in eyes]
    tracemalloc.start()
    try:
        held = []
        for minute in range(minutes + 1):
            _minute(state, clock, minute)
            for one in open_:
                one.tick()
            if minute in (minutes // 2, minutes):
                authorization._held.cache_clear()  # it has a bound of its own, which the short run does not reach
                gc.collect()
                held.append(tracemalloc.get_traced_memory()[0])
                assert_bounded(state, views, open_)
    finally:
        tracemalloc.stop()
    warm, end = held
    report(
        f"{minutes} minutes, {state.messages} messages: {warm / MIB:.1f} MiB held, then {(end - warm) / MIB:+.2f} MiB"
    )
    assert end - warm <= MIB


def _page(views: ViewCache, name: str, language: str) -> PageSession:
    page = OpenPage(name, viewer(language, clearance="secret"), DisplayOptions())
    session = PageSession(views, page, PageServices(None))  # type: ignore[arg-type]  # no page takes an action

    def tell(message: dict[str, Any]) -> None:
        session.component.on_message({"seen": message["count"]})

    session.component.tell = tell  # type: ignore[method-assign]  # instead of a socket
    session.component.on_message({"ready": True})
    return session


def _minute(state: DashboardState, clock: list[float], minute: int) -> None:
    """Sixty seconds, of which none names what another named."""
    for second in range(60):
        n = 60 * minute + second
        at = NOW + n
        clock[0] = at
        state.heard("ops:nodes", ops("nodes", {"events": 7, "ready": 1}, at=at), at)
        state.heard("ops:alerts", ops("alerts", {}, *(alert(f"c-{n}-{k}", 1 + k) for k in range(3)), at=at), at)
        brief = {"key": f"r-{n}", "state": "started", "brief_type": "meeting"}
        state.heard("ops:briefs", ops("briefs", {}, brief, at=at), at)
        limited = {"key": f"u-{n} general", "user_id": f"u-{n}", "name": f"User {n}", "state": "warned"}
        state.heard("ops:limits", ops("limits", {"warnings": 1}, limited, at=at), at)
        state.heard("ops:errors", ops("errors", {f"rule-{n}": 1}, at=at), at)
        state.heard(f"document:d-{n}", edit(n, user=f"User {n}", document=f"d-{n}"), at)
        state.heard(f"relationship:r-{n}", health(n % 100, 1, f"r-{n}"), at)
        state.heard(f"dossier:profile:p-{n}", update(f"dossier:profile:p-{n}", f"u-{n}", f"User {n}"), at)
        state.present(f"dossier:country:{n}", there(f"User {n}", f"Guest {n}"), at)
    rows = [listed(f"dossier:country:{60 * minute + k}") for k in range(60)]
    state.listed([session(f"u-{minute}-{k}") for k in range(50)], rows)


def test_a_dashboard_in_a_house_where_everybody_is_new(tmp_path: Path, report: Report, sized: Sized) -> None:
    seconds = sized(10, 600)
    with Service(tmp_path / "data", FORGETFUL) as service, Dashboard(service, tmp_path) as dashboard:
        points, published = run(_churn(service, dashboard, seconds))
        service.assert_log_clean()
        dashboard.assert_log_clean()
    warm = points[len(points) // 2 :]
    growth = warm[-1][1] - warm[0][1]
    report(
        f"{published / seconds:.0f} events/s under new names and {VISITS} visits/s for {seconds} s, {TABS} tabs: "
        f"{points[0][1] / MIB:.0f} MiB at first, {warm[0][1] / MIB:.0f} half-way, {warm[-1][1] / MIB:.0f} at the end; "
        f"slope of the second half {_slope(warm) / 1024:+.1f} KiB/s"
    )
    assert growth <= 16 * MIB


async def _churn(service: Service, dashboard: Dashboard, seconds: float) -> tuple[list[tuple[float, int]], int]:
    """(seconds, bytes) over time, and how many events were published."""
    process = psutil.Process(dashboard.process.pid)
    program = service.token("program", "write:*", role="service", ttl=7200)
    points: list[tuple[float, int]] = []
    async with operators(service) as client, pages(dashboard, TABS) as viewers:
        await other_than(client, set())
        load = asyncio.create_task(turnover.publish(service.http, program, RATE, new_names=True))
        visits: set[asyncio.Task[None]] = set()
        begun = now()
        while now() < begun + seconds:
            number = len(points)
            token = service.token(f"guest-{number}", "write:document:*", name=f"Guest {number}")
            visit = asyncio.create_task(turnover.visit(service.url, token, number, STAY))
            visits.add(visit)
            visit.add_done_callback(visits.discard)
            points.append((now() - begun, process.memory_info().rss))
            await asyncio.sleep(1 / VISITS)
        load.cancel()
        await asyncio.gather(load, *visits, return_exceptions=True)
        assert not any(viewer.gone for viewer in viewers)
    return points, int(service.metrics()["dossier_events_published_total"])


def _slope(points: list[tuple[float, int]]) -> float:
    """Bytes a second, by least squares."""
    middle_x = sum(x for x, _ in points) / len(points)
    middle_y = sum(y for _, y in points) / len(points)
    width = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / width

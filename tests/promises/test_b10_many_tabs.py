"""B10: fifty tabs of the dashboard, ten of them asleep: each costs little, and what is closed is let go."""

from __future__ import annotations

import asyncio
import gc
import signal
from itertools import cycle, islice
from pathlib import Path

import psutil

from benchmarks import turnover
from benchmarks.viewers import PageViewer, log_in
from dashboard.screen.panes import PANES
from dashboard.screen.viewer import DashboardRole
from dashboard.site.page_session import PageSession
from dashboard.site.server import DashboardConfig, DashboardServer, LoginRules, SiteAddress
from tests.dashboard.dashboard_process import Dashboard
from tests.harness import tokens
from tests.harness.service import Service
from tests.promises.conftest import Report, Sized
from tests.promises.dashboard_viewers import UNDER_WAY, operators, pages, the_one_connected
from tests.promises.load_clients import CROWD, Peer, now, run, until

MIB = 1 << 20
TABS, ASLEEP = 50, 10
RATE = 50  # events a second
A_SESSION = 50 * MIB
KEPT = 1  # document a process: Panel's own housekeeping begins with the first page and runs in its context for good


def test_b10_fifty_tabs_ten_of_them_asleep(tmp_path: Path, report: Report, sized: Sized) -> None:
    seconds = sized(10, 300)
    with Service(tmp_path / "data", CROWD) as service, Dashboard(service, tmp_path) as dashboard:
        each, late, awake, asleep = run(_tabs(service, dashboard, seconds))
        service.assert_log_clean()
        dashboard.assert_log_clean()
    report(
        f"{TABS} tabs at {RATE} events/s for {seconds} s: {each / MIB:.2f} MiB a tab at the most; told meanwhile: "
        f"the live tail {awake} times, each of {ASLEEP} asleep ≤ {max(asleep)}; "
        f"{late / MIB:.2f} MiB more while they slept"
    )
    assert each <= A_SESSION
    assert max(asleep) <= UNDER_WAY
    assert awake > 2 * UNDER_WAY, "nothing was told: the test shows nothing"


async def _tabs(service: Service, dashboard: Dashboard, seconds: float) -> tuple[float, float, int, list[int]]:
    """Bytes a tab at the most, bytes that came while ten slept, and how often the tail and the sleepers were told."""
    process = psutil.Process(dashboard.process.pid)
    load = asyncio.create_task(turnover.publish(service.http, service.token("p", "write:*", role="service"), RATE))
    before = process.memory_info().rss
    async with operators(service) as client, pages(dashboard, TABS) as viewers:
        sleepers = viewers[-ASLEEP:]
        tail = next(viewer for viewer in viewers if viewer.page == "tail")
        await until(lambda: tail.told > 2)
        await the_one_connected(client)  # a page is told something also while the dashboard connects
        open_, told = process.memory_info().rss, tail.told
        for viewer in sleepers:
            viewer.sleep()
        before_sleep = {viewer: viewer.told for viewer in sleepers}
        highest, end = open_, now() + seconds

        def is_over() -> bool:
            nonlocal highest
            highest = max(highest, process.memory_info().rss)
            gone = [viewer.page for viewer in viewers if viewer.gone]
            assert not gone, f"the dashboard let these pages go: {gone}"
            return now() >= end and tail.told - told > 2 * UNDER_WAY

        # A dashboard that waited for the sleepers would read no more, and tell the tail nothing.
        await until(is_over, step=0.2)
        awake = tail.told - told
        for viewer in sleepers:
            viewer.wake()
        told = tail.told
        await until(lambda: tail.told > told + 3)  # mute as they are, they are told nothing new meanwhile
        asleep = [viewer.told - before_sleep[viewer] for viewer in sleepers]
        # One that the machine starves may have been sent away as a slow reader meanwhile, for no fault of its own.
        await the_one_connected(client)
        peer = await Peer.connect(service, service.token("nora", "read:*"))
        assert (await peer.ask({"type": "ping"}))["type"] == "pong"
        await peer.close()
        load.cancel()
    return (highest - before) / TABS, highest - open_, awake, asleep


def test_b10_what_is_closed_is_let_go(tmp_path: Path, report: Report, sized: Sized) -> None:
    tabs = sized(10, TABS)
    with Service(tmp_path / "data", CROWD) as service:
        opened, took = run(_open_and_close(service, tabs))
        service.assert_log_clean()
    report(f"{tabs} tabs closed: the last of their sessions was freed {took:.0f} s later")
    assert opened == tabs


async def _open_and_close(service: Service, tabs: int) -> tuple[int, float]:
    """A dashboard in this process, so that one can look for what is left of its pages. Sessions, seconds."""
    roles: dict[str, DashboardRole] = {"operator": "operator"}
    hosts = ("127.0.0.1",)
    address = SiteAddress("127.0.0.1", 0, hosts, ("own",))
    setup = DashboardConfig(service.http, address, LoginRules(roles, 1800))

    async def token() -> str:
        return tokens.operator("dashboard")

    server = DashboardServer(setup, token)
    server.start()
    serving = asyncio.create_task(server.run())
    url = f"http://127.0.0.1:{server.port}"
    cookie = await log_in(url, tokens.token("operator", "admin:*", role="operator"))
    viewers = [await PageViewer.open(url, cookie, page) for page in islice(cycle(PANES), tabs)]
    await until(lambda: all(viewer.told for viewer in viewers))
    opened = len(_sessions())
    for viewer in viewers:
        await viewer.close()
    begun = now()
    await until(lambda: len(_sessions()) <= KEPT, step=1)
    took = now() - begun
    signal.raise_signal(signal.SIGTERM)
    await serving
    return opened, took


def _sessions() -> list[PageSession]:
    """Every one in the memory of this process."""
    gc.collect()
    return [thing for thing in gc.get_objects() if isinstance(thing, PageSession)]

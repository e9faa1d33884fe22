"""P22: the dashboard cannot hurt the service: not with fifty tabs open, not standing still, not dying."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.dashboard.dashboard_process import Dashboard
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service
from tests.promises.checker import Ledger
from tests.promises.conftest import Report, Sized
from tests.promises.dashboard_viewers import connected, operators, other_than, pages, the_one_connected
from tests.promises.load_clients import (
    CHANNEL,
    CROWD,
    Publisher,
    Subscriber,
    now,
    percentile,
    run,
    settled,
    until,
)

LIVE = 5  # readers who notice nothing
SIZE = 1_024  # bytes of an event
TABS = 50


class Load:
    """A steady load, and what its live readers had of it phase by phase."""

    def __init__(self, service: Service, rate: int) -> None:
        self.service, self.rate, self.ledger = service, rate, Ledger()
        token = service.token("publisher", "write:dossier:*")
        self._publisher = Publisher(service, self.ledger, "p", token)
        reader = service.token("reader", "read:dossier:*")
        self.live = [Subscriber(service, self.ledger, f"live{number}", reader) for number in range(LIVE)]

    async def phase(self, seconds: float) -> float:
        """So many seconds of load; p99 from sending to delivery, in milliseconds."""
        begun = now()
        await self._publisher.publish(int(seconds * self.rate), size=SIZE, rate=self.rate)
        await settled(self.ledger, self.live)
        sent = self.ledger.publications
        late = [d.at - sent[d.event].sent for one in self.live for d in one.account.deliveries if d.at >= begun]
        return 1000 * percentile(late, 0.99)

    async def end(self) -> None:
        for one in self.live:
            await one.leave()
        await self._publisher.close()


def test_p22_a_dashboard_that_stands_still_or_dies_hurts_nobody(tmp_path: Path, report: Report, sized: Sized) -> None:
    rate, seconds = sized(300, 1_000), sized(3, 20)
    with Service(tmp_path / "data", CROWD) as service, Dashboard(service, tmp_path, gives_way=True) as dashboard:
        phases, cut_after = run(_blows(service, dashboard, rate, seconds))
        service.assert_log_clean()
        answers = service.get("/readyz")[0]
    figures = ", ".join(f"{name} {p99:.0f}" for name, p99 in phases.items())
    report(f"{TABS} tabs, {rate} × 1 KiB/s; stopped: cut off after {cut_after} events; others' p99 in ms: {figures}")
    assert answers == 200


async def _blows(service: Service, dashboard: Dashboard, rate: int, seconds: float) -> tuple[dict[str, float], int]:
    load = Load(service, rate)
    for one in load.live:
        await one.join()
    phases = {}
    async with operators(service) as client, pages(dashboard, TABS) as viewers:
        tail = next(viewer for viewer in viewers if viewer.page == "tail")
        tail.news = []
        hang = now() + HANG_SECONDS
        while not any(CHANNEL in text for text in tail.news):  # until it has looked at the lists
            await load.phase(1)
            assert now() < hang, "the dashboard does not follow the channel"
        phases["watched"] = await load.phase(seconds)

        watching = await the_one_connected(client)
        dashboard.process.send_signal(signal.SIGSTOP)
        before = load.ledger.acks
        phases["stopped"] = await load.phase(seconds)
        while watching in await connected(client):  # as too slow or, where the machine lets few events pass, as silent
            await load.phase(1)
        cut_after = load.ledger.acks - before
        dashboard.process.send_signal(signal.SIGCONT)
        told = tail.told
        await until(lambda: tail.told > told)
        await other_than(client, set())

        dashboard.process.kill()
        phases["killed"] = await load.phase(seconds)
        await until(lambda: all(viewer.gone for viewer in viewers))
        await until(lambda: service.metrics()["dossier_connections"] == LIVE + 1)  # and the publisher
    load.ledger.check()
    assert load.ledger.acks == len(load.ledger.publications)
    assert all(one.recoveries == [] for one in load.live), "a reader who reads was sent away"
    await load.end()
    return phases, cut_after

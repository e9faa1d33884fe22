"""A commit of events with a record that another call changed first: it is refused once, whatever the clock says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from app.bootstrap import _PROJECTIONS
from app.core.domain.projections.action_links import ActionLinks
from app.core.instant import Instant
from app.core.ratelimit import RateLimiter
from app.engine.build import open_engine
from app.engine.limits import EngineLimits
from app.engine.ports.engine import Engine
from app.engine.ports.errors import Moved
from app.engine.ports.records import RecordChange
from app.services.domain.projections import Projections
from app.services.publisher import EventPublisher
from app.services.quotas import Quotas
from dossier_realtime.protocol.classification import ChannelPolicy
from dossier_realtime.protocol.events import (
    CommitmentAlert,
    CommitmentAlertPayload,
    Event,
    Notification,
    NotificationPayload,
)
from dossier_realtime.protocol.fields import Localized
from dossier_realtime.recording.ops.ops_aggregator import OpsAggregator

_MOST_READINGS = 1_000  # of the clock, which an endless loop exceeds soon


class RunningClock:
    """A clock that goes on by a second at each reading: no two decisions are made at the same time."""

    def __init__(self) -> None:
        self.readings = 0

    def __call__(self) -> Instant:
        """Return a later moment than before."""
        self.readings += 1
        assert self.readings < _MOST_READINGS, "the commit is tried again without an end"
        return Instant(float(self.readings), 1_800_000_000.0 + self.readings)


class Stores(NamedTuple):
    """An engine, and the publisher with all projections of the service."""

    engine: Engine
    publisher: EventPublisher
    projections: Projections


@asynccontextmanager
async def stores(folder: Path) -> AsyncIterator[Stores]:
    clock = RunningClock()
    engine = await open_engine("embedded", folder, limits=EngineLimits(), rates=RateLimiter(), clock=clock)
    projections = Projections(engine.records, _PROJECTIONS, clock, ActionLinks(("*",)))
    publisher = EventPublisher(
        engine.broker,
        engine.alerts,
        ChannelPolicy([]),
        OpsAggregator("n1"),
        lambda: True,
        Quotas(RateLimiter(), clock),
        projections,
    )
    try:
        yield Stores(engine, publisher, projections)
    finally:
        await engine.close()


def alert() -> CommitmentAlert:
    payload = CommitmentAlertPayload(
        commitment_id="c1",
        mou_id="m1",
        title="Due",
        days_until_deadline=7,
        responsible_department="Protocol",
        alert_level=3,
    )
    return CommitmentAlert(priority="urgent", payload=payload)


def notice() -> Notification:
    text = Localized("A text", "نص")
    return Notification(priority="low", payload=NotificationPayload(id="n1", title=text, message=text))


@pytest.mark.parametrize("event", [alert(), notice()], ids=lambda event: type(event).__name__)
def test_a_record_that_moved_is_refused_though_what_follows_from_the_events_is_of_another_time(
    tmp_path: Path, event: Event
) -> None:
    async def scenario() -> None:
        async with stores(tmp_path) as here:
            await here.publisher.commit([], [RecordChange("commitment", "c1", 0, b"registered", due=1.0)])
            await here.publisher.commit([], [RecordChange("commitment", "c1", 1, b"completed")])
            with pytest.raises(Moved):
                await here.publisher.commit([("user:ali", event)], [RecordChange("commitment", "c1", 1, b"raised")])
            assert await here.engine.broker.read("user:ali", 0, 10) == []
            (kept,) = (await here.engine.records.find("commitment", ["c1"])).values()
            assert (kept.body, kept.revision) == (b"completed", 2)

    asyncio.run(scenario())


def test_of_many_commits_at_once_that_fold_into_the_same_records_none_is_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stores(tmp_path) as here:
            users = [f"user:u{number}" for number in range(8)]
            for user in users:
                await here.publisher.commit([], [RecordChange("commitment", user, 0, b"registered")])
            raised = [
                here.publisher.commit([(user, alert())], [RecordChange("commitment", user, 1, b"raised")])
                for user in users
            ]
            await asyncio.gather(*raised)
            kept = await here.engine.records.find("commitment", users)
            assert {record.revision for record in kept.values()} == {2}

    asyncio.run(scenario())

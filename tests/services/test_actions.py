"""Many who act at once: one of them is first, everybody else learns who, and nobody is told twice."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from app.configuration.config import load
from app.configuration.office_calendar import alert_policy
from app.core.domain.projections.action_links import ActionLinks
from app.core.instant import Instant
from app.core.ratelimit import RateLimiter
from app.engine.build import open_engine
from app.engine.limits import EngineLimits
from app.engine.ports.engine import Engine
from app.engine.ports.errors import BriefCancelled, Unavailable
from app.journal.acts import Act
from app.services.briefs.cancellation import Briefs, EndedBrief
from app.services.briefs.ledger import BriefLedger
from app.services.commitments.alerts import AcknowledgedAlert, Alerts
from app.services.commitments.ledger import CommitmentLedger
from app.services.domain.projections import Projections
from app.services.publisher import EventPublisher
from app.services.quotas import Quotas
from dossier_realtime.protocol.authorization import Grant, Identity
from dossier_realtime.protocol.classification import ChannelPolicy, Clearance
from dossier_realtime.protocol.events import (
    BriefComplete,
    BriefCompletePayload,
    BriefStarted,
    BriefStartedPayload,
    CommitmentAlert,
    CommitmentAlertPayload,
)
from dossier_realtime.recording.ops.ops_aggregator import OpsAggregator

PEOPLE = [f"user{number}" for number in range(20)]


class Office(NamedTuple):
    """The services on an engine."""

    engine: Engine
    aggregator: OpsAggregator
    publisher: EventPublisher
    alerts: Alerts
    briefs: Briefs
    journal: list[bool]


@asynccontextmanager
async def office(folder: Path) -> AsyncIterator[Office]:
    def clock() -> Instant:
        return Instant(time.monotonic(), time.time())

    engine = await open_engine("embedded", folder, limits=EngineLimits(), rates=RateLimiter(), clock=clock)
    aggregator, journal, quotas = OpsAggregator("n1"), [True], Quotas(RateLimiter(), clock)
    publisher = EventPublisher(
        engine.broker,
        engine.alerts,
        ChannelPolicy([]),
        aggregator,
        lambda: journal[0],
        quotas,
        Projections(engine.records, (), clock, ActionLinks(("*",))),
    )
    commitments = CommitmentLedger(engine.records, alert_policy(load(None, {}, keys=False).commitments))
    alerts = Alerts(engine.alerts, commitments, publisher, aggregator, time.time)
    ledger = BriefLedger(engine.records, publisher, time.time)
    briefs = Briefs(engine.briefs, publisher, aggregator, ledger, lambda _: None, lambda _: None)
    try:
        yield Office(engine, aggregator, publisher, alerts, briefs, journal)
    finally:
        await engine.close()


async def unrecorded(_: Act) -> None:
    """Take an act that no test here asks for."""


def identity(user: str) -> Identity:
    return Identity(user, user.title(), "editor", None, (), Clearance.INTERNAL, 10**10)


PROGRAM = replace(identity("program"), grants=Grant.parse_all(["write:user:*"]))
OPERATOR = replace(identity("operator"), grants=Grant.parse_all(["admin:*"]))


def alert(level: int = 1) -> CommitmentAlert:
    payload = CommitmentAlertPayload(
        commitment_id="c1",
        mou_id="m1",
        title="Due",
        days_until_deadline=7,
        responsible_department="Protocol",
        alert_level=level,
    )
    return CommitmentAlert(priority="high", payload=payload)


async def told(engine: Engine, channel: str) -> Counter[str]:
    """How many events of each type were ever published on a channel."""
    return Counter(json.loads(event.frame)["type"] for event in await engine.broker.read(channel, 0, 1_000))


def test_of_many_who_acknowledge_at_once_one_is_first(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with office(tmp_path) as here:
            await here.publisher.publish([(f"user:{user}", alert()) for user in PEOPLE], PROGRAM)
            taken = await asyncio.gather(
                *(here.alerts.acknowledge("c1", identity(user), unrecorded) for user in PEOPLE)
            )
            hands = {one.alert.status.acknowledged_by for one in taken if isinstance(one, AcknowledgedAlert)}
            assert len(hands) == 1
            assert sum(bool(one.results) for one in taken if one is not None) == 1
            for user in PEOPLE:
                assert await told(here.engine, f"user:{user}") == {"commitment_alert": 1, "alert_state": 1}
            assert await here.alerts.acknowledge("c1", identity("stranger"), unrecorded) is None
            assert await here.alerts.acknowledge("c9", OPERATOR, unrecorded, on_behalf=True) is None

    asyncio.run(scenario())


def test_whoever_is_alerted_while_it_is_acknowledged_knows_it_or_can_ask(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with office(tmp_path) as here:
            await here.publisher.publish([("user:ali", alert())], PROGRAM)
            more = [here.publisher.publish([(f"user:{user}", alert())], PROGRAM) for user in PEOPLE]
            _, *_ = await asyncio.gather(here.alerts.acknowledge("c1", identity("ali"), unrecorded), *more)
            for user in PEOPLE:
                again = await here.alerts.acknowledge("c1", identity(user), unrecorded)
                assert again is not None
                assert (again.alert.status.acknowledged_by, again.results) == ("ali", [])
                assert (await told(here.engine, f"user:{user}"))["alert_state"] <= 1

    asyncio.run(scenario())


def test_a_brief_that_is_finished_and_cancelled_at_once_ends_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with office(tmp_path) as here:
            for number in range(20):
                request, channel = f"r{number}", f"user:ali{number}"
                started = BriefStarted(request_id=request, payload=BriefStartedPayload("meeting", "SA", 9))
                done = BriefComplete(request_id=request, payload=BriefCompletePayload("b", 9, 0.9))
                await here.publisher.publish([(channel, started)], PROGRAM)
                works = [
                    here.publisher.publish([(channel, done)], PROGRAM),
                    here.briefs.cancel(request, identity(f"ali{number}"), unrecorded),
                ]
                outcomes = await asyncio.gather(*(works if number % 2 else reversed(works)), return_exceptions=True)
                (ended,) = [outcome for outcome in outcomes if isinstance(outcome, EndedBrief)]
                refused = [outcome for outcome in outcomes if isinstance(outcome, BriefCancelled)]
                assert bool(refused) == (ended.brief.ended == "cancelled") == (ended.result is not None)
                assert (await told(here.engine, channel)).total() == 2
            assert await here.briefs.cancel("r1", identity("ali2"), unrecorded) is None

    asyncio.run(scenario())


def test_operators_are_told_how_an_alert_stands_and_how_a_brief_ended(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with office(tmp_path) as here:

            def rows(topic: str) -> Mapping[str, object]:
                messages = {message.channel: message for message in here.aggregator.messages(1)}
                (row,) = messages[f"ops:{topic}"].payload.rows
                return row

            await here.publisher.publish([("user:ali", alert(2))], PROGRAM)
            assert rows("alerts").items() >= {"state": "open", "acknowledged_by": None, "alert_level": 2}.items()
            await here.alerts.acknowledge("c1", identity("ali"), unrecorded)
            fact = {"channels": "user:ali dossier:mou:m1", "level": "internal"}
            taken = fact | {"key": "c1", "state": "acknowledged", "acknowledged_by": "ali", "alert_level": 2}
            assert rows("alerts") == taken
            await here.publisher.publish([("user:sara", alert(1))], PROGRAM)
            taken["channels"] = "user:sara dossier:mou:m1 user:ali"
            assert rows("alerts").items() >= taken.items(), "a lower level neither opens it nor lowers it"
            started = BriefStarted(request_id="r1", payload=BriefStartedPayload("meeting", "SA", 9))
            await here.publisher.publish([("user:ali", started)], PROGRAM)
            await here.briefs.cancel("r1", identity("ali"), unrecorded)
            assert rows("briefs").items() >= {"state": "cancelled", "error": "Cancelled by \u2068Ali\u2069"}.items()

    asyncio.run(scenario())


def test_without_a_journal_nothing_is_done(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with office(tmp_path) as here:
            started = BriefStarted(request_id="r1", payload=BriefStartedPayload("meeting", "SA", 9))
            await here.publisher.publish([("user:ali", alert()), ("user:ali", started)], PROGRAM)
            here.journal[0] = False
            for work in (
                here.alerts.acknowledge("c1", identity("ali"), unrecorded),
                here.briefs.cancel("r1", identity("ali"), unrecorded),
            ):
                with pytest.raises(Unavailable):
                    await work
            here.journal[0] = True
            assert (await told(here.engine, "user:ali")).total() == 2
            ended = await here.briefs.cancel("r1", identity("ali"), unrecorded)
            assert ended is not None
            assert ended.result is not None

    asyncio.run(scenario())

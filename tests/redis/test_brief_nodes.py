"""Briefs over two nodes: one of them writes a brief, and after its end the other."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from app.core.briefs.facts import EntityFacts
from app.core.briefs.job import BriefJob, Requester
from app.core.domain.projections.action_links import ActionLinks
from app.core.instant import Instant
from app.core.ratelimit import RateLimiter
from app.engine.ports.engine import Engine
from app.engine.ports.sessions import NodeRecord
from app.services.briefs.facts.collector import FactCollector
from app.services.briefs.generators.port import GenerationReport, WrittenBrief
from app.services.briefs.ledger import BriefLedger
from app.services.briefs.messages import WRITING
from app.services.briefs.ownership import LIVING_SECONDS, BriefOwners
from app.services.briefs.runner import BriefRunner, RunnerLimits
from app.services.domain.projections import Projections
from app.services.publisher import EventPublisher
from app.services.quotas import Quotas
from dossier_realtime.protocol.authorization import Identity
from dossier_realtime.protocol.classification import ChannelPolicy, Clearance
from dossier_realtime.recording.ops.ops_aggregator import OpsAggregator
from tests.harness.eventually import eventually_async
from tests.harness.redis_server import RedisServer
from tests.redis.nodes import opened_node


def clock() -> Instant:
    return Instant(time.monotonic(), time.time())


class Writer:
    """A generator that begins, and goes on when it is let."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.let = asyncio.Event()

    async def write(self, job: BriefJob, facts: EntityFacts, report: GenerationReport) -> WrittenBrief:
        self.begun.append(job.request_id)
        await self.let.wait()
        await report.step("generating", 50, WRITING)
        return await asyncio.Event().wait()  # type: ignore[return-value]  # it is never finished


class BriefNode:
    """The briefs of one node."""

    def __init__(self, name: str, engine: Engine) -> None:
        self.name, self.engine, self.writer = name, engine, Writer()
        publisher = EventPublisher(
            engine.broker,
            engine.alerts,
            ChannelPolicy(()),
            OpsAggregator(name),
            lambda: True,
            Quotas(RateLimiter(), clock),
            Projections(engine.records, (), clock, ActionLinks(("*",))),
        )
        self.ledger = BriefLedger(engine.records, publisher, time.time)
        owners = BriefOwners(name, engine.nodes, time.time)
        limits: RunnerLimits = RunnerLimits(2, 60.0, 600.0)
        finisher: Any = None  # nothing is finished here
        collector = FactCollector((), publisher)
        self.runner = BriefRunner(
            self.ledger,
            {"slow": self.writer},
            collector,
            finisher,
            limits,
            time.monotonic,
            owners,
        )
        self.task = asyncio.create_task(self.runner.run())

    def report(self, *, ago: float = 0.0) -> None:
        self.engine.nodes.report(NodeRecord(self.name, int(time.time() - ago), {}))

    async def ask(self, request_id: str) -> None:
        by = Identity("ali", "Ali", "editor", None, (), Clearance.INTERNAL, 10**10)
        job = BriefJob(
            request_id=request_id,
            requester=Requester.of(by),
            type="note",
            entity_type="country",
            entity_id="SA",
            language="en",
            generator="slow",
            created_at=time.time(),
            estimated_time=1,
            node=self.runner.node,
        )
        await self.ledger.commit(None, job)
        self.runner.put(job)

    async def job(self, request_id: str) -> BriefJob:
        kept = await self.ledger.find(request_id)
        assert kept is not None
        return kept.job


async def _sees(engine: Engine, other: str) -> None:
    for _ in range(1_000):
        if any(one.node == other for one in await engine.nodes.nodes()):
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{other} is not seen")


def test_a_brief_is_written_by_its_node_and_after_its_end_by_another(
    redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.briefs.runner._WATCH_SECONDS", 0.05)

    async def scenario() -> None:
        url, prefix = redis_server.url, tmp_path.name
        async with opened_node(url, prefix, "n1") as first, opened_node(url, prefix, "n2") as second:
            one = BriefNode("n1", first.engine)
            one.report()
            await one.ask("r1")
            await eventually_async(lambda: one.writer.begun == ["r1"])
            await _sees(second.engine, "n1")
            other = BriefNode("n2", second.engine)
            other.report()
            await eventually_async(lambda: other.runner.others_seen)
            await other.ask("r2")  # its own it writes, whatever the other one has
            await eventually_async(lambda: other.writer.begun == ["r2"])
            assert (await other.job("r1")).attempts == 1

            one.report(ago=2 * LIVING_SECONDS)  # it was stopped, and tells nothing any more
            await eventually_async(lambda: other.writer.begun == ["r2", "r1"])
            taken = await other.job("r1")
            assert (taken.node, taken.attempts) == ("n2", 2)
            one.writer.let.set()  # it goes on where it was: too late
            await eventually_async(lambda: one.runner.open == 0)
            assert one.writer.begun == ["r1"]
            assert (await one.job("r1")).attempts == 2
            for each in (one, other):
                each.task.cancel()
                await asyncio.gather(each.task, return_exceptions=True)

    asyncio.run(scenario())

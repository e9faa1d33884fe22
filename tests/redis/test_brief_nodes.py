"""Briefs over two nodes: one of them writes a brief, and after its end the other."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from typing import Any, Self

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
from app.services.briefs.messages import NOT_SERVED, WRITING
from app.services.briefs.ownership import BriefOwners
from app.services.briefs.runner import BriefRunner, RunnerLimits
from app.services.domain.projections import Projections
from app.services.publisher import EventPublisher
from app.services.quotas import Quotas
from dossier_realtime.protocol.authorization import Identity
from dossier_realtime.protocol.classification import ChannelPolicy, Clearance
from dossier_realtime.recording.ops.ops_aggregator import OpsAggregator
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import eventually_async
from tests.harness.redis_server import RedisServer
from tests.redis.cutting_proxy import cutting_proxy
from tests.redis.nodes import opened_node

LIVING_SECONDS = 3.0
"""Without a report, after which a node counts as absent."""


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


class CountedOwners(BriefOwners):
    """Owners that count the answers in which no node reported lately."""

    lonely = 0

    async def look(self) -> frozenset[str]:
        living = await super().look()
        self.lonely += not living
        return living


class BriefNode:
    """The briefs of one node, which reports as a node does while `reports` is set."""

    def __init__(self, name: str, engine: Engine) -> None:
        self.name, self.engine, self.writer = name, engine, Writer()
        self.reports = asyncio.Event()
        self.reports.set()
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
        self.owners = CountedOwners(name, engine.nodes, clock, LIVING_SECONDS)
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
            self.owners,
        )
        self._tasks = [asyncio.create_task(work) for work in (self.runner.run(), self._report())]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _report(self) -> None:
        while True:
            await self.reports.wait()
            self.engine.nodes.report(NodeRecord(self.name, int(time.time()), {}))
            await asyncio.sleep(0.1)

    async def ask(self, request_id: str) -> None:
        await self.keep(request_id)
        self.runner.put(await self.job(request_id))

    async def keep(self, request_id: str, node: str = "", generator: str = "slow") -> None:
        """Keep a brief that was asked for on a node, this one where none is named."""
        by = Identity("ali", "Ali", "editor", None, (), Clearance.INTERNAL, 10**10)
        job = BriefJob(
            request_id=request_id,
            requester=Requester.of(by),
            type="note",
            entity_type="country",
            entity_id="SA",
            language="en",
            generator=generator,
            created_at=time.time(),
            estimated_time=1,
            node=node or self.name,
        )
        await self.ledger.commit(None, job)

    async def job(self, request_id: str) -> BriefJob:
        kept = await self.ledger.find(request_id)
        assert kept is not None
        return kept.job


async def _sees(node: BriefNode, other: str) -> None:
    async def is_seen() -> bool:
        return any(one.node == other for one in await node.engine.nodes.nodes())

    await eventually_async(is_seen)
    await eventually_async(lambda: node.runner.others_seen)


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nodes look for others, and try again, without the seconds in between."""
    monkeypatch.setattr("app.services.briefs.runner._WATCH_SECONDS", 0.05)
    monkeypatch.setattr("app.services.briefs.runner._RETRY_SECONDS", 0.05)


@asynchronous
async def test_a_brief_is_written_by_its_node_and_after_its_end_by_another(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    prefix = tmp_path.name
    async with (
        cutting_proxy(redis_server.port) as proxy,
        opened_node(f"redis://127.0.0.1:{proxy.port}/0", prefix, "n1") as first,
        opened_node(redis_server.url, prefix, "n2") as second,
        BriefNode("n1", first.engine) as one,
        BriefNode("n2", second.engine) as other,
    ):
        await one.ask("r1")
        await eventually_async(lambda: one.writer.begun == ["r1"])
        await _sees(other, "n1")
        await other.ask("r2")  # its own it writes, whatever the other one has
        await eventually_async(lambda: other.writer.begun == ["r2"])
        assert (await other.job("r1")).attempts == 1

        proxy.cut()  # its lease ends, and its report grows old
        await eventually_async(lambda: other.writer.begun == ["r2", "r1"])
        taken = await other.job("r1")
        assert (taken.node, taken.attempts) == ("n2", 2)
        proxy.is_cut = False
        one.writer.let.set()  # it goes on where it was: too late
        await eventually_async(lambda: one.runner.open == 0)
        assert one.writer.begun == ["r1"]
        assert (await other.job("r1")).attempts == 2


@asynchronous
async def test_the_briefs_of_a_living_node_are_not_taken_over_after_an_outage(tmp_path: Path) -> None:
    """All stored reports are old at first; the other node takes its time to report."""
    with RedisServer(tmp_path / "redis") as server:
        async with (
            opened_node(server.url, "outage", "n1") as first,
            opened_node(server.url, "outage", "n2") as second,
            BriefNode("n1", first.engine) as one,
            BriefNode("n2", second.engine) as other,
        ):
            await one.ask("r1")
            await eventually_async(lambda: one.writer.begun == ["r1"])
            await _sees(other, "n1")
            one.reports.clear()
            server.signal(signal.SIGSTOP)
            await asyncio.sleep(2 * LIVING_SECONDS)  # the length is the matter of the test
            other.owners.lonely = 0
            server.signal(signal.SIGCONT)
            await eventually_async(lambda: other.owners.lonely > 2)
            one.reports.set()
            await eventually_async(other.owners.look)
            one.writer.let.set()
            await eventually_async(lambda: _is_at(other, "r1", 50))
            assert other.writer.begun == []
            job = await other.job("r1")
            assert (job.node, job.attempts) == ("n1", 1)


@asynchronous
async def test_a_node_that_comes_to_a_brief_in_its_queue_leaves_it_to_the_living_node_that_writes_it(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    url, prefix = redis_server.url, tmp_path.name
    async with (
        opened_node(url, prefix, "n1") as first,
        opened_node(url, prefix, "n2") as second,
        BriefNode("n1", first.engine) as one,
        BriefNode("n2", second.engine) as other,
    ):
        await one.ask("r1")
        await eventually_async(lambda: one.writer.begun == ["r1"])
        await _sees(other, "n1")
        other.runner.put(await other.job("r1"))  # it was to be taken over, and its node has come back
        await eventually_async(lambda: other.runner.open == 0)
        one.writer.let.set()
        await eventually_async(lambda: _is_at(other, "r1", 50))
        job = await other.job("r1")
        assert (other.writer.begun, job.node, job.attempts) == ([], "n1", 1)


@asynchronous
async def test_a_node_that_is_alone_takes_over_what_a_node_of_another_name_left(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    async with opened_node(redis_server.url, tmp_path.name, "n2") as second:
        async with BriefNode("n2", second.engine) as before:
            await before.keep("r1", node="n1")
            await before.keep("r2", node="n1", generator="of before")
        async with BriefNode("n2", second.engine) as alone:
            await eventually_async(lambda: alone.writer.begun == ["r1"])
            await eventually_async(lambda: _is_refused(alone, "r2"))
            assert not alone.runner.others_seen


async def _is_refused(node: BriefNode, request_id: str) -> bool:
    return (await node.job(request_id)).error == NOT_SERVED


async def _is_at(node: BriefNode, request_id: str, progress: int) -> bool:
    return (await node.job(request_id)).progress == progress

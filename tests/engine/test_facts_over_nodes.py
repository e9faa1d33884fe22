"""Alerts, briefs and records where two nodes change them at once: one outcome, the same for both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from app.core.domain.alerts import AlertRecipient
from app.core.domain.briefs import BriefTransition
from app.core.domain.ownership import Authority, Claim
from app.core.ratelimit import RateLimiter
from app.engine.build import open_engine
from app.engine.limits import EngineLimits
from app.engine.options import EngineOptions
from app.engine.ports.engine import Engine
from app.engine.ports.errors import BriefCancelled, ForeignBrief, ForeignCommitment, Moved
from app.engine.ports.events import PublicationEntry
from app.engine.ports.records import RecordChange
from tests.engine.conftest import Clock
from tests.engine.events import event
from tests.harness.redis_server import RedisServer


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    return tmp_path.name


@asynccontextmanager
async def two_nodes(server: RedisServer, prefix: str) -> AsyncIterator[list[Engine]]:
    engines = [
        await open_engine(
            server.url,
            Path("/nowhere"),
            limits=EngineLimits(),
            rates=RateLimiter(),
            clock=Clock(),
            options=EngineOptions(node=node, prefix=prefix),
        )
        for node in ("n1", "n2")
    ]
    try:
        yield engines
    finally:
        for engine in engines:
            await engine.close()


def alert(user: str, level: int, claim: Claim | None = None, commitment: str = "c1") -> PublicationEntry:
    fact = AlertRecipient(commitment, user, level, claim)
    return replace(event(f"{user} {level}", f"user:{user}"), domain_fact=fact)


def step(request: str, claim: Claim | None = None) -> PublicationEntry:
    return replace(event(request, "user:ali"), domain_fact=BriefTransition(request, "ali", None, claim))


def test_recipients_that_two_nodes_alert_at_once_are_all_kept(redis_server: RedisServer, prefix: str) -> None:
    async def scenario() -> None:
        async with two_nodes(redis_server, prefix) as engines:
            users = [f"u{number:02}" for number in range(40)]
            calls = [
                engines[number % 2].broker.publish([alert(user, 1 + number % 3)]) for number, user in enumerate(users)
            ]
            await asyncio.gather(*calls)
            for engine in engines:
                found = await engine.alerts.find("c1")
                assert found is not None
                assert found.recipients == tuple(users)
                assert found.status.level == 3

    asyncio.run(scenario())


def test_one_of_two_senders_on_two_nodes_gets_a_brief_and_a_commitment(redis_server: RedisServer, prefix: str) -> None:
    async def scenario() -> None:
        async with two_nodes(redis_server, prefix) as engines:
            for number in range(10):
                claims = [Claim(Authority.SERVICE, name) for name in ("one", "other")]
                told = [
                    engine.broker.publish([step(f"r{number}", claim)])
                    for engine, claim in zip(engines, claims, strict=True)
                ]
                outcomes = await asyncio.gather(*told, return_exceptions=True)
                assert [type(one) for one in outcomes if isinstance(one, Exception)] == [ForeignBrief]
                mous = [Claim(Authority.MOU, "x", mou) for mou in ("m1", "m2")]
                told = [
                    engine.broker.publish([alert("ali", 1, claim, f"c{number}")])
                    for engine, claim in zip(engines, mous, strict=True)
                ]
                outcomes = await asyncio.gather(*told, return_exceptions=True)
                assert [type(one) for one in outcomes if isinstance(one, Exception)] == [ForeignCommitment]

    asyncio.run(scenario())


def test_no_step_goes_out_behind_a_cancellation_on_another_node(redis_server: RedisServer, prefix: str) -> None:
    async def scenario() -> None:
        async with two_nodes(redis_server, prefix) as engines:
            one, other = engines
            await one.broker.publish([step("r1")])
            brief = await other.briefs.find("r1")
            assert brief is not None
            steps = [one.broker.publish([step("r1")]) for _ in range(20)]
            outcomes = await asyncio.gather(other.briefs.cancel(brief, []), *steps, return_exceptions=True)
            refused = sum(isinstance(outcome, BriefCancelled) for outcome in outcomes)
            assert (await one.broker.position("user:ali")).offset == 21 - refused
            with pytest.raises(BriefCancelled):
                await one.broker.publish([step("r1")])
            with pytest.raises(Moved):
                await one.briefs.cancel(brief, [])

    asyncio.run(scenario())


def test_a_commitment_that_is_registered_meanwhile_is_not_spoken_for_by_others(
    redis_server: RedisServer, prefix: str
) -> None:
    async def scenario() -> None:
        async with two_nodes(redis_server, prefix) as engines:
            one, other = engines
            outsider = Claim(Authority.CHANNEL, "mallory", "m9")
            for number in range(10):
                name = f"c{number}"
                registered = RecordChange("commitment", name, 0, b"{}", labels=("mou:m1",))
                outcomes = await asyncio.gather(
                    one.broker.publish([], None, [registered]),
                    other.broker.publish([alert("ali", 1, outsider, name)]),
                    return_exceptions=True,
                )
                assert not isinstance(outcomes[0], Exception)
                claim = await other.alerts.claim(name)
                assert claim == Claim(Authority.MOU, "", "m1")
                with pytest.raises(ForeignCommitment):
                    await other.broker.publish([alert("bea", 1, outsider, name)])

    asyncio.run(scenario())


def test_an_alert_of_a_commitment_that_is_registered_with_it_leaves_its_record(
    redis_server: RedisServer, prefix: str
) -> None:
    async def scenario() -> None:
        async with two_nodes(redis_server, prefix) as engines:
            change = RecordChange("commitment", "c1", 0, b"{}", labels=("mou:m1", "open"), due=5.0)
            await engines[0].broker.publish([alert("ali", 1)], None, [change])
            (record,) = await engines[1].records.listed("commitment", "open", None, 10)
            assert (record.revision, record.due, record.body) == (1, 5.0, b"{}")
            assert await engines[1].records.next_due("commitment") == 5.0

    asyncio.run(scenario())

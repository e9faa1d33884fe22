"""The guarantees that every backend gives of briefs: whose each is, and that nothing comes after a cancel."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from app.core.domain.briefs import Brief, BriefTransition
from app.core.domain.ownership import OF_THE_SERVICE, Authority, Claim
from app.engine.ports.engine import Engine
from app.engine.ports.errors import BriefCancelled, ForeignBrief, Moved
from app.engine.ports.events import PublicationEntry
from dossier_realtime.protocol.responses import BriefEnd
from tests.engine.conftest import Clock, Opener
from tests.engine.events import event, key
from tests.harness.eventually import eventually_async

DAY = 86_400.0


def step(number: int | str, ended: BriefEnd | None = None, request: str = "r1", user: str = "ali") -> PublicationEntry:
    return replace(event(number, f"user:{user}"), domain_fact=BriefTransition(request, user, ended))


async def found(engine: Engine, request: str = "r1") -> Brief:
    brief = await engine.briefs.find(request)
    assert brief is not None
    return brief


def test_a_brief_is_its_first_users_and_ends_once_also_after_a_restart(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            assert await engine.briefs.find("r1") is None
            await engine.broker.publish([step(1), step(2, user="bea"), step(3, "failed", user="bea")])
            assert await found(engine) == Brief("r1", "ali")
        async with opened() as engine:
            assert await found(engine) == Brief("r1", "ali")
            await engine.broker.publish([step(4, "complete"), step(5, "failed")])
            assert await found(engine) == Brief("r1", "ali", "complete")

    asyncio.run(scenario())


def test_after_a_cancel_nothing_of_the_brief_gets_through_and_nothing_else_of_its_batch(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            await engine.broker.publish([step(1)], key("first"))
            (place,) = await engine.briefs.cancel(await found(engine), [step("end", "failed")])
            assert (place.channel, place.offset) == ("user:ali", 2)
        async with opened() as engine:
            assert await found(engine) == Brief("r1", "ali", "cancelled")
            for late in (step(3), step(3, "complete"), step(3, user="bea")):
                with pytest.raises(BriefCancelled, match="The brief r1 was cancelled"):
                    await engine.broker.publish([event(9, "user:ali"), step(2, request="r2"), late])
            assert (await engine.broker.position("user:ali")).offset == 2
            assert await engine.briefs.find("r2") is None
            (again,) = await engine.broker.publish([step(1)], key("first"))
            assert (again.offset, again.repeated) == (1, True), "what was published before is not refused afterwards"

    asyncio.run(scenario())


def test_of_an_end_and_a_cancel_at_once_one_comes_first_and_the_other_learns_of_it(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            for number in range(20):
                request = f"r{number}"
                await engine.broker.publish([step(1, request=request)])
                brief = await found(engine, request)
                works = [
                    engine.broker.publish([step(2, "complete", request)]),
                    engine.briefs.cancel(brief, [step("end", "failed", request)]),
                ]
                outcomes = await asyncio.gather(*(works if number % 2 else reversed(works)), return_exceptions=True)
                (lost,) = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
                ended = (await found(engine, request)).ended
                assert (ended, type(lost)) in (("complete", Moved), ("cancelled", BriefCancelled))
            assert (await engine.broker.position("user:ali")).offset == 40

    asyncio.run(scenario())


def test_a_brief_is_forgotten_a_month_after_its_last_step(opened: Opener, clock: Clock) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            await engine.broker.publish([step(1), step(1, request="moves")])
            for days, left in ((29, {"r1", "moves"}), (2, {"moves"}), (31, set())):
                clock.passed += days * DAY
                engine.upkeep()  # type: ignore[attr-defined]  # each backend has its own way to be hurried
                if left:
                    await engine.broker.publish([step(2, request="moves")])
                await engine.broker.publish([event(1)])

                async def gone(left: set[str] = left) -> bool:
                    return {name for name in ("r1", "moves") if await engine.briefs.find(name) is not None} == left

                await eventually_async(gone)

    asyncio.run(scenario())


def test_a_silent_brief_fails_once_and_is_its_programs_no_more(opened: Opener, clock: Clock) -> None:
    program = Claim(Authority.SERVICE, "program")

    def of_program(number: int, ended: BriefEnd | None = None, request: str = "r1") -> PublicationEntry:
        return replace(step(number), domain_fact=BriefTransition(request, "ali", ended, program))

    async def scenario() -> None:
        async with opened() as engine:
            await engine.broker.publish([of_program(1), of_program(2, request="goes on")])
            own = BriefTransition("of the service", "ali", None, OF_THE_SERVICE)
            await engine.broker.publish([replace(step(3), domain_fact=own)])
            assert await engine.briefs.silent(60, 10) == []
            clock.passed += 61
            await engine.broker.publish([of_program(4, request="goes on")])
            (silent,) = await engine.briefs.silent(60, 10)
            assert silent.request_id == "r1"
            going_on = await found(engine, "goes on")
            with pytest.raises(Moved):
                await engine.briefs.fail_silent(going_on, 60, [step("end", "failed", "goes on")])
            await engine.briefs.fail_silent(silent, 60, [step("end", "failed")])
            assert await engine.briefs.silent(60, 10) == []
            with pytest.raises(Moved):
                await engine.briefs.fail_silent(silent, 60, [step("end", "failed")])
        async with opened() as engine:
            assert (await found(engine)).ended == "failed"
            for late in (of_program(5), of_program(5, "complete"), of_program(5, "failed")):
                with pytest.raises(ForeignBrief):
                    await engine.broker.publish([late])

    asyncio.run(scenario())

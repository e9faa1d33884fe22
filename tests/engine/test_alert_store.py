"""The guarantees that every backend gives of alerts: kept with the events that tell of them, taken in hand once."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from app.core.domain.alerts import Alert, AlertRecipient, AlertStatus
from app.engine.ports.engine import Engine
from app.engine.ports.errors import KeyConflict, Moved
from app.engine.ports.events import PublicationEntry
from app.engine.ports.records import RecordChange
from tests.engine.conftest import Clock, Opener
from tests.engine.events import Received, event, key, numbers
from tests.harness.eventually import eventually_async

DAY = 86_400.0


def alert(user: str, level: int = 1, commitment: str = "c1") -> PublicationEntry:
    return replace(
        event(f"{commitment} {user} {level}", f"user:{user}"), domain_fact=AlertRecipient(commitment, user, level)
    )


async def found(engine: Engine, commitment: str = "c1") -> Alert:
    alert = await engine.alerts.find(commitment)
    assert alert is not None
    return alert


def test_whoever_was_told_is_known_at_the_highest_level_also_after_a_restart(opened: Opener) -> None:
    expected = Alert("c1", AlertStatus(3), ("ali", "bea", "omar"))

    async def scenario() -> None:
        async with opened() as engine:
            assert await engine.alerts.find("c1") is None
            await engine.broker.publish([alert("omar", 2), alert("ali", 3)])
            await engine.broker.publish([alert("bea"), alert("bea", 1, "c2"), event(1)])
            assert await found(engine) == expected
        async with opened() as engine:
            assert await found(engine) == expected
            assert await found(engine, "c2") == Alert("c2", AlertStatus(1), ("bea",))

    asyncio.run(scenario())


def test_an_acknowledgement_and_what_tells_it_are_one_commit(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            received = Received()
            engine.broker.start(received)
            await engine.broker.publish([alert("ali"), alert("bea")])
            before = await found(engine)
            places = await engine.alerts.acknowledge(before, "ali", [event("a", "user:ali"), event("b", "user:bea")])
            assert [(place.channel, place.offset) for place in places] == [("user:ali", 2), ("user:bea", 2)]
            assert numbers(received.batches[-1]) == ["a", "b"]
            for stale in (before, Alert("nowhere", AlertStatus(1), ())):
                with pytest.raises(Moved):
                    await engine.alerts.acknowledge(stale, "bea", [event("c", "user:bea")])
        async with opened() as engine:
            assert await found(engine) == replace(before, status=AlertStatus(1, "ali"))
            assert (await engine.broker.position("user:bea")).offset == 2

    asyncio.run(scenario())


def test_what_climbs_is_open_again_and_what_does_not_is_not(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            await engine.broker.publish([alert("ali", 2)])
            await engine.alerts.acknowledge(await found(engine), "ali", [])
            await engine.broker.publish([alert("bea", 2), alert("ali", 1)])
            assert (await found(engine)).status == AlertStatus(2, "ali")
            await engine.broker.publish([alert("bea", 3)])
            assert await found(engine) == Alert("c1", AlertStatus(3), ("ali", "bea"))

    asyncio.run(scenario())


def test_one_more_who_is_told_meanwhile_makes_an_acknowledgement_look_again(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            await engine.broker.publish([alert("ali")])
            seen = await found(engine)
            await engine.broker.publish([alert("bea")])
            with pytest.raises(Moved):
                await engine.alerts.acknowledge(seen, "ali", [])

    asyncio.run(scenario())


def test_what_is_not_published_tells_nothing(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            await engine.broker.publish([alert("ali")], key("k"))
            await engine.alerts.acknowledge(await found(engine), "ali", [])
            await engine.broker.publish([alert("ali", 3)], key("k"))  # as its key says, the first again
            with pytest.raises(KeyConflict):
                await engine.broker.publish([alert("bea", 3)], key("k", digest=b"other"))
            assert await found(engine) == Alert("c1", AlertStatus(1, "ali"), ("ali",))

    asyncio.run(scenario())


def test_an_open_alert_outlives_an_acknowledged_one(opened: Opener, clock: Clock) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            await engine.broker.publish([alert("ali"), alert("ali", 1, "taken")])
            await engine.alerts.acknowledge(await found(engine, "taken"), "ali", [])
            for days, left in ((29, {"c1", "taken"}), (2, {"c1"}), (148, {"c1"}), (2, set())):
                clock.passed += days * DAY
                engine.upkeep()  # type: ignore[attr-defined]  # each backend has its own way to be hurried
                await engine.broker.publish([event(1)])

                async def gone(left: set[str] = left) -> bool:
                    return {name for name in ("c1", "taken") if await engine.alerts.find(name) is not None} == left

                await eventually_async(gone)

    asyncio.run(scenario())


def test_a_restart_forgets_the_alert_with_the_change_that_it_follows_from(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            await engine.broker.publish([alert("ali", 3), alert("bea", 2, "c2")])
            with pytest.raises(Moved):
                await engine.alerts.restart("c1", [RecordChange("note", "c1", 4, b"moved")])
            assert await found(engine) == Alert("c1", AlertStatus(3), ("ali",))
            await engine.alerts.restart("c1", [RecordChange("note", "c1", 0, b"new")])
            await engine.alerts.restart("never-alerted", [])
            assert await engine.alerts.find("c1") is None
            assert (await engine.records.find("note", ["c1"]))["c1"].body == b"new"
            assert (await found(engine, "c2")).recipients == ("bea",)
            await engine.broker.publish([alert("bea", 1)])
            assert await found(engine) == Alert("c1", AlertStatus(1), ("bea",))

    asyncio.run(scenario())


def test_a_restart_forgets_the_alert_together_with_the_change_that_says_so(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            await engine.broker.publish([alert("ali", 3), alert("bea", 1, "c2")])
            await engine.alerts.acknowledge(await found(engine), "ali", [])
            with pytest.raises(Moved):
                await engine.alerts.restart("c1", [RecordChange("commitment", "c1", 7, b"{}")])
            assert (await found(engine)).status == AlertStatus(3, "ali"), "neither was done"
            await engine.alerts.restart("c1", [RecordChange("commitment", "c1", 0, b"{}", ("mou:m1",))])
        async with opened() as engine:
            assert await engine.alerts.find("c1") is None
            assert "c1" in await engine.records.find("commitment", ["c1"])
            assert (await found(engine, "c2")).recipients == ("bea",)
            await engine.broker.publish([alert("bea", 1)])
            assert await found(engine) == Alert("c1", AlertStatus(1), ("bea",), "m1"), "it begins anew"

    asyncio.run(scenario())

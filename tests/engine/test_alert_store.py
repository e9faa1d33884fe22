"""The guarantees that every backend gives of alerts: kept with the events that tell of them, taken in hand once."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from app.core.domain.alerts import MAX_RECIPIENTS, Alert, AlertRecipient, AlertStatus, TooManyRecipientsError
from app.engine.embedded.events import alerts as embedded_alerts
from app.engine.facts import alerts as facts
from app.engine.ports.engine import Engine
from app.engine.ports.errors import KeyConflict, Moved
from app.engine.ports.events import PublicationEntry
from app.engine.ports.records import RecordChange
from app.engine.redis import connection
from app.engine.redis.log import lane
from tests.engine.conftest import Clock, Opener
from tests.engine.events import CHANNEL, Received, event, key, numbers
from tests.harness.eventually import HANG_SECONDS, eventually_async

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


def test_an_alert_tells_as_many_users_as_the_rule_says_and_refuses_one_more(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bound itself is tried once, in one commit; what comes before and after it, with a small one."""

    async def whole() -> None:
        async with opened() as engine:
            users = [f"user-{number:04}-{'x' * 53}" for number in range(MAX_RECIPIENTS)]
            commit = [alert(user) for user in users]
            await engine.broker.publish(commit, key("k"))
            assert (await found(engine)).recipients == tuple(users)
            again = await engine.broker.publish(commit, key("k"))
            assert [place.repeated for place in again] == [True] * MAX_RECIPIENTS
            with pytest.raises(TooManyRecipientsError, match="another commitment_id"):
                await engine.broker.publish([alert("one-more")])
            told = [event("taken", f"user:{user}") for user in users]
            await engine.alerts.acknowledge(await found(engine), users[0], told)
            assert (await found(engine)).status.acknowledged_by == users[0]

    async def small() -> None:
        async with opened() as engine:
            await engine.broker.publish([alert("u1", 1, "c2"), alert("u2", 1, "c2")])
            for refused in ([alert("u3", 1, "c2"), alert("u4", 1, "c2")], [alert(f"u{n}", 1, "c3") for n in range(4)]):
                with pytest.raises(TooManyRecipientsError):
                    await engine.broker.publish([*refused, event("with it")])
            assert (await engine.broker.position(CHANNEL)).offset == 0, "nothing of a refused call is kept"
            assert (await found(engine, "c2")).recipients == ("u1", "u2")
            await engine.broker.publish([alert("u3", 1, "c2")])
            await engine.broker.publish([alert("u1", 2, "c2")])  # who is told again is none more
            assert (await found(engine, "c2")).levels == (2, 1, 1)

    with monkeypatch.context() as patch:
        for of_redis in (connection, lane):  # a call may take as long as it does on this machine
            patch.setattr(of_redis, "CALL_SECONDS", HANG_SECONDS)
        asyncio.run(whole())
    for module in (facts, embedded_alerts):
        monkeypatch.setattr(module, "MAX_RECIPIENTS", 3)
    asyncio.run(small())

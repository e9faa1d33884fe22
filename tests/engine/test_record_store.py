"""The guarantees that every backend gives of records: changed together with events, listed and due in order."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.domain.briefs import BriefTransition
from app.engine.ports.engine import Engine
from app.engine.ports.errors import BriefCancelled, KeyConflict, Moved
from app.engine.ports.records import MAX_LABELS, MAX_RECORD_BYTES, ListPlace, Record, RecordChange, order_of
from tests.engine.conftest import Clock, Opener
from tests.engine.events import event, key
from tests.harness.eventually import eventually_async

KIND = "commitment"


def change(name: str, revision: int = 0, body: bytes | None = b"{}", **places: object) -> RecordChange:
    return RecordChange(KIND, name, revision, body, **places)  # type: ignore[arg-type]  # of the fields' types


async def stored(engine: Engine, name: str) -> Record | None:
    return (await engine.records.find(KIND, [name])).get(name)


async def names(engine: Engine, label: str) -> list[str]:
    return [record.key for record in await engine.records.listed(KIND, label, None, 100)]


def test_a_record_is_kept_with_all_that_was_said_of_it_also_after_a_restart(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            assert await stored(engine, "c1") is None
            await engine.broker.publish(
                [], changes=[change("c1", labels=("open", "mou:7"), order="2027-01-01", due=5.0, expires=4e9)]
            )
        async with opened() as engine:
            expected = Record(KIND, "c1", b"{}", 1, ("open", "mou:7"), "2027-01-01", 5.0, 4e9)
            assert await stored(engine, "c1") == expected
            await engine.broker.publish([], changes=[change("c1", 1, b"[]", labels=("closed",))])
            assert await stored(engine, "c1") == Record(KIND, "c1", b"[]", 2, ("closed",))
            assert (await names(engine, "open"), await names(engine, "closed")) == ([], ["c1"])
            assert await engine.records.next_due(KIND) is None
            await engine.broker.publish([], changes=[change("c1", 2, None)])
            assert (await stored(engine, "c1"), await names(engine, "closed")) == (None, [])
            await engine.broker.publish([], changes=[change("c1")])
            assert (await stored(engine, "c1") or expected).revision == 1

    asyncio.run(scenario())


def test_events_and_records_are_committed_together_or_not_at_all(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            await engine.broker.publish([event(1)], changes=[change("c1")])
            for stale in ([change("c1")], [change("c2"), change("c1", 7)], [change("c3", 1)], [change("c3", 1, None)]):
                with pytest.raises(Moved):
                    await engine.broker.publish([event(2)], changes=stale)
            assert (await engine.broker.position(event(1).channel)).offset == 1
            assert await engine.records.find(KIND, ["c2", "c3"]) == {}

            step = replace(event("b", "user:ali"), domain_fact=BriefTransition("r1", "ali"))
            await engine.broker.publish([step])
            brief = await engine.briefs.find("r1")
            assert brief is not None
            await engine.briefs.cancel(brief, [])
            with pytest.raises(BriefCancelled):
                await engine.broker.publish([step], changes=[change("c2")])
            assert await stored(engine, "c2") is None, "an event that is refused takes the change with it"

    asyncio.run(scenario())


def test_a_key_that_was_used_before_changes_nothing(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            await engine.broker.publish([event(1)], key("k"), [change("c1")])
            (again,) = await engine.broker.publish([event(1)], key("k"), [change("c1")])
            assert (again.offset, again.repeated) == (1, True)
            assert (await stored(engine, "c1") or change("c1")).revision == 1

    asyncio.run(scenario())


def test_of_changes_at_once_one_holds_and_each_other_learns_of_it(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            for revision in range(20):
                works = [engine.broker.publish([event(n)], changes=[change("c1", revision)]) for n in range(5)]
                outcomes = await asyncio.gather(*works, return_exceptions=True)
                assert sorted(type(one).__name__ for one in outcomes) == ["Moved"] * 4 + ["list"]
            assert (await engine.broker.position(event(1).channel)).offset == 20

    asyncio.run(scenario())


def test_lists_are_paged_in_order(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            places = [ListPlace(f"{n % 7}", f"c{n}") for n in range(50)]
            changes = [change(one.key, order=one.order, labels=("open", "all")) for one in places]
            await engine.broker.publish([], changes=changes)
            found: list[ListPlace] = []
            while page := await engine.records.listed(KIND, "open", found[-1] if found else None, 8):
                assert len(page) == 8 or len(found) + len(page) == 50
                found += [record.place for record in page]
            assert found == sorted(places)
            assert [await engine.records.count(KIND, label) for label in ("open", "none")] == [50, 0]
            assert await engine.records.count("brief", "open") == 0

    asyncio.run(scenario())


def test_what_is_due_comes_in_the_order_of_its_time(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            changes = [change(f"c{due}", due=float(due)) for due in (30, 10, 20)]
            await engine.broker.publish([], changes=[*changes, change("never")])
            assert await engine.records.next_due(KIND) == 10
            assert [one.key for one in await engine.records.due(KIND, 20, 10)] == ["c10", "c20"]
            assert [one.key for one in await engine.records.due(KIND, 99, 1)] == ["c10"]
            await engine.broker.publish([], changes=[change("c10", 1, due=40.0)])
            assert [one.key for one in await engine.records.due(KIND, 99, 10)] == ["c20", "c30", "c10"]
            assert (await engine.records.due("brief", 99, 10), await engine.records.next_due("brief")) == ([], None)

    asyncio.run(scenario())


def test_a_record_is_removed_when_its_time_is_over(opened: Opener, clock: Clock) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            now = clock().wall
            changes = [change("short", expires=now + 60, labels=("open",)), change("long", labels=("open",))]
            await engine.broker.publish([], changes=changes)
            for passed, left in ((30, ["long", "short"]), (31, ["long"])):
                clock.passed += passed
                engine.upkeep()  # type: ignore[attr-defined]  # each backend has its own way to be hurried
                await engine.broker.publish([event(1)])

                async def gone(left: list[str] = left) -> bool:
                    return await names(engine, "open") == left

                await eventually_async(gone)

    asyncio.run(scenario())


def test_a_record_may_be_placed_by_the_offset_of_its_event(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            await engine.broker.publish([event(1), event(2)])
            changes = [change("late", labels=("l",), placed_by=1), change("early", labels=("l",), placed_by=0)]
            await engine.broker.publish([event(3), event(4)], changes=changes)
            found = await engine.records.listed(KIND, "l", None, 9)
            assert [record.place for record in found] == [(order_of(3), "early"), (order_of(4), "late")]

    asyncio.run(scenario())


def test_what_a_key_stands_for_is_known_without_publishing(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            assert await engine.broker.repeated(key("k")) is None
            (first,) = await engine.broker.publish([event(1)], key("k"))
            again = await engine.broker.repeated(key("k"))
            assert again == [replace(first, repeated=True)]
            with pytest.raises(KeyConflict):
                await engine.broker.repeated(key("k", digest=b"other"))

    asyncio.run(scenario())


def test_a_record_has_a_bound(opened: Opener) -> None:
    with pytest.raises(ValueError, match="at most 262144"):
        change("c1", body=b"x" * (MAX_RECORD_BYTES + 1))
    with pytest.raises(ValueError, match="at most 64"):
        change("c1", labels=tuple(f"l{n}" for n in range(MAX_LABELS + 1)))


_kinds = itertools.count()
_labels = st.lists(st.sampled_from(["a", "b", "c"]), unique=True).map(tuple)
_steps = st.lists(st.tuples(st.sampled_from(["k1", "k2", "k3"]), st.booleans(), _labels, st.sampled_from("xyz")))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_steps)
def test_lists_hold_what_the_records_say(
    opened: Opener, steps: Sequence[tuple[str, bool, tuple[str, ...], str]]
) -> None:
    """After any changes, each list is the one that a scan of all records gives."""
    kind = f"kind{next(_kinds)}"  # the store outlives an example

    async def scenario() -> None:
        async with opened() as engine:
            model: dict[str, tuple[int, tuple[str, ...], str]] = {}
            for name, removed, labels, order in steps:
                revision = model[name][0] if name in model else 0
                body = None if removed and name in model else b"{}"
                await engine.broker.publish([], changes=[RecordChange(kind, name, revision, body, labels, order)])
                if body is None:
                    del model[name]
                else:
                    model[name] = (revision + 1, labels, order)
            for label in "abc":
                expected = sorted((order, name) for name, (_, labels, order) in model.items() if label in labels)
                found = await engine.records.listed(kind, label, None, 100)
                assert [record.place for record in found] == [ListPlace(*place) for place in expected]

    asyncio.run(scenario())

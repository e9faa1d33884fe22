"""The clearance of a user who is away is that of the last token, whichever node it was shown at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.core.ratelimit import RateLimiter
from app.engine.build import open_engine
from app.engine.limits import EngineLimits
from app.engine.options import EngineOptions
from app.engine.ports.engine import Engine
from app.engine.ports.errors import Unavailable
from app.engine.ports.events import Broker
from app.engine.ports.records import RecordChange
from app.services.commitments.clearances import KIND, Clearances
from dossier_realtime.protocol.authorization import Grant, Identity
from dossier_realtime.protocol.classification import Clearance
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import eventually_async
from tests.services.test_due_clock import SetClock

INTERNAL, SECRET = Clearance.INTERNAL, Clearance.SECRET
ENGINES = ["embedded", pytest.param("redis", marks=pytest.mark.long)]


class Stopped:
    """The broker of an engine; while it is `away` nothing can be stored."""

    def __init__(self, broker: Broker) -> None:
        self.broker, self.away, self.written, self.refused = broker, False, 0, 0

    async def publish(self, events: list[object], *, changes: list[RecordChange]) -> object:
        if self.away:
            self.refused += 1
            raise Unavailable
        self.written += len(changes)
        return await self.broker.publish([], changes=changes)


class Place:
    """One node: it sees tokens, and says what is known of users."""

    def __init__(self, engine: Engine, clock: SetClock) -> None:
        self.engine, self.clock = engine, clock
        self.broker = Stopped(engine.broker)
        self.clearances = Clearances(engine.records, self.broker, lambda: clock.wall)  # type: ignore[arg-type]  # all it uses

    def show(self, clearance: Clearance, after: float = 6) -> None:
        """Let the node see a token, so long after anything before that the clocks of nodes can tell."""
        self.clock.pass_by(after)
        self.clearances.seen(Identity("omar", "Omar", "member", None, Grant.parse_all([]), clearance, 2_000_000))

    async def known(self) -> Clearance:
        return (await self.clearances.of(["omar"]))["omar"]


@asynccontextmanager
async def served(setting: str, folder: Path, clock: SetClock) -> AsyncIterator[tuple[Place, Place]]:
    """Two nodes on one store: with the embedded one, two services on one engine."""
    engines = []
    for name in ("a", "b") if setting != "embedded" else ("a",):
        options = EngineOptions(node=name, prefix=folder.name)
        limits, rates = EngineLimits(), RateLimiter()
        engines.append(await open_engine(setting, folder, limits=limits, rates=rates, clock=clock, options=options))
    a, b = Place(engines[0], clock), Place(engines[-1], clock)
    running = [asyncio.create_task(place.clearances.run()) for place in (a, b)]
    try:
        yield a, b
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for engine in engines:
            await engine.close()


@pytest.fixture
def setting(request: pytest.FixtureRequest) -> str:
    """Return the setting of the engine that the test is run on."""
    name: str = request.param
    return name if name == "embedded" else str(request.getfixturevalue("redis_server").url)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.services.commitments.clearances._RETRY_SECONDS", 0.02)


async def _knows(place: Place, clearance: Clearance) -> bool:
    return await place.known() == clearance


async def until_stored(place: Place, clearance: Clearance) -> None:
    """Wait until a node that saw no token since says so."""
    await eventually_async(lambda: _knows(place, clearance))


@pytest.mark.parametrize("setting", ENGINES, indirect=True)
@pytest.mark.parametrize(("first", "then"), [(SECRET, INTERNAL), (INTERNAL, SECRET)])
def test_the_last_token_counts_at_whichever_node_it_was_shown(
    tmp_path: Path, setting: str, first: Clearance, then: Clearance
) -> None:
    async def scenario() -> None:
        async with served(setting, tmp_path, SetClock()) as (a, b):
            a.show(first)
            assert await a.known() == first  # at once, stored or not
            await until_stored(b, first)
            b.show(then)
            assert await b.known() == then
            await until_stored(a, then)
            a.show(first)
            assert await a.known() == first
            await until_stored(b, first)

    asyncio.run(scenario())


@pytest.mark.parametrize("setting", ENGINES, indirect=True)
def test_what_an_outage_held_back_replaces_nothing_newer(tmp_path: Path, setting: str) -> None:
    async def scenario() -> None:
        async with served(setting, tmp_path, SetClock()) as (a, b):
            a.broker.away = True
            a.show(SECRET)
            await eventually_async(lambda: a.broker.refused > 0)
            b.show(INTERNAL)
            await eventually_async(lambda: not b.clearances._unkept)  # `b` says it before it is stored
            a.broker.away = False
            b.show(INTERNAL)
            await eventually_async(lambda: not a.clearances._unkept)
            assert (await a.known(), await b.known()) == (INTERNAL, INTERNAL)
            assert a.broker.written == 0

    asyncio.run(scenario())


@asynchronous
async def test_the_same_token_again_and_again_is_written_once_in_five_minutes(tmp_path: Path) -> None:
    clock = SetClock()
    async with served("embedded", tmp_path, clock) as (a, b):
        a.show(SECRET)
        await until_stored(b, SECRET)
        await eventually_async(lambda: not a.clearances._unkept)
        for _ in range(49):
            a.show(SECRET)
        assert (a.broker.written, a.clearances._unkept) == (1, {})
        a.show(SECRET, after=7)
        await eventually_async(lambda: a.broker.written == 2)


@asynchronous
async def test_a_token_that_was_not_written_at_once_is_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.commitments.clearances._SPARED_SECONDS", 2.5)
    monkeypatch.setattr("app.services.commitments.clearances._MAX_SKEW_SECONDS", 0.5)
    async with served("embedded", tmp_path, SetClock()) as (a, b):
        a.show(SECRET, after=1)
        await eventually_async(lambda: bool(a.clearances._stored))
        b.show(INTERNAL, after=1)
        await eventually_async(lambda: bool(b.clearances._stored))  # and `a` does not learn of it
        a.show(SECRET, after=1)
        assert a.clearances._unkept == {}
        assert await a.known() == SECRET
        await until_stored(b, SECRET)


@asynchronous
@pytest.mark.parametrize(("first", "then"), [(SECRET, INTERNAL), (INTERNAL, SECRET)])
async def test_of_two_that_the_clocks_of_two_nodes_cannot_tell_apart_the_lower_one_counts(
    tmp_path: Path, first: Clearance, then: Clearance
) -> None:
    async with served("embedded", tmp_path, SetClock()) as (a, b):
        a.show(first)
        await eventually_async(lambda: not a.clearances._unkept)
        b.show(then, after=-4)  # its clock is behind
        assert await b.known() == INTERNAL
        await eventually_async(lambda: not b.clearances._unkept)
        assert (await a.known(), await b.known()) == (INTERNAL, INTERNAL)


@asynchronous
async def test_of_two_at_one_node_the_later_one_counts_however_soon_it_comes(tmp_path: Path) -> None:
    async with served("embedded", tmp_path, SetClock()) as (a, b):
        for clearance in (INTERNAL, SECRET, INTERNAL, SECRET):
            a.show(clearance, after=0.1)
            assert await a.known() == clearance
            await until_stored(b, clearance)


@asynchronous
async def test_nodes_of_an_earlier_version_read_what_is_stored_and_are_read(tmp_path: Path) -> None:
    clock = SetClock()
    async with served("embedded", tmp_path, clock) as (a, b):
        a.show(SECRET)
        await until_stored(b, SECRET)
        record = (await a.engine.records.find(KIND, ["omar"]))["omar"]
        assert (record.body, record.expires) == (b"secret", clock.wall + 400 * 86_400)
        a.broker.away = True  # `a` holds another one, that is older than what a node of before stores then
        a.show(SECRET)
        clock.pass_by(60)
        change = RecordChange(KIND, "omar", record.revision, b"internal", expires=clock.wall + 400 * 86_400)
        await b.engine.broker.publish([], changes=[change])
        a.broker.away = False
        assert (await a.known(), await b.known()) == (INTERNAL, INTERNAL)


@asynchronous
async def test_a_record_of_another_form_counts_as_none_and_holds_nothing_up(tmp_path: Path) -> None:
    async with served("embedded", tmp_path, SetClock()) as (a, b):
        await a.engine.broker.publish([], changes=[RecordChange(KIND, "omar", 0, b'{"of":"a later version"}')])
        assert await a.known() == INTERNAL
        b.show(SECRET)
        await until_stored(a, SECRET)


@asynchronous
async def test_a_clock_that_was_set_back_keeps_no_clearance_alive(tmp_path: Path) -> None:
    clock = SetClock()
    async with served("embedded", tmp_path, clock) as (a, b):
        a.show(SECRET)
        await until_stored(b, SECRET)
        clock.wall -= 3_600
        b.show(INTERNAL)
        await until_stored(a, INTERNAL)

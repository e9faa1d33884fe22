"""A day at the office: everybody comes, works, is disturbed by a few, is checked, and goes home."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from random import Random

from tornado.httpclient import AsyncHTTPClient, HTTPClientError

from demo.abuse_scenarios import MISBEHAVIOURS
from demo.content.people import PEOPLE, SMALLEST_OFFICE, Person
from demo.participant import Desk
from demo.publishers import PROGRAMS
from demo.scenario_context import Mint, Stage
from demo.scenarios import SCENES, close_the_lid, settle_in
from dossier_realtime.client import RealtimeError

SEED = 1975
SHORTEST_DAY = 5.0  # seconds
_CLOSING = 1.5  # seconds before the end at which work stops, to be finished and checked
_SETTLE = 10.0  # seconds in which everything acknowledged must have come to everybody
_LOOKS = 200  # at whether it has
_LAPTOP_EVERY = 4  # people; the lid of every other laptop closes first thing

Part = Callable[[Stage, Random], Awaitable[None]]


async def work(url: str, mint: Mint, *, seconds: float, people: int, seed: int = SEED) -> int:
    """Play for `seconds` with `people` colleagues and a few who misbehave, print what was counted.

    Returns 0 if all that should work worked and all that should be refused was refused, else 1.
    Raises ValueError (too few or too many of either) and OSError (nobody serves at `url`).
    """
    if not SMALLEST_OFFICE <= people <= len(PEOPLE):
        raise ValueError(f"the office has {SMALLEST_OFFICE} to {len(PEOPLE)} people; ask for as many with --people")
    if seconds < SHORTEST_DAY:
        raise ValueError(f"a day lasts {SHORTEST_DAY:g} seconds or more; ask for them with --seconds")
    stage = Stage(url, mint, seed)
    stage.facts.people = people
    await _must_serve(stage)
    asyncio.get_running_loop().call_later(seconds - _CLOSING, stage.over.set)
    try:
        async with asyncio.TaskGroup() as day:
            for number, person in enumerate(PEOPLE[:people]):
                day.create_task(_workday(stage, person, laptop=number % _LAPTOP_EVERY == 0))
            for name, program in PROGRAMS.items():
                day.create_task(_guarded(stage, name, program(stage, stage.rng(name))))
            for number, (misbehave, interval) in enumerate(MISBEHAVIOURS.items()):
                day.create_task(_misbehave(stage, misbehave, number / len(MISBEHAVIOURS), interval))
        await _check(stage)
    finally:
        await stage.close(stage.desks.values())
    for line in stage.facts.lines():
        print(line)
    return 1 if stage.facts.surprises else 0


async def _must_serve(stage: Stage) -> None:
    try:
        await AsyncHTTPClient().fetch(f"{stage.http}/readyz", request_timeout=5)
    except (OSError, HTTPClientError) as wrong:
        text = f"nobody serves at {stage.url} ({wrong}); start the service first: python run.py"
        raise OSError(text) from wrong


async def _workday(stage: Stage, person: Person, *, laptop: bool) -> None:
    rng = stage.rng(person.user_id)
    desk = stage.desks[person.user_id] = stage.desk(person, laptop=laptop)
    suitable = [scene for scene in SCENES if scene.suits(desk)]
    weights = [scene.weight for scene in suitable]
    await stage.turn()
    await _guarded(stage, f"{person.user_id} arrives", _arrive(desk, rng))
    acts = [close_the_lid] if desk.link is not None and rng.random() < 0.5 else []
    while desk.here and not stage.over.is_set():
        await stage.pause(rng, 1, 5)
        act = acts.pop() if acts else rng.choices(suitable, weights)[0].act
        await _guarded(stage, f"{person.user_id} wants to {act.__name__}", act(stage, desk, rng))


async def _arrive(desk: Desk, rng: Random) -> None:
    await desk.arrive()
    await settle_in(desk, rng)


async def _misbehave(stage: Stage, misbehave: Part, delay: float, interval: float) -> None:
    rng = stage.rng(misbehave.__name__)
    await stage.pause(rng, delay, delay)
    while True:
        await _guarded(stage, misbehave.__name__, misbehave(stage, rng))
        await stage.pause(rng, interval, 1.2 * interval)
        if stage.over.is_set():
            return


async def _guarded(stage: Stage, what: str, part: Awaitable[None]) -> None:
    """A part of the day that may fail without ending the day."""
    try:
        await part
    except (RealtimeError, OSError) as wrong:  # a TimeoutError is an OSError
        stage.facts.surprise(f"{what}: {type(wrong).__name__}: {wrong}")


async def _check(stage: Stage) -> None:
    """Everything acknowledged has come to everybody who follows it, and those who are there see each other."""
    missing = await _until_none(lambda: [f"{d.person.user_id} missed events of {c}" for d, c in _late(stage)])
    unseen = await _until_none(lambda: _unseen(stage))
    for surprise in (*missing, *unseen):
        stage.facts.surprise(surprise)
    if stage.facts.sent != stage.facts.acknowledged:
        stage.facts.surprise(f"{stage.facts.sent} events were sent, {stage.facts.acknowledged} acknowledged")


def _late(stage: Stage) -> list[tuple[Desk, str]]:
    return [(desk, channel) for desk in stage.colleagues() for channel in desk.behind()]


def _unseen(stage: Stage) -> list[str]:
    present: dict[str, list[Desk]] = defaultdict(list)
    for desk in stage.colleagues():
        for channel in desk.channels_with_presence:
            present[channel].append(desk)
    return [
        f"{desk.person.user_id} does not see {other.person.user_id} on {channel}"
        for channel, desks in present.items()
        for desk in desks
        for other in desks
        if other.person.user_id not in desk.sees(channel)
    ]


async def _until_none(find: Callable[[], list[str]]) -> list[str]:
    """What is still found after the time to settle."""
    found = find()
    for _ in range(_LOOKS):
        if not found:
            break
        await asyncio.sleep(_SETTLE / _LOOKS)
        found = find()
    return found

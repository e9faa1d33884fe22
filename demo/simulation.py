"""The simulation of a working day: participants, publishers and abuse scenarios, and the checks at its end."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from random import Random

from tornado.httpclient import AsyncHTTPClient, HTTPClientError

from demo.abuse_scenarios import ABUSE_SCENARIOS
from demo.content.people import PEOPLE, SMALLEST_OFFICE, Person
from demo.live_line import tell_progress
from demo.participant import Participant
from demo.publishers import PUBLISHERS
from demo.scenario_context import Mint, ScenarioContext
from demo.scenarios import SCENARIOS, close_the_lid, settle_in
from dossier_realtime.client import RealtimeError

SEED = 1975
MIN_SECONDS = 5.0
_CLOSING_SECONDS = 1.5  # before the end: work stops, and is finished and checked
_SETTLE_TIMEOUT_SECONDS = 10.0  # until every acknowledged event was received
_MAX_POLLS = 200
_LAPTOP_EVERY = 4  # participants; every other laptop begins with `close_the_lid`

AbuseScenario = Callable[[ScenarioContext, Random], Awaitable[None]]


async def run_simulation(url: str, mint: Mint, *, seconds: float, people: int, seed: int = SEED) -> int:
    """Run the simulation for `seconds` with `people` participants and print the report.

    Return 0 without violations, else 1.

    Raises:
        ValueError: too few seconds, or too few or too many people.
        OSError: no service answers at `url`.
    """
    if not SMALLEST_OFFICE <= people <= len(PEOPLE):
        raise ValueError(f"the office has {SMALLEST_OFFICE} to {len(PEOPLE)} people; ask for as many with --people")
    if seconds < MIN_SECONDS:
        raise ValueError(f"a day lasts {MIN_SECONDS:g} seconds or more; ask for them with --seconds")
    context = ScenarioContext(url, mint, seed)
    context.report.people = people
    await _require_service(context)
    asyncio.get_running_loop().call_later(seconds - _CLOSING_SECONDS, context.finished.set)
    telling = asyncio.create_task(tell_progress(context.report))
    try:
        async with asyncio.TaskGroup() as tasks:
            for number, person in enumerate(PEOPLE[:people]):
                tasks.create_task(_run_participant(context, person, laptop=number % _LAPTOP_EVERY == 0))
            for name, program in PUBLISHERS.items():
                tasks.create_task(_recording_failures(context, name, program(context, context.rng(name))))
            for number, (scenario, interval) in enumerate(ABUSE_SCENARIOS.items()):
                tasks.create_task(_run_abuse(context, scenario, number / len(ABUSE_SCENARIOS), interval))
        await _check(context)
    finally:
        telling.cancel()
        await asyncio.wait([telling])
        await context.close(context.participants.values())
    for line in context.report.lines():
        print(line)
    return 1 if context.report.violations else 0


async def _require_service(context: ScenarioContext) -> None:
    try:
        await AsyncHTTPClient().fetch(f"{context.http}/readyz", request_timeout=5)
    except (OSError, HTTPClientError) as wrong:
        text = f"nobody serves at {context.url} ({wrong}); start the service first: python run.py"
        raise OSError(text) from wrong


async def _run_participant(context: ScenarioContext, person: Person, *, laptop: bool) -> None:
    rng = context.rng(person.user_id)
    participant = context.participants[person.user_id] = context.participant(person, laptop=laptop)
    suitable = [scenario for scenario in SCENARIOS if scenario.suits(participant)]
    weights = [scenario.weight for scenario in suitable]
    await context.wait_handshake_turn()
    await _recording_failures(context, f"{person.user_id} arrives", _connect(participant, rng))
    acts = [close_the_lid] if participant.proxy is not None and rng.random() < 0.5 else []
    while participant.connected and not context.finished.is_set():
        await context.pause(rng, 1, 5)
        act = acts.pop() if acts else rng.choices(suitable, weights)[0].act
        await _recording_failures(context, f"{person.user_id} wants to {act.__name__}", act(context, participant, rng))


async def _connect(participant: Participant, rng: Random) -> None:
    await participant.connect()
    await settle_in(participant, rng)


async def _run_abuse(context: ScenarioContext, scenario: AbuseScenario, delay: float, interval: float) -> None:
    rng = context.rng(scenario.__name__)
    await context.pause(rng, delay, delay)
    while True:
        await _recording_failures(context, scenario.__name__, scenario(context, rng))
        await context.pause(rng, interval, 1.2 * interval)
        if context.finished.is_set():
            return


async def _recording_failures(context: ScenarioContext, what: str, part: Awaitable[None]) -> None:
    """Await a part of the run and record its failure as a violation."""
    try:
        await part
    except (RealtimeError, OSError) as wrong:  # a TimeoutError is an OSError
        context.report.record_violation(f"{what}: {type(wrong).__name__}: {wrong}")


async def _check(context: ScenarioContext) -> None:
    """Record a violation for each missed event and for each user that another one does not see."""
    missing = await _until_none(lambda: [f"{d.person.user_id} missed events of {c}" for d, c in _late(context)])
    unseen = await _until_none(lambda: _unseen(context))
    for violation in (*missing, *unseen):
        context.report.record_violation(violation)
    if context.report.sent != context.report.acknowledged:
        context.report.record_violation(
            f"{context.report.sent} events were sent, {context.report.acknowledged} acknowledged"
        )


def _late(context: ScenarioContext) -> list[tuple[Participant, str]]:
    return [
        (participant, channel)
        for participant in context.connected_participants()
        for channel in participant.channels_behind()
    ]


def _unseen(context: ScenarioContext) -> list[str]:
    present: dict[str, list[Participant]] = defaultdict(list)
    for participant in context.connected_participants():
        for channel in participant.channels_with_presence:
            present[channel].append(participant)
    return [
        f"{participant.person.user_id} does not see {other.person.user_id} on {channel}"
        for channel, participants in present.items()
        for participant in participants
        for other in participants
        if other.person.user_id not in participant.present_users(channel)
    ]


async def _until_none(find: Callable[[], list[str]]) -> list[str]:
    """Return the findings that are left after _SETTLE_TIMEOUT_SECONDS."""
    found = find()
    for _ in range(_MAX_POLLS):
        if not found:
            break
        await asyncio.sleep(_SETTLE_TIMEOUT_SECONDS / _MAX_POLLS)
        found = find()
    return found

"""A program that posts facts of relationships: the service scores them, and notices the one that falls silent."""

from __future__ import annotations

import time
from itertools import count
from random import Random
from typing import Any

import msgspec

from demo.content import world
from demo.content.people import HEALTH
from demo.scenario_context import ScenarioContext
from dossier_realtime.client.io.http_calls import HttpCalls

_DAY_SECONDS = 86_400
_SILENCE_SECONDS = 90 * _DAY_SECONDS  # without an engagement, by the service's configuration
_SILENT_AFTER_SECONDS = 5  # of the demo
_TURNS_EVERY = 4  # facts of one relationship: good ones, then bad ones


async def post_facts(context: ScenarioContext, rng: Random) -> None:
    """Post facts that lift scores and facts that lower them; let the last relationship fall silent."""
    calls = HttpCalls(context.tokens(HEALTH), context.http)
    *spoken, silent = world.SCORED_RELATIONSHIPS
    try:
        await _fall_silent(context, calls, silent)
        for number in count():
            await context.pause(rng, 0.5, 1.5)
            if context.finished.is_set():
                break
            is_good = number // len(spoken) // _TURNS_EVERY % 2 == 0
            fact = _fact(rng, f"{context.run}-{number}", is_good=is_good)
            await _post(context, calls, spoken[number % len(spoken)], [fact])
        row = msgspec.json.decode(await calls.call("GET", f"/v1/relationships/{silent}"))
        context.report.count("relationships silent", int(row.get("trigger") == "no_interaction_90_days"))
    finally:
        await calls.close()


async def _fall_silent(context: ScenarioContext, calls: HttpCalls, relationship: str) -> None:
    """Post a good past whose last engagement is nearly 90 days ago: the clock notices the rest."""
    now = int(time.time())
    facts: list[dict[str, Any]] = [
        {"id": f"{context.run}-visit", "kind": "engagement", "at": now - _SILENCE_SECONDS + _SILENT_AFTER_SECONDS},
        {"id": f"{context.run}-data", "kind": "commitment_fulfilled", "at": now - 30 * _DAY_SECONDS},
        {"id": f"{context.run}-reply", "kind": "response", "at": now - 20 * _DAY_SECONDS, "hours": 6},
    ]
    await _post(context, calls, relationship, facts)


def _fact(rng: Random, name: str, *, is_good: bool) -> dict[str, Any]:
    kind = rng.choice(
        ("engagement", "commitment_fulfilled", "response") if is_good else ("commitment_missed", "response")
    )
    fact = {"id": name, "kind": kind, "at": int(time.time()) - rng.randint(0, 40) * _DAY_SECONDS}
    return fact | ({"hours": rng.randint(2, 24) if is_good else rng.randint(150, 300)} if kind == "response" else {})


async def _post(context: ScenarioContext, calls: HttpCalls, relationship: str, facts: list[dict[str, Any]]) -> None:
    await calls.call("POST", f"/v1/relationships/{relationship}/facts", msgspec.json.encode({"facts": facts}))
    context.report.count("facts posted", len(facts))

"""Scenarios around what waits for people: alerts, briefs on request, tasks and the inbox."""

from __future__ import annotations

import time
from itertools import pairwise
from random import Random
from typing import Literal
from uuid import uuid4

from demo.content import texts, world
from demo.participant import Participant, event_of
from demo.scenario_context import ScenarioContext
from dossier_realtime.client import BriefFailedError
from dossier_realtime.protocol import channels

_MAX_READ = 4  # entries of an inbox that are read in one go
_SNOOZE_SECONDS = 3_600
_CANCELS_ONE_IN = 4  # tasks


async def acknowledge_an_alert(context: ScenarioContext, participant: Participant, rng: Random) -> None:
    """Take the latest alert in hand, so that it rises no further; the others go on."""
    if not participant.alerts:
        return
    alert = participant.alerts.pop()
    participant.alerts.clear()
    first = await participant.client.acknowledge(alert.payload.commitment_id)
    if first == participant.person.user_id:
        context.report.count("alerts acknowledged")


async def ask_for_a_brief(context: ScenarioContext, participant: Participant, rng: Random) -> None:
    """Ask for a brief about a dossier, and wait for its end."""
    entity: world.Entity = rng.choice(world.DOSSIERS)
    language: Literal["en", "ar"] = "ar" if rng.random() < 0.5 else "en"
    brief = await participant.client.request_brief(
        rng.choice(texts.BRIEF_TYPES), entity.id, language=language, entity_type=entity.kind, generator="template"
    )
    context.report.count("briefs asked for")
    try:
        await brief.result()
    except BriefFailedError:
        context.report.count("briefs not written")
    else:
        context.report.count("briefs written")


async def move_a_task(context: ScenarioContext, participant: Participant, rng: Random) -> None:
    """Move the oldest assigned task, or a new one, through its statuses; the list of tasks must say the last one."""
    task_id = participant.tasks.pop(0).payload.task_id if participant.tasks else str(uuid4())
    channel = channels.workspace(participant.person.department)
    end = "cancelled" if rng.randrange(_CANCELS_ONE_IN) == 0 else "completed"
    steps = ("pending", "in_progress", end)
    for before, after in pairwise(steps):
        payload = {
            "task_id": task_id,
            "previous_status": before,
            "new_status": after,
            "assigned_to": participant.person.user_id,
        }
        await participant.send(channel, event_of("task_update", payload))
        await context.pause(rng, 1, 3)
    context.report.count(f"tasks {end}")
    listed = {row.task_id: row.status async for row in participant.client.tasks(channel=channel)}
    if listed.get(task_id) != end:
        context.report.record_violation(f"{task_id} is {listed.get(task_id)} in the list of tasks, not {end}")


async def read_the_inbox(context: ScenarioContext, participant: Participant, rng: Random) -> None:
    """Read the oldest entries, snooze one, mark the others as read; none of them may be unread afterwards."""
    client = participant.client
    count = min(await client.unread(), _MAX_READ)
    inbox = client.inbox()
    try:
        entries = [await anext(inbox) for _ in range(count)]
    finally:
        await inbox.aclose()
    if not entries:
        return
    await context.pause(rng, 0.5, 1.5)
    later = entries.pop() if len(entries) > 1 and rng.random() < 0.5 else None
    if later is not None:
        await client.snooze(later, time.time() + _SNOOZE_SECONDS)
        context.report.count("inbox entries snoozed")
    await client.mark_read(entries)
    context.report.count("inbox entries read", len(entries))
    oldest = client.inbox()
    try:
        if await client.unread() and (await anext(oldest)).offset in {entry.offset for entry in entries}:
            context.report.record_violation(f"{participant.person.user_id}: an entry that was read is unread")
    finally:
        await oldest.aclose()

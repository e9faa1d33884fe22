"""Programs that publish over HTTP: rising alerts, briefs, relationship health, reminders."""

from __future__ import annotations

import time
from random import Random
from uuid import uuid4

from demo.content import texts, world
from demo.content.people import ALERTS, BRIEFS, HEALTH
from demo.office.commitment_registry import register_commitments
from demo.office.relationship_facts import post_facts
from demo.participant import event_of
from demo.scenario_context import ScenarioContext
from dossier_realtime.client import ErrorCode, PublishError
from dossier_realtime.protocol import channels

_PRIORITIES = ("medium", "high", "urgent")
_LEVELS = 3
_DAY_SECONDS = 86_400
_FAILS_EVERY = 4  # briefs
_REACHES_LAST_LEVEL_EVERY = 2  # commitments; the others are delivered before the last alert


def _channel(user_id: str) -> str:
    return channels.user(user_id)


async def commitments(context: ScenarioContext, rng: Random) -> None:
    """Publish alerts of commitments: level 1 to the owner, 2 also to the head of department, 3 also to directors."""
    number = 0
    while not context.finished.is_set():
        await context.pause(rng, 1, 3)
        number += 1
        mou = rng.choice(world.MOUS)
        owners = context.connected_participants("editor", "analyst")
        if not owners:
            continue
        owner = rng.choice(owners).person
        heads = [participant.person for participant in context.connected_participants("head")]
        head = next((head for head in heads if head.department == owner.department), None)
        directors = [participant.person for participant in context.connected_participants("director")]
        recipients = [[owner], [head] if head else heads[:1], directors]
        last = _LEVELS if number % _REACHES_LAST_LEVEL_EVERY else rng.randint(1, _LEVELS)
        await _raise_level(context, rng, mou, [[person.user_id for person in group] for group in recipients], last)


async def _raise_level(
    context: ScenarioContext, rng: Random, mou: world.Mou, groups: list[list[str]], last: int
) -> None:
    commitment_id, owner = str(uuid4()), groups[0][0]
    department = context.participants[owner].person.department
    for level in range(1, last + 1):
        payload: dict[str, object] = {
            "commitment_id": commitment_id,
            "mou_id": mou.dossier.id,
            "title": texts.deadline_near(mou),
            "days_until_deadline": mou.days[level - 1],
            "responsible_department": texts.DEPARTMENTS[department],
            "alert_level": level,
        }
        if level < _LEVELS:
            payload["next_level_at"] = int(time.time()) + _DAY_SECONDS * (mou.days[level - 1] - mou.days[level])
        channels = [_channel(user_id) for group in groups[:level] for user_id in group]
        priority = _PRIORITIES[level - 1]
        await context.publish(ALERTS, [event_of("commitment_alert", payload, priority=priority, channels=channels)])
        await context.pause(rng, 2, 5)


async def briefs(context: ScenarioContext, rng: Random) -> None:
    """Publish briefs one after another, each through the four stages in order to completion or failure."""
    number = 0
    while not context.finished.is_set():
        await context.pause(rng, 1, 2)
        colleagues = context.connected_participants()
        if colleagues:
            number += 1
            try:
                await _brief(context, rng, rng.choice(colleagues).person.user_id, fails=number % _FAILS_EVERY == 2)
            except PublishError as refused:
                if refused.error_code is not ErrorCode.PERMISSION_DENIED:
                    raise  # else somebody has cancelled it: on to the next


async def _brief(context: ScenarioContext, rng: Random, requester: str, *, fails: bool) -> None:
    channel, request_id = _channel(requester), str(uuid4())

    async def tell(kind: str, payload: dict[str, object]) -> None:
        await context.publish(BRIEFS, [event_of(kind, payload, channel=channel, request_id=request_id)])

    entity = rng.choice(world.DOSSIERS)
    brief_type = rng.choice(texts.BRIEF_TYPES)
    started = {"type": brief_type, "entity_id": entity.id, "estimated_time": 1000 * rng.randint(4, 12)}
    await tell("brief_generation_started", started)
    progress = 0
    for index, (stage_name, message) in enumerate(texts.BRIEF_STAGES):
        for _ in range(2):
            progress += rng.randint(8, 12)
            await tell("brief_generation_progress", {"stage": stage_name, "progress": progress, "message": message})
            await context.pause(rng, 0.3, 1)
        if fails and index == 1:
            await tell("brief_generation_failed", {"error": texts.BRIEF_FAILED, "fallback_available": True})
            return
    complete = {
        "brief_id": str(uuid4()),
        "generation_time": 1000 * rng.randint(4, 12),
        "confidence_score": round(rng.uniform(0.7, 0.98), 2),
    }
    await tell("brief_generation_complete", complete)


async def relationships(context: ScenarioContext, rng: Random) -> None:
    """Change scores of relationships and publish each change of status."""
    told = world.RELATIONSHIPS[len(world.SCORED_RELATIONSHIPS) :]
    scores = {relationship: rng.randint(35, 95) for relationship in told}
    while not context.finished.is_set():
        await context.pause(rng, 0.5, 1.5)
        relationship = rng.choice(told)
        before = scores[relationship]
        now = scores[relationship] = min(100, max(0, before + rng.randint(-25, 25)))
        previous, new = world.health_of(before), world.health_of(now)
        if previous == new:
            continue
        payload = {
            "relationship_id": relationship,
            "previous_status": previous,
            "new_status": new,
            "score_change": now - before,
            "current_score": now,
            "trigger": rng.choice(texts.TRIGGERS_UP if now > before else texts.TRIGGERS_DOWN),
            "recommendations": rng.sample(texts.RECOMMENDATIONS, 2) if now < before else [],
        }
        event = event_of("relationship_health_change", payload, channel=channels.relationship(relationship))
        await context.publish(HEALTH, [event])


async def reminders(context: ScenarioContext, rng: Random) -> None:
    """Publish notifications that an MoU expires, with an action."""
    while not context.finished.is_set():
        await context.pause(rng, 2, 5)
        colleagues = context.connected_participants("editor", "head")
        if not colleagues:
            continue
        readers = rng.sample(colleagues, min(3, len(colleagues)))
        mou, days = rng.choice(world.MOUS), rng.choice((90, 60, 30, 14, 7))
        title, message = texts.mou_expires(mou, days)
        payload = {
            "id": str(uuid4()),
            "title": title,
            "message": message,
            "entity_type": "mou",
            "entity_id": mou.dossier.id,
            "action_required": True,
            "actions": [{"label": texts.REVIEW, "url": f"/mous/{mou.dossier.id}/review"}],
        }
        channels = [_channel(reader.person.user_id) for reader in readers]
        await context.publish(ALERTS, [event_of("notification", payload, priority="high", channels=channels)])


PUBLISHERS = {
    "registry": register_commitments,
    "facts": post_facts,
    "commitments": commitments,
    "briefs": briefs,
    "more briefs": briefs,
    "relationships": relationships,
    "reminders": reminders,
}
"""Each program with its name; the name is the seed of its chance."""

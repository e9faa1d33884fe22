"""What people do in a day: one function a scene, one row of `SCENES` each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import uuid4

from demo.content import texts, world
from demo.document_scenario import write_a_brief
from demo.participant import Desk, event_of
from demo.scenario_context import Stage
from dossier_realtime.protocol import channels

_OPEN_DOSSIERS = 5  # more are closed again, the oldest first
_POPULAR = (*world.COUNTRIES[:4], *world.ORGANIZATIONS[:2], world.MOUS[0].dossier)


@dataclass(frozen=True, slots=True)
class Scene:
    """Something a person does now and then; `needs` is the permission without which it is not done."""

    act: Callable[[Stage, Desk, Random], Awaitable[None]]
    weight: int
    needs: str = ""
    laptop: bool = False

    def suits(self, desk: Desk) -> bool:
        """Whether this person, at this desk, does such things."""
        return (not self.needs or desk.person.may(self.needs)) and (not self.laptop or desk.link is not None)


def a_dossier(rng: Random) -> world.Entity:
    """Some dossier; often one that others look at too."""
    return rng.choice(_POPULAR if rng.random() < 0.6 else world.DOSSIERS)


async def settle_in(desk: Desk, rng: Random) -> None:
    """What everybody opens in the morning."""
    await desk.join(channels.workspace(desk.person.department))
    await desk.join(a_dossier(rng).channel)
    if desk.person.clearance == "secret":
        await desk.join("dossier:secret:negotiations")


async def _visit(desk: Desk, rng: Random) -> world.Entity:
    """Have a dossier open, and not too many."""
    entity = a_dossier(rng)
    await desk.join(entity.channel)
    opened = [channel for channel in desk.channels if channels.is_in(channel, "dossier")]
    for channel in opened[:-_OPEN_DOSSIERS]:
        if channel != entity.channel:
            desk.part(channel)
    return entity


async def read_a_dossier(stage: Stage, desk: Desk, rng: Random) -> None:
    entity = await _visit(desk, rng)
    await stage.pause(rng, 1, 3)
    if rng.random() < 0.3:
        desk.part(entity.channel)


async def edit_a_dossier(stage: Stage, desk: Desk, rng: Random) -> None:
    entity = await _visit(desk, rng)
    fields = rng.sample(world.FIELDS, rng.randint(1, 3))
    await desk.show(entity.channel, "editing", fields[0])
    await stage.pause(rng, 1, 4)
    payload = {
        "entity_type": entity.kind,
        "entity_id": entity.id,
        "operation": rng.choices(("update", "create", "delete"), (18, 1, 1))[0],
        "fields_changed": fields,
    }
    await desk.send(entity.channel, event_of("dossier_update", payload))
    await desk.show(entity.channel, "viewing")


async def comment_on_a_dossier(stage: Stage, desk: Desk, rng: Random) -> None:
    entity = await _visit(desk, rng)
    await desk.show(entity.channel, "commenting", rng.choice(world.FIELDS), "busy")
    await stage.pause(rng, 1, 3)
    await desk.show(entity.channel, "viewing")


async def step_away(stage: Stage, desk: Desk, rng: Random) -> None:
    channel = channels.workspace(desk.person.department)
    await desk.show(channel, "viewing", status="away")
    await stage.pause(rng, 3, 8)
    await desk.show(channel, "viewing")


async def move_a_task(stage: Stage, desk: Desk, rng: Random) -> None:
    """The oldest of one's own tasks goes through all its statuses; who has none takes one of the department."""
    task_id = desk.tasks.pop(0).payload.task_id if desk.tasks else str(uuid4())
    channel = channels.workspace(desk.person.department)
    for before, after in zip(texts.TASK_STATUSES, texts.TASK_STATUSES[1:], strict=False):
        payload = {
            "task_id": task_id,
            "previous_status": before,
            "new_status": after,
            "assigned_to": desk.person.user_id,
        }
        await desk.send(channel, event_of("task_update", payload))
        await stage.pause(rng, 1, 3)


async def assign_a_task(stage: Stage, desk: Desk, rng: Random) -> None:
    colleague = rng.choice(stage.colleagues()).person
    due = datetime.now(UTC) + timedelta(days=rng.randint(2, 30))
    payload = {
        "task_id": str(uuid4()),
        "title": rng.choice(texts.TASKS),
        "due_date": f"{due:%Y-%m-%d}",
        "priority": rng.choice(("low", "medium", "high", "urgent")),
    }
    await desk.send(channels.user(colleague.user_id), event_of("task_assigned", payload))


async def ask_a_colleague(stage: Stage, desk: Desk, rng: Random) -> None:
    """A comment that somebody should read."""
    colleague, entity = rng.choice(stage.colleagues()).person, a_dossier(rng)
    title, message = texts.comment_on(entity, desk.person.name)
    payload = {
        "id": str(uuid4()),
        "title": title,
        "message": message,
        "entity_type": entity.kind,
        "entity_id": entity.id,
        "action_required": rng.random() < 0.5,
        "actions": [{"label": texts.OPEN, "url": f"/dossiers/{entity.kind}/{entity.id}"}],
    }
    await desk.send(channels.user(colleague.user_id), event_of("notification", payload, priority="medium"))


async def announce(stage: Stage, desk: Desk, rng: Random) -> None:
    title, message = rng.choice(texts.ANNOUNCEMENTS)
    payload = {"id": str(uuid4()), "title": title, "message": message}
    await desk.send("global", event_of("notification", payload, priority=rng.choice(("low", "high"))))


async def watch_a_relationship(stage: Stage, desk: Desk, rng: Random) -> None:
    channel = channels.relationship(rng.choice(world.RELATIONSHIPS))
    if channel in desk.channels:
        return
    await desk.join(channel)
    await stage.pause(rng, 3, 10)
    desk.part(channel)


async def look_at_the_phone(stage: Stage, desk: Desk, rng: Random) -> None:
    """A second connection of the same person, for a while."""
    phone = stage.desk(desk.person)
    await stage.turn()
    await phone.arrive()
    try:
        await stage.pause(rng, 2, 6)
    finally:
        await phone.leave()


async def go_out_and_return(stage: Stage, desk: Desk, rng: Random) -> None:
    await desk.leave()
    await stage.pause(rng, 2, 10)
    await stage.turn()
    await desk.arrive()
    await settle_in(desk, rng)


async def close_the_lid(stage: Stage, desk: Desk, rng: Random) -> None:
    """The laptop sleeps: its connection dies unseen; on waking it resumes its session and misses nothing."""
    assert desk.link is not None  # noqa: S101  the scene is for laptops
    session_id = desk.client.session_id
    desk.shaky = True
    desk.link.cut()
    await desk.broken()
    await stage.pause(rng, 1, 4)
    desk.link.restore()
    await desk.back()
    if desk.client.session_id != session_id:
        stage.facts.surprise(f"{desk.person.user_id}: came back with another session")


SCENES = (
    Scene(read_a_dossier, 6),
    Scene(edit_a_dossier, 8, needs="write:dossier:*"),
    Scene(comment_on_a_dossier, 3),
    Scene(write_a_brief, 6, needs="write:document:*"),
    Scene(step_away, 1),
    Scene(move_a_task, 4, needs="write:workspace:*"),
    Scene(assign_a_task, 4, needs="write:user:*"),
    Scene(ask_a_colleague, 3, needs="write:user:*"),
    Scene(announce, 2, needs="write:global"),
    Scene(watch_a_relationship, 2),
    Scene(look_at_the_phone, 1),
    Scene(go_out_and_return, 1),
    Scene(close_the_lid, 4, laptop=True),
)

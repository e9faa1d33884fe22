"""Scenarios of a working day: one function and one row of `SCENARIOS` each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import uuid4

from demo.content import texts, world
from demo.document_scenario import write_a_brief
from demo.office.waiting_scenarios import acknowledge_an_alert, ask_for_a_brief, move_a_task, read_the_inbox
from demo.participant import Participant, event_of
from demo.scenario_context import ScenarioContext
from dossier_realtime.protocol import channels

_MAX_OPEN_DOSSIERS = 5
_POPULAR = (*world.COUNTRIES[:4], *world.ORGANIZATIONS[:2], world.MOUS[0].dossier)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A weighted scenario; `needs` is the permission that it takes."""

    act: Callable[[ScenarioContext, Participant, Random], Awaitable[None]]
    weight: int
    needs: str = ""
    laptop: bool = False

    def suits(self, participant: Participant) -> bool:
        """Return True when the participant has the permission and the device that this takes."""
        return (not self.needs or participant.person.may(self.needs)) and (
            not self.laptop or participant.proxy is not None
        )


def a_dossier(rng: Random) -> world.Entity:
    """Return a dossier at random, often one of the popular ones."""
    return rng.choice(_POPULAR if rng.random() < 0.6 else world.DOSSIERS)


async def settle_in(participant: Participant, rng: Random) -> None:
    """Join the department's workspace and a dossier, as at the start of a day."""
    await participant.join(channels.workspace(participant.person.department))
    await participant.join(a_dossier(rng).channel)
    if participant.person.clearance == "secret":
        await participant.join("dossier:secret:negotiations")


async def _visit(participant: Participant, rng: Random) -> world.Entity:
    """Join a dossier and leave the oldest beyond _MAX_OPEN_DOSSIERS."""
    entity = a_dossier(rng)
    await participant.join(entity.channel)
    opened = [channel for channel in participant.channels if channels.is_in(channel, "dossier")]
    for channel in opened[:-_MAX_OPEN_DOSSIERS]:
        if channel != entity.channel:
            participant.unsubscribe_from(channel)
    return entity


async def read_a_dossier(context: ScenarioContext, participant: Participant, rng: Random) -> None:
    entity = await _visit(participant, rng)
    await context.pause(rng, 1, 3)
    if rng.random() < 0.3:
        participant.unsubscribe_from(entity.channel)


async def edit_a_dossier(context: ScenarioContext, participant: Participant, rng: Random) -> None:
    entity = await _visit(participant, rng)
    fields = rng.sample(world.FIELDS, rng.randint(1, 3))
    await participant.update_presence(entity.channel, "editing", fields[0])
    await context.pause(rng, 1, 4)
    payload = {
        "entity_type": entity.kind,
        "entity_id": entity.id,
        "operation": rng.choices(("update", "create", "delete"), (18, 1, 1))[0],
        "fields_changed": fields,
    }
    await participant.send(entity.channel, event_of("dossier_update", payload))
    await participant.update_presence(entity.channel, "viewing")


async def comment_on_a_dossier(context: ScenarioContext, participant: Participant, rng: Random) -> None:
    entity = await _visit(participant, rng)
    await participant.update_presence(entity.channel, "commenting", rng.choice(world.FIELDS), "busy")
    await context.pause(rng, 1, 3)
    await participant.update_presence(entity.channel, "viewing")


async def step_away(context: ScenarioContext, participant: Participant, rng: Random) -> None:
    channel = channels.workspace(participant.person.department)
    await participant.update_presence(channel, "viewing", status="away")
    await context.pause(rng, 3, 8)
    await participant.update_presence(channel, "viewing")


async def assign_a_task(context: ScenarioContext, participant: Participant, rng: Random) -> None:
    colleague = rng.choice(context.connected_participants()).person
    due = datetime.now(UTC) + timedelta(days=rng.randint(2, 30))
    payload = {
        "task_id": str(uuid4()),
        "title": rng.choice(texts.TASKS),
        "due_date": f"{due:%Y-%m-%d}",
        "priority": rng.choice(("low", "medium", "high", "urgent")),
    }
    await participant.send(channels.user(colleague.user_id), event_of("task_assigned", payload))


async def ask_a_colleague(context: ScenarioContext, participant: Participant, rng: Random) -> None:
    """Notify a colleague of a comment on a dossier."""
    colleague, entity = rng.choice(context.connected_participants()).person, a_dossier(rng)
    title, message = texts.comment_on(entity, participant.person.name)
    payload = {
        "id": str(uuid4()),
        "title": title,
        "message": message,
        "entity_type": entity.kind,
        "entity_id": entity.id,
        "action_required": rng.random() < 0.5,
        "actions": [{"label": texts.OPEN, "url": f"/dossiers/{entity.kind}/{entity.id}"}],
    }
    await participant.send(channels.user(colleague.user_id), event_of("notification", payload, priority="medium"))


async def announce(context: ScenarioContext, participant: Participant, rng: Random) -> None:
    title, message = rng.choice(texts.ANNOUNCEMENTS)
    payload = {"id": str(uuid4()), "title": title, "message": message}
    await participant.send("global", event_of("notification", payload, priority=rng.choice(("low", "high"))))


async def watch_a_relationship(context: ScenarioContext, participant: Participant, rng: Random) -> None:
    channel = channels.relationship(rng.choice(world.RELATIONSHIPS))
    if channel in participant.channels:
        return
    await participant.join(channel)
    await context.pause(rng, 3, 10)
    participant.unsubscribe_from(channel)


async def look_at_the_phone(context: ScenarioContext, participant: Participant, rng: Random) -> None:
    """Open a second connection of the same person for a few seconds."""
    phone = context.participant(participant.person)
    await context.wait_handshake_turn()
    await phone.connect()
    try:
        await context.pause(rng, 2, 6)
    finally:
        await phone.close()


async def go_out_and_return(context: ScenarioContext, participant: Participant, rng: Random) -> None:
    await participant.close()
    await context.pause(rng, 2, 10)
    await context.wait_handshake_turn()
    await participant.connect()
    await settle_in(participant, rng)


async def close_the_lid(context: ScenarioContext, participant: Participant, rng: Random) -> None:
    """Cut the connection as a sleeping laptop does; on waking the session must resume and miss nothing."""
    assert participant.proxy is not None  # noqa: S101  the scenario is for laptops
    session_id = participant.client.session_id
    participant.expects_disconnect = True
    participant.proxy.cut()
    await participant.wait_disconnected()
    await context.pause(rng, 1, 4)
    participant.proxy.restore()
    await participant.wait_connected()
    if participant.client.session_id != session_id:
        context.report.record_violation(f"{participant.person.user_id}: came back with another session")


SCENARIOS = (
    Scenario(read_a_dossier, 6),
    Scenario(edit_a_dossier, 8, needs="write:dossier:*"),
    Scenario(comment_on_a_dossier, 3),
    Scenario(write_a_brief, 6, needs="write:document:*"),
    Scenario(step_away, 1),
    Scenario(move_a_task, 4, needs="write:workspace:*"),
    Scenario(assign_a_task, 4, needs="write:user:*"),
    Scenario(ask_a_colleague, 3, needs="write:user:*"),
    Scenario(acknowledge_an_alert, 3),
    Scenario(ask_for_a_brief, 3),
    Scenario(read_the_inbox, 4),
    Scenario(announce, 2, needs="write:global"),
    Scenario(watch_a_relationship, 2),
    Scenario(look_at_the_phone, 1),
    Scenario(go_out_and_return, 1),
    Scenario(close_the_lid, 4, laptop=True),
)

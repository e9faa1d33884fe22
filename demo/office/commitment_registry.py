"""A program that registers commitments: the service raises their levels, until people take them in hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count, cycle
from random import Random

from demo.content import texts, world
from demo.content.people import ALERTS
from demo.scenario_context import ScenarioContext
from dossier_realtime.client import Commitments
from dossier_realtime.protocol.fields import Localized

_DAYS_AHEAD = (5, 45, 20, 5, 400)  # with 60, 30 and 7 days before: all levels, one, two, all, and none for a year
_COMPLETES_EVERY = 3
_SNOOZES_EVERY = 7
_SNOOZE_SECONDS = 3_600


async def register_commitments(context: ScenarioContext, rng: Random) -> None:
    """Register a commitment every few seconds, and complete or snooze some; check the level that each is raised to."""
    days = cycle(_DAYS_AHEAD)
    open_ones: list[str] = []
    async with Commitments(context.tokens(ALERTS), context.http) as commitments:
        for number in count(1):
            await context.pause(rng, 1, 2)
            if context.finished.is_set():
                return
            groups = _escalation(context, rng)
            if groups is None:
                continue
            mou = rng.choice([mou for mou in world.MOUS if mou.days == (60, 30, 7)])
            ahead, title = next(days), texts.deadline_near(mou)
            commitment_id = f"office-{context.run}-{number}"
            made = await commitments.register(
                commitment_id,
                mou_id=mou.dossier.id,
                title=Localized(**title),
                due_date=datetime.now(UTC).date() + timedelta(days=ahead),
                mou_type="data-exchange",
                responsible_department=Localized(
                    **texts.DEPARTMENTS[context.participants[groups[0][0]].person.department]
                ),
                owner=groups[0][0],
                escalation=groups,
            )
            context.report.count("commitments registered")
            open_ones.append(made.commitment_id)
            if number % _COMPLETES_EVERY == 0:
                done = await commitments.complete(open_ones.pop(0))
                context.report.count("commitments completed", int(done.state == "completed"))
            if number % _SNOOZES_EVERY == 0:
                until = datetime.now(UTC).timestamp() + _SNOOZE_SECONDS
                await commitments.snooze(open_ones[-1], until)
                context.report.count("commitments snoozed")


def _escalation(context: ScenarioContext, rng: Random) -> list[list[str]] | None:
    """Return an owner, a head and the directors, of those who are at work; None where no owner is."""
    owners = context.connected_participants("editor", "analyst")
    if not owners:
        return None
    heads = context.connected_participants("head")
    directors = context.connected_participants("director")
    groups = [[rng.choice(owners)], heads[:1], directors]
    return [[participant.person.user_id for participant in group] for group in groups]

"""Sources of facts: the history of the entity's channels, the requester's own alerts about it, and presence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from app.core.briefs.facts import EntityFact
from app.core.domain.alerts import mou_channels
from dossier_realtime.protocol import channels, codec
from dossier_realtime.protocol.domain.day_words import days_left
from dossier_realtime.protocol.events import (
    CommitmentAlert,
    DossierUpdate,
    Event,
    Notification,
    RelationshipHealthChange,
    TaskUpdate,
)
from dossier_realtime.protocol.fields import Localized, Text
from dossier_realtime.protocol.plain_text import isolated, one_line

if TYPE_CHECKING:
    from app.core.briefs.facts import FactSubject
    from app.engine.ports.events import Broker, Publication
    from app.engine.ports.presence import PresenceStore

_EVENTS = 100  # of one channel, the latest

_OPERATIONS = {
    "create": Localized("created", "أنشأ"),
    "update": Localized("changed", "حدّث"),
    "delete": Localized("deleted", "حذف"),
}


class HistorySource:
    """The events of the entity's channel, of the relationship and workspace of the same id, and the reader's own."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def facts(self, subject: FactSubject) -> list[EntityFact]:
        """Return the events about the entity."""
        places = (
            subject.channel,
            channels.relationship(subject.entity_id),
            channels.workspace(subject.entity_id),
            channels.user(subject.reader.user_id),
        )
        found: list[EntityFact] = []
        for channel in dict.fromkeys(places):
            if not subject.shown((channel,)):
                continue
            head = await self._broker.position(channel)
            for publication in await self._broker.read(channel, head.before_last(_EVENTS), _EVENTS):
                fact = _fact(publication, subject)
                if fact is not None:
                    found.append(fact)
        return found


class PresenceSource:
    """The users who are on the entity's channel now."""

    def __init__(self, presence: PresenceStore) -> None:
        self._presence = presence

    async def facts(self, subject: FactSubject) -> list[EntityFact]:
        """Return the users on the channel."""
        if not subject.shown((subject.channel,)):
            return []
        roster = await self._presence.roster(subject.channel)
        return [
            EntityFact(
                "presence",
                (subject.channel,),
                Localized(f"{_name(user.name)} is {user.activity} it now", f"{_name(user.name)} متصل به الآن"),
            )
            for user in roster.users
        ]


def _fact(publication: Publication, subject: FactSubject) -> EntityFact | None:
    try:
        event = codec.decode_event(publication.frame)
    except msgspec.DecodeError:  # of a version that knew other events
        return None
    own = publication.channel == channels.user(subject.reader.user_id)
    fact = _own_fact(event, publication.channel, subject) if own else _entity_fact(event, publication.channel)
    if fact is None:
        return None
    return EntityFact(fact.section, fact.channels, fact.text, fact.at, publication.offset)


def _entity_fact(event: Event, channel: str) -> EntityFact | None:
    match event:
        case DossierUpdate(payload=told):
            verb, fields = _OPERATIONS[told.operation], ", ".join(told.fields_changed)
            by, what = _name(told.updated_by.name), f"{told.entity_type} {told.entity_id}"
            ending = f": {fields}" if fields else ""
            text = Localized(f"{by} {verb.en} {what}{ending}", f"{by} {verb.ar} {isolated(what)}{ending}")
            return EntityFact("updates", (channel,), text, float(told.timestamp))
        case TaskUpdate(payload=task):
            steps = f"{task.previous_status} → {task.new_status}"
            text = Localized(
                f"Task {task.task_id}: {steps}, by {task.updated_by}",
                f"المهمة {isolated(task.task_id)}: {isolated(steps)}، بواسطة {isolated(task.updated_by)}",
            )
            return EntityFact("tasks", (channel,), text, float(task.timestamp))
        case RelationshipHealthChange(payload=health):
            advice = [(_said(each, "en"), _said(each, "ar")) for each in health.recommendations]
            steps = f"{health.previous_status} → {health.new_status}"
            moved, cause = f"{health.score_change:+d}", isolated(health.trigger)
            text = Localized(
                f"Score {health.current_score} ({moved}), {steps}; moved by {health.trigger}"
                + "".join(f"; {en}" for en, _ in advice),
                f"الدرجة {health.current_score} ({isolated(moved)})، {isolated(steps)}؛ السبب {cause}"
                + "".join(f"؛ {ar}" for _, ar in advice),
            )
            return EntityFact("health", (channel,), text)
        case _:
            return None


def _own_fact(event: Event, channel: str, subject: FactSubject) -> EntityFact | None:
    """Return what an event on the reader's own channel says about the entity."""
    match event:
        case CommitmentAlert(payload=alert) if subject.channel in mou_channels(alert.mou_id):
            left, level = days_left(alert.days_until_deadline), alert.alert_level
            text = Localized(
                f"{_said(alert.title, 'en')}: {left.en}, alert level {level},"
                f" {_said(alert.responsible_department, 'en')}",
                f"{_said(alert.title, 'ar')}: {left.ar}، مستوى التنبيه {level}،"
                f" {_said(alert.responsible_department, 'ar')}",
            )
            return EntityFact("alerts", (channel, *mou_channels(alert.mou_id)), text)
        case Notification(payload=note) if note.entity_id == subject.entity_id and note.entity_type in (
            None,
            subject.entity_type,
        ):
            text = Localized(
                f"{_said(note.title, 'en')}: {_said(note.message, 'en')}",
                f"{_said(note.title, 'ar')}: {_said(note.message, 'ar')}",
            )
            return EntityFact("updates", (channel, subject.channel), text)
        case _:
            return None


def _said(text: Text, language: str) -> str:
    """Return a text in a language, on one line, isolated from the words around it."""
    return _name(text if isinstance(text, str) else text.ar if language == "ar" else text.en)


def _name(text: str) -> str:
    return isolated(one_line(text))

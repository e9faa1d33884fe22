"""The health of a relationship as a fact for briefs: its score now, and what moved it last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.core.briefs.facts import EntityFact
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.fields import Localized
from dossier_realtime.protocol.plain_text import isolated, one_line

if TYPE_CHECKING:
    from app.core.briefs.facts import FactSubject
    from app.services.relationships.health import RelationshipHealth
    from app.services.relationships.reading import RelationshipReading
    from dossier_realtime.protocol.http.relationships import MovementRow, RelationshipRow

_MAX_MOVEMENTS: Final = 5
_STATUSES: Final = {
    "healthy": Localized("healthy", "سليمة"),
    "monitor": Localized("to be monitored", "تحتاج إلى متابعة"),
    "at_risk": Localized("at risk", "معرّضة للخطر"),
    "critical": Localized("critical", "حرجة"),
}


class HealthSource:
    """The score of the relationship with the entity's id, within the rights of the reader."""

    def __init__(self, health: RelationshipHealth, reading: RelationshipReading) -> None:
        self._health, self._reading = health, reading

    async def facts(self, subject: FactSubject) -> list[EntityFact]:
        """Return the score, and the latest movements that the reader may see."""
        channel = channels.relationship(subject.entity_id)
        found = await self._health.find(subject.entity_id) if subject.shown((channel,)) else None
        if found is None or found.score is None:
            return []
        why = self._reading.why(found, subject.reader, self._health.now())
        facts = [_score(channel, why.relationship)]
        for moved in why.moved[:_MAX_MOVEMENTS]:
            source = moved.fact.source if moved.fact is not None else ""
            facts.append(_movement((channel, source) if source else (channel,), moved))
        return facts


def _score(channel: str, row: RelationshipRow) -> EntityFact:
    status = _STATUSES[row.status or "critical"]  # with a score it has a status
    text = Localized(f"Score {row.score}: {status.en}", f"الدرجة {row.score}: {status.ar}")
    return EntityFact("health", (channel,), text, None if row.since is None else float(row.since))


def _movement(sources: tuple[str, ...], row: MovementRow) -> EntityFact:
    name = isolated(one_line(row.trigger))
    words = row.text or Localized(name, name)
    points = isolated(f"{row.points:+d}")
    text = Localized(f"{words.en}: {points} to {row.score}", f"{words.ar}: {points} إلى {row.score}")
    return EntityFact("health", sources, text, float(row.at))

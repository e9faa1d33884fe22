"""The open commitments of an MoU, as facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.briefs.facts import EntityFact
from app.core.domain.alerts import mou_channels
from dossier_realtime.protocol.fields import Localized
from dossier_realtime.protocol.plain_text import isolated, one_line

if TYPE_CHECKING:
    from app.core.briefs.facts import FactSubject
    from app.core.domain.commitments.commitment import Commitment
    from app.services.commitments.registry import CommitmentRegistry
    from app.services.publisher import EventPublisher
    from dossier_realtime.protocol.fields import Text

_MAX_COMMITMENTS = 50


class CommitmentSource:
    """The commitments that are open or taken in hand. Those classified above their MoU's channel are left out."""

    def __init__(self, registry: CommitmentRegistry, publisher: EventPublisher) -> None:
        self._registry, self._publisher = registry, publisher

    async def facts(self, subject: FactSubject) -> list[EntityFact]:
        """Return the open commitments of the MoU that the brief is about."""
        channels = mou_channels(subject.entity_id)
        if subject.channel not in channels or not subject.shown(channels):
            return []
        level = self._publisher.derived(channels).level
        found: list[EntityFact] = []
        async for listed in self._registry.listed(subject.reader, None, subject.entity_id):
            commitment = listed.commitment
            if commitment.state not in ("open", "acknowledged") or len(found) == _MAX_COMMITMENTS:
                break  # open ones come first
            if self._registry.climbing.level(commitment) <= level:
                found.append(EntityFact("alerts", channels, _text(commitment)))
        return found


def _text(commitment: Commitment) -> Localized:
    said = commitment.said
    due, owner = said.due_date, isolated(said.owner)
    return Localized(
        f"{_said(said.title, 'en')}: due {due}, owner {owner}, {_said(said.responsible_department, 'en')},"
        f" alert level {commitment.level}, {commitment.state}",
        f"{_said(said.title, 'ar')}: الموعد {isolated(due)}، المسؤول {owner}،"
        f" {_said(said.responsible_department, 'ar')}، مستوى التنبيه {commitment.level}،"
        f" {'مفتوح' if commitment.state == 'open' else 'تم استلامه'}",
    )


def _said(text: Text, language: str) -> str:
    return isolated(one_line(text if isinstance(text, str) else text.ar if language == "ar" else text.en))

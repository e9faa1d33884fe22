"""Collecting the facts that a brief rests on: a table of sources, each asked about the entity.

A new kind of fact is a source in the table of `app/builders/briefs.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from app.core.briefs.facts import EntityFact, EntityFacts, FactSubject, numbered

if TYPE_CHECKING:
    from app.core.briefs.job import BriefJob
    from app.services.publisher import EventPublisher


class FactSource(Protocol):
    """One source of facts. It looks only at what `subject.shown` allows."""

    async def facts(self, subject: FactSubject) -> list[EntityFact]:
        """Return facts about the entity, each with the channels that it was derived from. Raises Unavailable."""


class FactCollector:
    """All sources together, within the rights that the requester had when the brief was asked for."""

    def __init__(self, sources: Sequence[FactSource], publisher: EventPublisher) -> None:
        self._sources, self._publisher = sources, publisher

    async def collect(self, job: BriefJob) -> EntityFacts:
        """Return the facts for a brief. Raises Unavailable."""
        reader = job.requester.identity()

        def shown(channels: tuple[str, ...]) -> bool:
            return self._publisher.shown_to(reader, channels)

        subject = FactSubject(job.channel, job.entity_type or job.type, job.entity_id, reader, shown)
        found = [fact for source in self._sources for fact in await source.facts(subject)]
        return numbered(found, shown)  # asked again: levels may have been raised while the sources were read

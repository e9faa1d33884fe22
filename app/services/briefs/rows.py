"""Briefs as answers show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from dossier_realtime.protocol import channels
from dossier_realtime.protocol.http.forms import (
    BriefAnswer,
    BriefCheckRow,
    BriefProvenance,
    BriefRowAnswer,
    BriefSource,
    BriefTexts,
)

if TYPE_CHECKING:
    from app.core.briefs.facts import EntityFact
    from app.core.briefs.finished import FinishedBrief
    from app.core.briefs.job import BriefJob
    from dossier_realtime.protocol.fields import Level


def brief_row(job: BriefJob, level: Level | None = None) -> BriefRowAnswer:
    """Return a brief as a row of a list, with its classification where the reader is told."""
    return BriefRowAnswer(
        request_id=job.request_id,
        requested_by=job.requester.user_id,
        type=job.type,
        entity_type=job.entity_type or job.type,
        entity_id=job.entity_id,
        language=job.language,
        generator=job.generator,
        state=job.state,
        stage=job.stage,
        progress=job.progress,
        created_at=round(job.created_at),
        estimated_time=job.estimated_time,
        generation_time=job.generation_time,
        confidence_score=job.confidence_score,
        error=job.error,
        fallback_available=job.fallback_available,
        document=channels.document(job.request_id) if job.state == "complete" else None,
        classification=level,
    )


def brief_answer(job: BriefJob, finished: FinishedBrief | None, level: Level) -> BriefAnswer:
    """Return a brief with its text, where it is finished."""
    row = msgspec.structs.asdict(brief_row(job, level))
    if finished is None:
        return BriefAnswer(**row)
    sources = [brief_source(fact) for fact in finished.facts]
    provenance = BriefProvenance(
        signed=msgspec.json.encode(finished.provenance).decode(), key=finished.key, signature=finished.signature
    )
    return BriefAnswer(
        **row,
        text=BriefTexts(finished.en, finished.ar),
        sources=sources,
        checks=[BriefCheckRow(one.language, one.name, one.score) for one in finished.checks],
        provenance=provenance,
    )


def brief_source(fact: EntityFact) -> BriefSource:
    """Return a fact as an answer shows it."""
    return BriefSource(
        id=fact.id,
        channels=list(fact.channels),
        section=fact.section,
        text=BriefTexts(fact.text.en, fact.text.ar),
        offset=fact.offset,
        timestamp=None if fact.at is None else round(fact.at),
    )

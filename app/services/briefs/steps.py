"""The steps of one brief that is written, and the events that tell its requester about them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from app.core.briefs import job as jobs
from dossier_realtime.protocol.events import (
    BriefComplete,
    BriefCompletePayload,
    BriefFailed,
    BriefFailedPayload,
    BriefProgress,
    BriefProgressPayload,
)

from . import messages
from .generators.port import GenerationError

if TYPE_CHECKING:
    from app.core.briefs.job import BriefJob
    from dossier_realtime.protocol.fields import Localized, Stage

    from .ledger import BriefLedger, KeptBrief


@asynccontextmanager
async def deadline(seconds: float) -> AsyncIterator[None]:
    """Bound the time of a brief. Raises GenerationError where it is over."""
    whole = asyncio.timeout(seconds)
    try:
        async with whole:
            yield
    except TimeoutError:
        if whole.expired():
            raise GenerationError(messages.TOO_SLOW) from None
        raise


class BriefSteps:
    """The steps of one brief: each is committed with its event, and puts off the time of silence."""

    def __init__(self, ledger: BriefLedger, kept: KeptBrief, watch: asyncio.Timeout, silence: float) -> None:
        self.kept = kept
        self._ledger, self._watch, self._silence = ledger, watch, silence

    def beat(self) -> None:
        """Put off the time after which the generator counts as silent."""
        self._watch.reschedule(asyncio.get_running_loop().time() + self._silence)

    async def step(self, stage: Stage, progress: int, message: Localized) -> None:
        """Report a step; one that is not ahead of the last only proves life. Raises Moved and Unavailable."""
        self.beat()
        if jobs.is_ahead(self.kept.job, stage, progress):
            job = jobs.advanced(self.kept.job, stage, progress, self._ledger.now())
            self.kept, _ = await self._ledger.commit(self.kept, job, [progress_event(job, message)])


def progress_event(job: BriefJob, message: Localized) -> BriefProgress:
    """Return the event for the requester about a step."""
    assert job.stage is not None  # noqa: S101  the step has just been made
    payload = BriefProgressPayload(job.stage, job.progress, message)
    event: BriefProgress = BriefProgress(request_id=job.request_id, payload=payload, channel=job.owner_channel)
    return event


def complete_event(job: BriefJob) -> BriefComplete:
    """Return the event for the requester about a finished brief."""
    payload = BriefCompletePayload(job.request_id, job.generation_time or 0, job.confidence_score or 0.0)
    event: BriefComplete = BriefComplete(request_id=job.request_id, payload=payload, channel=job.owner_channel)
    return event


def failed_event(job: BriefJob) -> BriefFailed:
    """Return the event for the requester about a brief that failed."""
    payload = BriefFailedPayload(job.error or messages.BROKEN, job.fallback_available)
    event: BriefFailed = BriefFailed(request_id=job.request_id, payload=payload, channel=job.owner_channel)
    return event

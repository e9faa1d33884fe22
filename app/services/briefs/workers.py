"""Briefs that external programs write: claimed with a lease, reported over HTTP (docs/protocol.md#workers).

A report prolongs the lease. One that runs out fails the brief: its worker was silent.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, Final, NamedTuple, ParamSpec, TypeVar

import msgspec

from app.core.briefs import job as jobs
from app.core.briefs.facts import EntityFact, EntityFacts
from app.core.briefs.job import Lease
from app.core.briefs.output_checks import Language, language_share
from app.core.briefs.signs import RecentSigns, ServedTurns, Signs, last_sign
from app.engine.ports.errors import BriefCancelled, Moved, Unavailable
from app.journal.acts import Act
from dossier_realtime.protocol.authorization import Right, holds_on_all

from . import messages
from .generators.port import WrittenBrief
from .ledger import WORKER
from .steps import complete_event, failed_event, progress_event

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from app.core.briefs.finished import FinishedBrief
    from app.core.briefs.job import BriefJob
    from app.core.instant import Instant
    from app.engine.ports.records import Record
    from app.journal.acts import RecordAct
    from app.services.publisher import EventPublisher
    from dossier_realtime.protocol.authorization import Identity
    from dossier_realtime.protocol.events import Event
    from dossier_realtime.protocol.fields import Localized, Stage

    from .facts.collector import FactCollector
    from .finisher import BriefFinisher
    from .ledger import BriefLedger, KeptBrief
    from .runner import BriefRunner
    from .silence.listening import Listening

P = ParamSpec("P")
R = TypeVar("R")

_MIN_LANGUAGE_SHARE: Final = 0.3  # names of people and places are often in the other script
_MAX_REMEMBERED: Final = 10_000  # users whose turns are known


class WorkerDeniedError(Exception):
    """Raised when a report is not by the worker that holds the brief, in the same words whether it exists or not."""


class BriefOverError(Exception):
    """Raised when the brief of a report has ended: its worker writes it no further."""


class BadReportError(Exception):
    """Raised when a report cannot be taken; `path` is the place in its body."""

    def __init__(self, text: str, path: str) -> None:
        super().__init__(text)
        self.path = path


class ClaimedBrief(NamedTuple):
    """A brief in a worker's hands, and all that it may rest on."""

    job: BriefJob
    lease: Lease
    facts: list[EntityFact]


class WorkerText(NamedTuple):
    """The text that a worker wrote. `sources`: ids of the facts that it was given."""

    en: str
    ar: str
    sources: Sequence[str]
    confidence: float
    model: str


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """The parts that workers share with the generators of the service."""

    runner: BriefRunner
    collector: FactCollector
    finisher: BriefFinisher
    publisher: EventPublisher


def _noticed(
    work: Callable[Concatenate[BriefWorkers, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[BriefWorkers, P], Coroutine[Any, Any, R]]:
    """Let a method take notice that the store or the journal refused its change."""

    @wraps(work)
    async def noticing(self: BriefWorkers, /, *arguments: P.args, **named: P.kwargs) -> R:
        with self._listening.noticing():
            return await work(self, *arguments, **named)

    return noticing


class BriefWorkers:
    """Claims and reports. A worker is a program with `write` on every `user:{id}` channel."""

    def __init__(
        self,
        ledger: BriefLedger,
        parts: WorkerParts,
        silence_seconds: float,
        clock: Callable[[], Instant],
        listening: Listening,
    ) -> None:
        self._ledger, self._parts = ledger, parts
        self.lease_seconds = self._silence = silence_seconds
        self._clock, self._listening = clock, listening
        self._turns = ServedTurns(_MAX_REMEMBERED)  # of requesters
        self._heard = RecentSigns(silence_seconds)  # by brief
        self._unanswered: dict[str, str] = {}  # tokens of claims that the store may have taken, by brief
        self._served = RecentSigns(silence_seconds)  # claims and reports, by type of brief

    @staticmethod
    def is_worker(by: Identity) -> bool:
        """Return whether a program may write briefs for everybody."""
        return holds_on_all(by, Right.WRITE, "user")

    @_noticed
    async def claim(self, types: Sequence[str], by: Identity, act: RecordAct) -> ClaimedBrief | None:
        """Give a waiting brief to a worker that may read its entity; None where none waits.

        The facts are within the rights of the requester and of the worker. Raises Unavailable, and the errors of `act`.
        """
        for request_id in list(self._unanswered):
            with suppress(Moved):
                await self._take_back(request_id, await self._ledger.find(request_id))
        for kept in await self._waiting(types, by):
            token = secrets.token_urlsafe(24)
            job = msgspec.structs.replace(jobs.begun(kept.job, self._ledger.now()), lease=self._lease(by, token))
            facts = await self._facts(job, by)
            await act(
                Act(
                    "claim_brief",
                    "brief",
                    job.request_id,
                    job.channel,
                    before={"state": kept.job.state},
                    after={"state": job.state, "facts": len(facts)},
                )
            )
            try:
                await self._ledger.give(kept, job, facts)
            except Moved:
                continue  # another worker was first, or it was cancelled
            except Unavailable:
                self._unanswered[job.request_id] = token
                raise
            self._turns.take(job.requester.user_id)
            self._sign(job)
            assert job.lease is not None  # noqa: S101  it was given above
            return ClaimedBrief(job, job.lease, facts)
        return None

    @_noticed
    async def progress(
        self, request_id: str, lease: str, step: tuple[Stage, int, Localized], by: Identity, act: RecordAct
    ) -> BriefJob:
        """Take a step of a worker. Raises the errors of `_held`, BadReportError and Unavailable."""
        stage, progress, message = step
        recorded = False
        while True:
            kept = await self._held(request_id, lease)
            if self._parts.runner.is_too_slow(kept.job):
                await self._parts.runner.fail(request_id, messages.TOO_SLOW)
                self._over(kept.job)
                raise BriefOverError
            again = (stage, progress) == (kept.job.stage, kept.job.progress)
            if not again and not jobs.is_ahead(kept.job, stage, progress):
                text = f"Progress never falls, nor does the stage; it is at {kept.job.stage} {kept.job.progress}"
                raise BadReportError(text, "$.progress")
            if not recorded:
                recorded = True
                await act(self._report(kept.job, {"stage": stage, "progress": progress}))
                continue
            job = jobs.advanced(kept.job, stage, progress, self._ledger.now())
            job = msgspec.structs.replace(job, lease=self._lease(by, lease))
            if await self._commit(kept, job, [] if again else [progress_event(job, message)]):
                self._sign(job)
                return job

    @_noticed
    async def complete(
        self, request_id: str, lease: str, written: WorkerText, by: Identity, act: RecordAct
    ) -> BriefJob:
        """Take the finished text of a worker. Raises the errors of `_held`, BadReportError and Unavailable."""
        kept = await self._held(request_id, lease)
        given = {fact.id: fact for fact in await self._ledger.given(request_id)}
        unknown = next((at for at, name in enumerate(written.sources) if name not in given), None)
        if unknown is not None:
            text = f"{written.sources[unknown]} is no fact that was given with the brief"
            raise BadReportError(text, f"$.sources[{unknown}]")
        texts: tuple[tuple[Language, str], ...] = (("en", written.en), ("ar", written.ar))
        for language, text in texts:
            if language_share(text, language) < _MIN_LANGUAGE_SHARE:
                raise BadReportError(f"This text is not in its language ({language}); send both", f"$.text.{language}")
        await act(self._report(kept.job, {"state": "complete"}))
        facts = EntityFacts(tuple(given[name] for name in dict.fromkeys(written.sources)))
        model = written.model or by.user_id
        # The text may rest on all that was given, whatever it names.
        channels = [channel for fact in given.values() for channel in fact.channels]
        finished = await self._parts.finisher.finish(
            kept.job, facts, WrittenBrief(written.en, written.ar, written.confidence, model), channels
        )
        while True:
            kept = await self._held(request_id, lease)
            job = jobs.completed(kept.job, written.confidence, channels, self._ledger.now())
            if await self._commit(kept, job, [complete_event(job)], finished):
                self._over(job)
                return job

    @_noticed
    async def fail(self, request_id: str, lease: str, error: Localized, act: RecordAct) -> BriefJob:
        """End a brief for a worker that cannot write it. Raises the errors of `_held`, and Unavailable."""
        recorded = False
        while True:
            kept = await self._held(request_id, lease)
            if not recorded:
                recorded = True
                await act(self._report(kept.job, {"state": "failed"}))
                continue
            job = jobs.failed(kept.job, error, self._ledger.now())
            if await self._commit(kept, job, [failed_event(job)]):
                self._over(job)
                return job

    @_noticed
    async def due(self, record: Record, wall: float) -> None:
        """Fail a brief whose lease ran out, or of a type that no worker serves. Raises Moved and Unavailable.

        One that waits while workers claim, or report on, others of its type is in a queue. So is one that this process
        has not known for as long.

        Silence is measured by the steady clock, and not before programs could be heard without a break: a jump of the
        wall clock, a pause of the service, or a store that took no change is not the worker's silence.
        """
        kept, steady = self._ledger.read(record), self._clock().steady
        known, served = self._parts.runner.open_since(record.key), self._served.last(kept.job.type)
        signs = Signs(self._listening.since(), known, served, self._heard.last(record.key))
        heard = last_sign(signs, claimed=kept.job.lease is not None)
        left = self._silence - (steady - heard)
        if kept.job.is_ended or kept.job.generator != WORKER:
            await self._ledger.commit(kept, kept.job)
        elif left > 0:
            await self._ledger.postpone(kept, wall + left)
        elif await self._take_back(record.key, kept):
            pass  # it waits again: nobody was silent
        elif kept.job.lease is None and await self._ledger.is_served(kept.job.type, wall):
            await self._ledger.postpone(kept, wall + self._silence / 2)  # by a worker that another node hears
        else:
            await self._parts.runner.fail(record.key, messages.SILENT)
            self._heard.drop(record.key)

    def level(self, job: BriefJob) -> str:
        """Return the highest level of the channels that a brief is about, for the journal."""
        return self._parts.publisher.derived((job.owner_channel, job.channel, *job.sources)).level.label

    async def _waiting(self, types: Sequence[str], by: Identity) -> list[KeptBrief]:
        found = [
            kept
            for kept in await self._ledger.waiting(WORKER)
            if (not types or kept.job.type in types) and self._parts.publisher.shown_to(by, (kept.job.channel,))
        ]
        return sorted(found, key=lambda kept: (self._turns.last(kept.job.requester.user_id), kept.job.created_at))

    async def _take_back(self, request_id: str, kept: KeptBrief | None) -> bool:
        """Let a brief wait again whose claim was kept and not answered, and return whether it was: none has its lease.

        Raises Moved and Unavailable.
        """
        if kept is None or kept.job.is_ended:
            self._unanswered.pop(request_id, None)
            return False
        if kept.job.lease is None:
            return False  # it waits; the commit may take its time
        is_lost = kept.job.lease.token == self._unanswered.get(request_id)
        if is_lost:
            await self._ledger.take_back(kept, jobs.given_back(kept.job, self._ledger.now()))
            self._served.take(kept.job.type, self._clock().steady)  # a program asked for it
        self._unanswered.pop(request_id, None)
        return is_lost

    async def _facts(self, job: BriefJob, by: Identity) -> list[EntityFact]:
        facts = (await self._parts.collector.collect(job)).facts
        return [fact for fact in facts if self._parts.publisher.shown_to(by, fact.channels)]

    async def _held(self, request_id: str, lease: str) -> KeptBrief:
        """Return the brief whose lease the worker has. Raises WorkerDeniedError, BriefOverError and Unavailable."""
        kept = await self._ledger.find(request_id)
        held = None if kept is None else kept.job.lease
        if kept is None or held is None or not secrets.compare_digest(held.token.encode(), lease.encode()):
            raise WorkerDeniedError
        if kept.job.is_ended:
            raise BriefOverError
        return kept

    async def _commit(
        self, kept: KeptBrief, job: BriefJob, events: Sequence[Event], finished: FinishedBrief | None = None
    ) -> bool:
        """Keep a report; return False where it is to be decided anew. Raises BriefOverError and Unavailable."""
        try:
            await self._ledger.commit(kept, job, events, finished)
        except Moved:
            return False
        except BriefCancelled:
            raise BriefOverError from None
        except Unavailable:
            self._parts.runner.doubt(job.request_id)  # it may have ended
            raise
        return True

    def _lease(self, by: Identity, token: str) -> Lease:
        return Lease(by.user_id, token, self._ledger.now() + self._silence)

    def _sign(self, job: BriefJob) -> None:
        """Take notice that the worker of a brief lives, and that its type is served."""
        now = self._clock().steady
        self._heard.take(job.request_id, now)
        self._served.take(job.type, now)

    def _over(self, job: BriefJob) -> None:
        self._served.take(job.type, self._clock().steady)
        self._heard.drop(job.request_id)
        self._parts.runner.forget(job.request_id)

    @staticmethod
    def _report(job: BriefJob, after: dict[str, str | int]) -> Act:
        before: dict[str, str | int] = {"state": job.state, "progress": job.progress}
        return Act("report_brief", "brief", job.request_id, job.channel, before=before, after=after)

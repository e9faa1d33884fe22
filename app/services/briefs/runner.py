"""The queue of briefs and the tasks that write them: a bounded number at once, users in turn.

A brief that was under way when the process ended is begun again at the next start, or by another node once this one
reports no more (ownership.py); its progress never falls, and its end is committed together with its state, so that it
ends once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import structlog

from app.core.briefs import job as jobs
from app.core.briefs.fair_queue import FairQueue
from app.engine.ports.errors import BriefCancelled, Moved, Unavailable

from . import messages
from .generators.port import GenerationError, GenerationReport
from .ledger import OPEN, WORKER
from .steps import BriefSteps, complete_event, deadline, failed_event

if TYPE_CHECKING:
    from app.core.briefs.job import BriefJob
    from app.engine.ports.records import ListPlace
    from dossier_realtime.protocol.fields import Localized

    from .facts.collector import FactCollector
    from .finisher import BriefFinisher
    from .generators.port import Generator
    from .ledger import BriefLedger
    from .ownership import BriefOwners

_log = structlog.get_logger("briefs")
_PAGE = 200
_WATCH_SECONDS = 10.0  # between two looks for briefs of nodes that have ended
_RETRY_SECONDS = 2.0  # after the store or the journal took no change


@dataclass(frozen=True, slots=True)
class RunnerLimits:
    """`concurrent`: briefs that are written at once. `silence_seconds`: without a step, after which one has failed.

    `deadline_seconds`: the most that one attempt takes, whatever signs of life its generator gives.
    """

    concurrent: int
    silence_seconds: float
    deadline_seconds: float


class BriefRunner:
    """The queue and the running tasks of this node. Jobs of external workers are counted here, and run elsewhere."""

    def __init__(
        self,
        ledger: BriefLedger,
        generators: Mapping[str, Generator],
        collector: FactCollector,
        finisher: BriefFinisher,
        limits: RunnerLimits,
        steady: Callable[[], float],
        owners: BriefOwners,
    ) -> None:
        self._ledger, self._generators, self._collector = ledger, generators, collector
        self._finisher, self._limits, self._steady = finisher, limits, steady
        self._owners_of, self.node = owners, owners.node
        self._queue = FairQueue()
        self._owners: dict[str, str] = {}  # of all open briefs
        self._since: dict[str, float] = {}  # of the same, steady seconds
        self._by_owner: Counter[str] = Counter()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._attempts: dict[str, int] = {}  # of those that this process writes: the numbers of their last attempts
        self._wake = asyncio.Event()
        self._doubted: set[str] = set()  # whose commits were not answered: they may be kept, or ended
        self._has_doubts = asyncio.Event()
        self.others_seen = False
        """True once another node was seen: from then on briefs may be taken over, or end elsewhere."""
        self._has_foreign = False  # whether briefs of other nodes were open at the last look

    # --- what others ask ----------------------------------------------------------------------------------------

    @property
    def open(self) -> int:
        """The number of briefs that have not ended."""
        return len(self._owners)

    def open_of(self, user_id: str) -> int:
        """Return the number of a user's briefs that have not ended."""
        return self._by_owner[user_id]

    def is_too_slow(self, job: BriefJob) -> bool:
        """Return whether a brief was begun so long ago that it has failed, whatever signs it gives."""
        return job.begun_at is not None and self._ledger.now() - job.begun_at > self._limits.deadline_seconds

    def open_since(self, request_id: str) -> float | None:
        """Return since when, in steady seconds, this process knows that a brief is open; None where it does not."""
        return self._since.get(request_id)

    def expected_wait(self, each_ms: int) -> int:
        """Return the milliseconds until a new brief is begun, where each takes so long."""
        return len(self._queue) // self._limits.concurrent * each_ms

    def expect(self, job: BriefJob) -> None:
        """Count a brief as open before it is durable, so that many requests at once keep to the bound."""
        if job.request_id not in self._owners:
            self._owners[job.request_id] = job.requester.user_id
            self._since[job.request_id] = self._steady()
            self._by_owner[job.requester.user_id] += 1

    def put(self, job: BriefJob) -> None:
        """Put a brief that is durable into the queue; those of external workers wait to be claimed."""
        self.expect(job)
        self._doubted.discard(job.request_id)
        if job.generator in self._generators and job.request_id not in self._tasks:
            self._queue.put(job.requester.user_id, job.request_id)
            self._wake.set()

    def forget(self, request_id: str) -> None:
        """Drop a brief that has ended, and stop writing it."""
        owner = self._owners.pop(request_id, None)
        self._since.pop(request_id, None)
        self._attempts.pop(request_id, None)
        if owner is not None:
            self._by_owner[owner] -= 1
            if not self._by_owner[owner]:
                del self._by_owner[owner]
        self._queue.remove(request_id)
        task = self._tasks.get(request_id)
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    def doubt(self, request_id: str) -> None:
        """Look soon whether a brief is open: the store did not answer for a commit, which it may have taken."""
        self._doubted.add(request_id)
        self._has_doubts.set()

    def found(self, job: BriefJob) -> None:
        """Take notice that a request was repeated and its brief was found; its first answer may have been lost."""
        if job.is_ended:
            self.forget(job.request_id)
        elif not self._owners_of.is_ours(job):
            self.doubt(job.request_id)
        elif job.request_id in self._doubted or job.request_id not in self._owners:
            self.put(job)
            self.doubt(job.request_id)  # it may have ended since it was read

    # --- its own work -------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Resume the open briefs of before, then write what is asked for, until cancelled."""
        watch = asyncio.get_running_loop().create_task(self._watch())
        try:
            await self._resume()
            while True:
                self._wake.clear()
                while len(self._tasks) < self._limits.concurrent and (request_id := self._queue.take()) is not None:
                    self._start(request_id)
                await self._wake.wait()
        finally:
            for task in [watch, *self._tasks.values()]:
                task.cancel()

    async def _open(self) -> list[BriefJob]:
        """Return all briefs that have not ended, of every node, the oldest first."""
        after: ListPlace | None = None
        found: list[BriefJob] = []
        while page := await self._ledger.page(OPEN, after, _PAGE):
            found += [kept.job for _, kept in page]
            after = page[-1][0]
        return sorted(found, key=lambda job: job.created_at)

    async def _watch(self) -> None:
        """Take over the briefs of nodes that have ended, and forget those that ended on other nodes.

        After a doubt, see which briefs are kept; again and again, until the store answers.
        """
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_WATCH_SECONDS):
                    await self._has_doubts.wait()
                await asyncio.sleep(_RETRY_SECONDS)  # what was not answered may be carried out yet
            with suppress(Unavailable):
                living = await self._owners_of.look()
                if living:
                    self.others_seen = True
                if self.others_seen or self._has_foreign or self._has_doubts.is_set():
                    await self._look_over(is_alone=not living)

    async def _look_over(self, *, is_alone: bool) -> None:
        since = self._steady() - _WATCH_SECONDS  # one of later may not be durable yet
        asked = set(self._doubted)
        jobs_now = {job.request_id: job for job in await self._open()}
        doubted = asked & self._doubted  # the others were answered meanwhile
        self._doubted -= doubted
        for request_id in [name for name, known in self._since.items() if known < since or name in doubted]:
            if request_id not in jobs_now or not self._owners_of.is_ours(jobs_now[request_id]):
                self.forget(request_id)
        fresh = [job for job in jobs_now.values() if job.request_id in doubted or job.request_id not in self._owners]
        self._has_foreign = not all(self._owners_of.is_ours(job) for job in jobs_now.values())
        for job in fresh:
            if not self._owners_of.is_ours(job):
                continue
            is_new = job.request_id not in self._owners
            if self._is_served(job):
                self.put(job)
            elif is_alone:  # else a node may come to it that serves it
                await self._refuse(job)
            if is_new:
                self.doubt(job.request_id)  # it may have ended since it was read
        if not self._doubted and doubted <= jobs_now.keys():
            self._has_doubts.clear()  # else once more: a commit may take its time

    async def _resume(self) -> None:
        """Put the open briefs of before into the queue, once the store answers."""
        while True:
            with suppress(Unavailable):
                return await self._resume_open()
            await asyncio.sleep(_RETRY_SECONDS)

    async def _resume_open(self) -> None:
        for job in await self._open():
            if not self._owners_of.is_ours(job):
                self._has_foreign = True  # the watch sees whether their nodes live
                continue
            if self._is_served(job):
                self.put(job)
            else:
                await self._refuse(job)

    def _is_served(self, job: BriefJob) -> bool:
        return job.generator in self._generators or job.generator == WORKER

    async def _refuse(self, job: BriefJob) -> None:
        self.expect(job)
        await self._fail(job.request_id, messages.NOT_SERVED)

    def _start(self, request_id: str) -> None:
        task = self._tasks[request_id] = asyncio.get_running_loop().create_task(self._write_safely(request_id))
        task.add_done_callback(lambda _: self._done(request_id))

    def _done(self, request_id: str) -> None:
        self._tasks.pop(request_id, None)
        self._wake.set()

    async def _write_safely(self, request_id: str) -> None:
        """Write one brief; end it in any case but where the process ends, or the store takes no change now."""
        try:
            await self._write(request_id)
        except GenerationError as wrong:
            await self._fail(request_id, wrong.text)
        except TimeoutError:
            await self._fail(request_id, messages.SILENT)
        except (Moved, BriefCancelled):
            self._attempts.pop(request_id, None)
            await self._look_again(request_id)
        except Unavailable:
            await asyncio.sleep(_RETRY_SECONDS)
            await self._look_again(request_id)
        except Exception:
            _log.exception("a brief could not be written", request=request_id)
            await self._fail(request_id, messages.BROKEN)

    async def _write(self, request_id: str) -> None:
        kept = await self._ledger.find(request_id)
        if kept is None or kept.job.is_ended:
            self.forget(request_id)
            return
        if not await self._owners_of.may_begin(kept.job):
            self._leave(request_id)
            return
        given_up = self._attempts.get(request_id, 0)
        if jobs.attempt(kept.job, given_up) > jobs.MAX_ATTEMPTS:
            await self._fail(request_id, messages.INTERRUPTED)
            return
        begun = msgspec.structs.replace(jobs.begun(kept.job, self._ledger.now(), given_up), node=self.node)
        self._attempts[request_id] = begun.attempts
        kept, _ = await self._ledger.commit(kept, begun)
        async with deadline(self._limits.deadline_seconds), asyncio.timeout(self._limits.silence_seconds) as watch:
            steps = BriefSteps(self._ledger, kept, watch, self._limits.silence_seconds)
            report = GenerationReport(steps.step, steps.beat)
            await steps.step("analyzing", 5, messages.COLLECTING)
            facts = await self._collector.collect(kept.job)
            await steps.step("generating", 25, messages.WRITING)
            written = await self._generators[kept.job.generator].write(kept.job, facts, report)
            await steps.step("finalizing", 95, messages.FINALIZING)
            finished = await self._finisher.finish(kept.job, facts, written)
            job = jobs.completed(steps.kept.job, written.confidence, facts.channels, self._ledger.now())
            await self._ledger.commit(steps.kept, job, [complete_event(job)], finished)
        self.forget(request_id)

    async def _fail(self, request_id: str, error: Localized) -> None:
        """End a brief as failed, unless it has ended; tried until the store answers, for it is decided."""
        while True:
            with suppress(Unavailable):
                await self.fail(request_id, error)
                return
            await asyncio.sleep(_RETRY_SECONDS)

    async def fail(self, request_id: str, error: Localized) -> BriefJob | None:
        """End a brief as failed; return None where it had ended. Raises Unavailable."""
        while True:
            kept = await self._ledger.find(request_id)
            if kept is None or kept.job.is_ended:
                self.forget(request_id)
                return None
            job = jobs.failed(kept.job, error, self._ledger.now(), fallback=True)
            try:
                await self._ledger.commit(kept, job, [failed_event(job)])
            except Moved:
                continue
            except Unavailable:
                self.doubt(request_id)
                raise
            except BriefCancelled:
                job = jobs.cancelled(kept.job, self._ledger.now())
            self.forget(request_id)
            return job

    async def _look_again(self, request_id: str) -> None:
        """Begin a brief again that another call changed or the store refused, unless it ended."""
        try:
            kept = await self._ledger.find(request_id)
        except Unavailable:
            if (owner := self._owners.get(request_id)) is not None:
                self._queue.put(owner, request_id)
            return
        if kept is None or kept.job.is_ended:
            self.forget(request_id)
        elif not self._owners_of.is_ours(kept.job):
            self._leave(request_id)
        else:
            self._queue.put(kept.job.requester.user_id, request_id)

    def _leave(self, request_id: str) -> None:
        """Leave a brief to its node, which has it in its queue or writes it; the watch sees whether that node lives."""
        self.forget(request_id)
        self._has_foreign = True

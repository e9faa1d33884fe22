"""Briefs on request as they are kept: each change is committed together with the event that says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from app.core.briefs.facts import EntityFact
from app.core.briefs.finished import FinishedBrief
from app.core.briefs.job import BriefJob, cancelled
from app.engine.ports.records import ListPlace, Record, RecordChange
from app.services.domain.visible_pages import VisiblePages

if TYPE_CHECKING:
    from app.engine.ports.events import IdempotencyKey, PublishResult
    from app.engine.ports.records import RecordStore
    from app.services.publisher import EventPublisher
    from dossier_realtime.protocol.events import Event

KIND: Final = "brief"
TEXT_KIND: Final = "brief_text"
GIVEN_KIND: Final = "brief_given"
ALL: Final = "all"
OPEN: Final = "open"
WORKER: Final = "worker"
"""The generator of briefs that external programs claim and write."""

_KEPT_SECONDS: Final = 30 * 86_400.0  # after its end, as other briefs
_LATEST_MS: Final = 10**14  # newest first: lists are in the order of text
_READ: Final = 200  # records at once
_PAST_BRIEFS: Final = 31  # an estimate is the median of so many

_jobs = msgspec.json.Decoder(BriefJob)
_facts = msgspec.json.Decoder(list[EntityFact])


class KeptBrief(NamedTuple):
    """A job as it is kept; `revision` says which of its states."""

    job: BriefJob
    revision: int


class BriefLedger:
    """The jobs and the finished texts. `now` is Unix seconds."""

    def __init__(
        self, records: RecordStore, publisher: EventPublisher, now: Callable[[], float], silence_seconds: float = 60.0
    ) -> None:
        self._records, self._publisher, self.now = records, publisher, now
        self._silence = silence_seconds
        self.pages = VisiblePages(records, lambda place: f"{place.order}-{place.key}")

    async def find(self, request_id: str) -> KeptBrief | None:
        """Return a job. Raises Unavailable."""
        record = (await self._records.find(KIND, [request_id])).get(request_id)
        return None if record is None else self.read(record)

    async def finished(self, request_id: str) -> FinishedBrief | None:
        """Return the text of a brief that is complete. Raises Unavailable."""
        record = (await self._records.find(TEXT_KIND, [request_id])).get(request_id)
        return None if record is None else msgspec.json.decode(record.body, type=FinishedBrief)

    async def open_briefs(self, channel: str) -> tuple[int, int]:
        """Return how many briefs are open on all nodes, and how many of one user's channel. Raises Unavailable."""
        return await self._records.count(KIND, OPEN), await self._records.count(KIND, _open_label(channel))

    async def commit(
        self,
        kept: KeptBrief | None,
        job: BriefJob,
        events: Sequence[Event] = (),
        finished: FinishedBrief | None = None,
        key: IdempotencyKey | None = None,
    ) -> tuple[KeptBrief, list[PublishResult]]:
        """Keep the new state of a job, with the events for its requester. Raises Moved, KeyConflict and Unavailable."""
        revision = 0 if kept is None else kept.revision
        changes = [self.change(job, revision)]
        if finished is not None:
            body = msgspec.json.encode(finished)
            expires = self.now() + _KEPT_SECONDS
            changes.append(RecordChange(TEXT_KIND, job.request_id, 0, body, expires=expires))
        pairs = [(job.owner_channel, event) for event in events]
        results = await self._publisher.commit(pairs, changes, key)
        return KeptBrief(job, revision + 1), results

    def change(self, job: BriefJob, revision: int, due: float | None = None) -> RecordChange:
        """Return the change that keeps a job, for a commit. `due`: instead of the time by its lease."""
        labels = [ALL, job.owner_channel]
        if not job.is_ended:
            labels += [OPEN, _open_label(job.owner_channel)]
        if job.state == "queued":
            labels.append(_waiting_label(job.generator))
        if job.state == "complete":
            labels.append(_times_label(job.type, job.generator))
        order = f"{int(job.is_ended)}{_LATEST_MS - round(job.created_at * 1000):015d}"
        if due is None and not job.is_ended and job.generator == WORKER:
            due = job.created_at + self._silence if job.lease is None else job.lease.until
        expires = None if job.ended_at is None else job.ended_at + _KEPT_SECONDS
        body = msgspec.json.encode(job)
        return RecordChange(KIND, job.request_id, revision, body, tuple(labels), order, due, expires)

    async def give(self, kept: KeptBrief, job: BriefJob, facts: Sequence[EntityFact]) -> None:
        """Keep that a worker has the job, with the facts that it was given. Raises Moved and Unavailable."""
        expires = self.now() + _KEPT_SECONDS
        given = RecordChange(GIVEN_KIND, job.request_id, 0, msgspec.json.encode(list(facts)), expires=expires)
        await self._publisher.commit([], [self.change(job, kept.revision), given])

    async def take_back(self, kept: KeptBrief, job: BriefJob) -> None:
        """Keep that no worker has the job, and none of the facts. Raises Moved and Unavailable."""
        found = await self._records.find(GIVEN_KIND, [job.request_id])
        given = [RecordChange(GIVEN_KIND, name, record.revision, None) for name, record in found.items()]
        await self._publisher.commit([], [self.change(job, kept.revision), *given])

    async def given(self, request_id: str) -> list[EntityFact]:
        """Return the facts that the worker of a job was given. Raises Unavailable."""
        record = (await self._records.find(GIVEN_KIND, [request_id])).get(request_id)
        return [] if record is None else _facts.decode(record.body)

    async def waiting(self, generator: str) -> list[KeptBrief]:
        """Return all jobs that wait for a generator: at most as many as briefs may be open. Raises Unavailable."""
        found: list[KeptBrief] = []
        after: ListPlace | None = None
        while True:
            page = await self._records.listed(KIND, _waiting_label(generator), after, _READ)
            found += [self.read(record) for record in page]
            if len(page) < _READ:
                return found
            after = page[-1].place

    async def is_served(self, kind: str, wall: float) -> bool:
        """Return whether a worker of any node holds a brief of a type, by a lease that has not run out."""
        after: ListPlace | None = None
        while page := await self.page(OPEN, after, _READ):
            leases = (kept.job.lease for _, kept in page if kept.job.type == kind)
            if any(lease is not None and lease.until > wall for lease in leases):
                return True
            after = page[-1][0]
        return False

    async def postpone(self, kept: KeptBrief, until: float) -> None:
        """Keep a job as it is, to be looked at later. Raises Moved and Unavailable."""
        await self._publisher.commit([], [self.change(kept.job, kept.revision, until)])

    @staticmethod
    def read(record: Record) -> KeptBrief:
        """Return the job that a record holds."""
        return KeptBrief(_jobs.decode(record.body), record.revision)

    def cancellation(self, kept: KeptBrief) -> RecordChange:
        """Return the change that keeps a job as cancelled."""
        job = kept.job if kept.job.is_ended else cancelled(kept.job, self.now())
        return self.change(job, kept.revision)

    async def page(self, label: str, after: ListPlace | None, limit: int) -> list[tuple[ListPlace, KeptBrief]]:
        """Return jobs of a list with their places: open ones first, then the newest. Raises Unavailable."""
        found = await self._records.listed(KIND, label, after, limit)
        return [(record.place, self.read(record)) for record in found]

    async def past_times(self, kind: str, generator: str) -> list[int]:
        """Return the times, in milliseconds, that the latest briefs of a type took. Raises Unavailable."""
        found = await self._records.listed(KIND, _times_label(kind, generator), None, _PAST_BRIEFS)
        times = (_jobs.decode(record.body).generation_time for record in found)
        return [time for time in times if time is not None]


def _waiting_label(generator: str) -> str:
    """Return the list of the jobs that wait for a generator."""
    return f"waiting {generator}"


def _times_label(kind: str, generator: str) -> str:
    return f"complete {kind} {generator}"


def _open_label(channel: str) -> str:
    return f"{OPEN}:{channel}"

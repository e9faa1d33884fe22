"""Requests for briefs, and reading them (docs/protocol.md#briefs-on-request)."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from app.core.briefs.job import BriefJob, Requester, entity_channel, estimate
from app.engine.ports.errors import KeyConflict, Moved
from app.engine.ports.events import IdempotencyKey, PublishResult
from app.engine.ports.records import ListPlace
from app.journal.acts import Act
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.authorization import decide_operator
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.events import BriefStarted, BriefStartedPayload

from .ledger import ALL, KIND

if TYPE_CHECKING:
    from app.core.briefs.finished import FinishedBrief
    from app.engine.ports.records import Record
    from app.journal.acts import RecordAct
    from app.services.document_access import DocumentAccess
    from app.services.publisher import EventPublisher
    from dossier_realtime.protocol.authorization import Identity
    from dossier_realtime.protocol.commands import BriefRequestPayload
    from dossier_realtime.protocol.fields import Level

    from .ledger import BriefLedger
    from .runner import BriefRunner

_DEFAULT_MS = {"template": 2_000}  # the estimate of a generator's first brief
_OTHER_DEFAULT_MS = 30_000
_QUEUE_RETRY_SECONDS = 5
_KEYED = uuid.UUID("5f0c6b0e-6a4e-4f0a-9d5f-2b1f4f6b7c11")  # the name space of requests with a key
_ORDER = re.compile(r"[01][0-9]{15}")


class BriefRefusedError(Exception):
    """Raised when a brief cannot be requested. `retry_after`: seconds, where waiting helps."""

    def __init__(self, code: ErrorCode, text: str, *, path: str = "$", retry_after: int | None = None) -> None:
        super().__init__(text)
        self.code, self.path, self.retry_after = code, path, retry_after


@dataclass(frozen=True, slots=True)
class GeneratorNames:
    """The generators that may be asked for, and the one in force where none is named."""

    names: frozenset[str]
    default: str


@dataclass(frozen=True, slots=True)
class BriefBounds:
    """The most open briefs in all and of one user."""

    queue: int
    per_user: int


class RequestedBrief(NamedTuple):
    """A brief that was accepted, or had been under the same key; and the place of its first event."""

    job: BriefJob
    result: PublishResult


class BriefPage(NamedTuple):
    """A page of briefs. `more`: the `next` of the page, None on the last."""

    jobs: list[BriefJob]
    more: str | None


class BriefRequests:
    """Requests for briefs, by those who may read the entity; and reading, by those who may read all sources."""

    def __init__(
        self,
        ledger: BriefLedger,
        publisher: EventPublisher,
        document_access: DocumentAccess,
        runner: BriefRunner,
        generators: GeneratorNames,
        bounds: BriefBounds,
    ) -> None:
        self._ledger, self._publisher, self._runner = ledger, publisher, runner
        self._document_access = document_access
        self._generators, self._bounds = generators, bounds

    async def request(
        self, asked: BriefRequestPayload, by: Identity, act: RecordAct, key: str | None = None
    ) -> RequestedBrief:
        """Accept a request: the job and `brief_generation_started` are durable when this returns.

        `key` makes a repeated request harmless. Raises BriefRefusedError, KeyConflict, Unavailable, and the errors of
        `act`.
        """
        generator = asked.generator or self._generators.default
        if generator not in self._generators.names:
            served = ", ".join(sorted(self._generators.names))
            text = f"This generator is not served here; name one of {served}, or none"
            raise BriefRefusedError(ErrorCode.INVALID_MESSAGE_FORMAT, text, path="$.payload.generator")
        channel = entity_channel(asked.type, asked.entity_type or "", asked.entity_id)
        await self._check_access(by, channel)
        request_id, named, known = str(uuid.uuid4()), None, None
        if key is not None:
            named = IdempotencyKey(by.user_id, key, sha256(b"brief_request" + msgspec.json.encode(asked)).digest())
            request_id = str(uuid.uuid5(_KEYED, f"{by.user_id} {key}"))
            known = await self._ledger.find(request_id)
        if known is None:
            self._check_room(by, *await self._ledger.open_briefs(channels.user(by.user_id)))
        times = await self._ledger.past_times(asked.type, generator)
        await act(
            Act(
                "request_brief",
                "brief",
                request_id,
                channel,
                before={"open": self._runner.open_of(by.user_id)},
                after={"type": asked.type, "language": asked.language, "generator": generator},
            )
        )
        # Recording it took a moment: other nodes let some in, and what the requester may do can have changed.
        everywhere = (0, 0) if known is not None else await self._ledger.open_briefs(channels.user(by.user_id))
        await self._check_access(by, channel)
        now = self._ledger.now()
        one = estimate(times, _DEFAULT_MS.get(generator, _OTHER_DEFAULT_MS))
        job = BriefJob(
            request_id=request_id,
            requester=Requester.of(by),
            type=asked.type,
            entity_type=asked.entity_type or "",
            entity_id=asked.entity_id,
            language=asked.language,
            generator=generator,
            created_at=now,
            changed_at=now,
            estimated_time=one + self._runner.expected_wait(one),
            node=self._runner.node,
        )
        if known is None:
            self._check_room(by, *everywhere)
            self._runner.expect(job)
        try:
            _, (result,) = await self._ledger.commit(None, job, [_started(job)], key=named)
        except Moved:  # the key is older than the store remembers, or the same request came twice at once
            result = PublishResult(job.owner_channel, None, None, repeated=True)
        except BaseException:
            if known is None:  # it may be durable, or another's under the same key: it counts until that is known
                self._runner.doubt(request_id)
            raise
        if not result.repeated:
            self._runner.put(job)
            return RequestedBrief(job, result)
        if known is None:
            self._runner.doubt(request_id)  # until it is found
        found = known or await self._ledger.find(request_id)
        if found is not None:
            self._runner.found(found.job)
        if found is None or not _is_same(found.job, asked):
            raise KeyConflict("The idempotency key was used with another body: take a new key")
        return RequestedBrief(found.job, result)

    async def read(self, request_id: str, by: Identity) -> tuple[BriefJob, FinishedBrief | None] | None:
        """Return a brief and its text; None where there is none that the user may read.

        It is its requester's, or an operator's, and may be read as long as all its sources may. Raises Unavailable.
        """
        kept = await self._ledger.find(request_id)
        if kept is None or not self.may_read(kept.job, by):
            return None
        finished = await self._ledger.finished(request_id) if kept.job.state == "complete" else None
        return (kept.job, finished) if self.may_read(kept.job, by) else None

    async def page(self, by: Identity, after: ListPlace | None, limit: int) -> BriefPage:
        """Return the user's briefs, or everybody's for `admin:*`: open ones first, then the newest.

        A page may be short, or empty, and yet have a `next`: enough was looked at. Raises Unavailable.
        """
        label = ALL if decide_operator(by).allowed else channels.user(by.user_id)
        page = await self._ledger.pages.page(KIND, label, after, limit, lambda one: self._reads(one, by))
        return BriefPage([self._ledger.read(record).job for record in page.records], page.more)

    def _reads(self, record: Record, by: Identity) -> bool:
        return self.may_read(self._ledger.read(record).job, by)

    def place(self, text: str) -> ListPlace | None:
        """Return the place that the `next` of a page names; None for any other text."""
        order, _, key = text.partition("-")
        return ListPlace(order, key) if _ORDER.fullmatch(order) and key else self._ledger.pages.opened(text)

    def may_read(self, job: BriefJob, by: Identity) -> bool:
        """Return whether a user may read a brief now."""
        own = by.user_id == job.requester.user_id
        if not own and not decide_operator(by).allowed:
            return False
        return self._publisher.shown_to(by, tuple(dict.fromkeys((job.owner_channel, job.channel, *job.sources))))

    def level(self, job: BriefJob) -> Level:
        """Return the highest level of the channels that a brief is about, for the journal."""
        return self._publisher.derived((job.owner_channel, job.channel, *job.sources)).level.label  # type: ignore[return-value]  # labels are the Literal

    async def _check_access(self, by: Identity, channel: str) -> None:
        if not await self._document_access.may_read(by, channel):
            text = "Insufficient permissions to request a brief about this entity"
            raise BriefRefusedError(ErrorCode.PERMISSION_DENIED, text)

    def _check_room(self, by: Identity, everywhere: int = 0, of_user: int = 0) -> None:
        """Refuse one more brief than may be open: on this node, where some are not durable yet, and on all."""
        if max(self._runner.open_of(by.user_id), of_user) >= self._bounds.per_user:
            text = f"You have {self._bounds.per_user} briefs under way; wait until one ends, or cancel one"
            raise BriefRefusedError(ErrorCode.RATE_LIMIT_EXCEEDED, text, retry_after=_QUEUE_RETRY_SECONDS)
        if max(self._runner.open, everywhere) >= self._bounds.queue:
            text = f"Too many briefs wait already; ask again in {_QUEUE_RETRY_SECONDS} s"
            raise BriefRefusedError(ErrorCode.SERVICE_UNAVAILABLE, text, retry_after=_QUEUE_RETRY_SECONDS)


def _is_same(job: BriefJob, asked: BriefRequestPayload) -> bool:
    """Return whether a job is the one that a request asks for; its generator may have been the default."""
    return (job.type, job.entity_type, job.entity_id, job.language) == (
        asked.type,
        asked.entity_type or "",
        asked.entity_id,
        asked.language,
    ) and asked.generator in (None, job.generator)


def _started(job: BriefJob) -> BriefStarted:
    payload = BriefStartedPayload(job.type, job.entity_id, job.estimated_time)
    started: BriefStarted = BriefStarted(request_id=job.request_id, payload=payload, channel=job.owner_channel)
    return started

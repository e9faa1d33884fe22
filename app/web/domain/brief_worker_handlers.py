"""Briefs in the hands of external programs: claiming one, and reporting about it (docs/protocol.md#workers)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TypeVar

from app.services.briefs.rows import brief_row, brief_source
from app.services.briefs.workers import BadReportError, BriefOverError, WorkerDeniedError, WorkerText
from app.services.errors import Unavailable
from app.web.operators.operator_handler import OperatorHandler
from dossier_realtime.protocol.classification import HIGHEST
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.http import forms

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from app.core.briefs.job import BriefJob
    from app.journal.acts import Verb
    from app.services.briefs.workers import BriefWorkers
    from dossier_realtime.protocol.authorization import Identity

F = TypeVar("F")


class BriefWorkerHandler(OperatorHandler):
    """The checks that the calls of workers share."""

    level = HIGHEST

    @property
    def workers(self) -> BriefWorkers:
        """The claims and reports."""
        return self.context.domain.brief_jobs.workers

    async def worker(self) -> Identity | None:
        """Return the caller, if a program that may write briefs for all users; answer 401 or 403 otherwise."""
        identity = await self.authenticate()
        if identity is None:
            return None
        if not self.require(lambda: self.workers.is_worker(identity)):
            self.forbid()
            return None
        return identity

    async def report(self, request_id: str, form: type[F], take: Callable[[F, Identity], Awaitable[BriefJob]]) -> None:
        """Read the body of a report, take it, and answer with the state of the brief."""
        identity = await self.worker()
        if identity is None or not self.check_id(request_id):
            return
        body = self.read_body(form)
        if body is None:
            return
        try:
            job = await take(body, identity)
        except WorkerDeniedError:
            self.forbid()
        except BriefOverError:
            text = "This brief has ended: write it no further"
            self.refuse(409, ErrorCode.VERSION_CONFLICT, text)
        except BadReportError as wrong:
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, str(wrong), path=wrong.path)
        except Unavailable:
            self.unavailable()
        else:
            self.level = self.workers.level(job)
            self.answer(brief_row(job))


class BriefClaimHandler(BriefWorkerHandler):
    """`POST /v1/briefs/claim`: a waiting brief, with the facts that it may rest on; 404 where none waits."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"post": ("claim_brief",)}

    async def post(self) -> None:
        """Take a brief."""
        identity = await self.worker()
        body = None if identity is None else self.read_body(forms.BriefClaim)
        if identity is None or body is None:
            return
        try:
            claimed = await self.workers.claim(body.types, identity, self.act)
        except Unavailable:
            self.unavailable()
            return
        if claimed is None:
            self.set_header("Retry-After", "2")
            self.refuse(404, ErrorCode.NOT_FOUND, "No brief waits that you may write; ask again in 2 s")
            return
        self.level = self.workers.level(claimed.job)
        self.answer(
            forms.ClaimedBriefAnswer(
                brief=brief_row(claimed.job),
                facts=[brief_source(fact) for fact in claimed.facts],
                lease=claimed.lease.token,
                lease_seconds=self.workers.lease_seconds,
            )
        )


class BriefProgressHandler(BriefWorkerHandler):
    """`POST /v1/briefs/{request_id}/progress`: a step; it prolongs the lease, also where it says nothing new."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"post": ("report_brief",)}

    async def post(self, request_id: str) -> None:
        """Take the step."""

        async def take(body: forms.BriefWorkerProgress, by: Identity) -> BriefJob:
            step = (body.stage, body.progress, body.message)
            return await self.workers.progress(request_id, body.lease, step, by, self.act)

        await self.report(request_id, forms.BriefWorkerProgress, take)


class BriefCompleteHandler(BriefWorkerHandler):
    """`POST /v1/briefs/{request_id}/complete`: the finished text."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"post": ("report_brief",)}
    max_body = 512 * 1024
    too_big = f"The body is bigger than {max_body} bytes; a brief has at most 30,000 characters a language: shorten it"

    async def post(self, request_id: str) -> None:
        """Take the text, and end the brief."""

        async def take(body: forms.BriefWorkerText, by: Identity) -> BriefJob:
            text = WorkerText(body.text.en, body.text.ar, body.sources, body.confidence_score, body.model)
            return await self.workers.complete(request_id, body.lease, text, by, self.act)

        await self.report(request_id, forms.BriefWorkerText, take)


class BriefFailedHandler(BriefWorkerHandler):
    """`POST /v1/briefs/{request_id}/failed`: the worker gives up; the brief fails, and the template is the fallback."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"post": ("report_brief",)}

    async def post(self, request_id: str) -> None:
        """End the brief."""

        async def take(body: forms.BriefWorkerFailure, _: Identity) -> BriefJob:
            return await self.workers.fail(request_id, body.lease, body.error, self.act)

        await self.report(request_id, forms.BriefWorkerFailure, take)

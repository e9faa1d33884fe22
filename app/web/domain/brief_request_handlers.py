"""Briefs on request over HTTP: asking, reading, listing (docs/protocol.md#briefs-on-request)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from app.services.briefs.requests import BriefRefusedError
from app.services.briefs.rows import brief_answer, brief_row
from app.services.errors import KeyConflict, Unavailable
from app.web.operators.operator_handler import OperatorHandler
from app.web.operators.pages import MAX_ROWS
from dossier_realtime.protocol.authorization import decide_operator
from dossier_realtime.protocol.classification import HIGHEST
from dossier_realtime.protocol.commands import BriefRequestPayload
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.http.forms import BriefPageAnswer, RequestedBriefAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.journal.acts import Verb

_KEY = re.compile(r"[\x21-\x7e]{1,64}")


class BriefListHandler(OperatorHandler):
    """`POST /v1/briefs`: ask for one; `GET /v1/briefs?after=&limit=`: one's own, or all for `admin:*`."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"post": ("request_brief",)}
    polled = True

    async def post(self) -> None:
        """Ask for a brief; answered when it is durable that it was asked for."""
        self.level = HIGHEST
        identity = await self.authenticate()
        body = None if identity is None else self.read_body(BriefRequestPayload)
        if identity is None or body is None:
            return
        keys = self.request.headers.get_list("Idempotency-Key")
        if len(keys) > 1 or (keys and _KEY.fullmatch(keys[0]) is None):
            text = "An Idempotency-Key is one header of 1 to 64 ASCII characters without blanks; send a UUID"
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, text)
            return
        requests, started = self.context.domain.brief_jobs.requests, self.now()
        try:
            asked = await requests.request(body, identity, self.act, keys[0] if keys else None)
        except BriefRefusedError as refused:
            self._refuse_request(refused)
        except KeyConflict:
            text = "This Idempotency-Key was used with another body; make a new one"
            self.refuse(409, ErrorCode.INVALID_MESSAGE_FORMAT, text)
        except Unavailable:
            self.unavailable()
        else:
            self.unchanged = asked.result.repeated
            self.level = requests.level(asked.job)
            self.record_published([asked.result], started)
            self.set_header("Location", f"/v1/briefs/{asked.job.request_id}")
            self.answer(RequestedBriefAnswer(asked.job.request_id, asked.job.estimated_time), 202)

    async def get(self) -> None:
        """Answer with a page of briefs, open ones first, then the newest."""
        identity = await self.authenticate()
        limit = None if identity is None else self.query_number("limit", MAX_ROWS, 1, MAX_ROWS)
        if identity is None or limit is None:
            return
        requests = self.context.domain.brief_jobs.requests
        asked = self.get_query_argument("after", "")
        after = requests.place(asked)
        if asked and after is None:
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, "after is what `next` of the page before says")
            return
        try:
            page = await requests.page(identity, after, limit)
        except Unavailable:
            self.unavailable()
            return
        rows = [brief_row(job, requests.level(job)) for job in page.jobs if requests.may_read(job, identity)]
        self.answer(BriefPageAnswer(rows, page.more))

    def _refuse_request(self, refused: BriefRefusedError) -> None:
        if refused.code is ErrorCode.PERMISSION_DENIED:
            self.forbid()
            return
        statuses = {ErrorCode.RATE_LIMIT_EXCEEDED: 429, ErrorCode.SERVICE_UNAVAILABLE: 503}
        if refused.retry_after is not None:
            self.set_header("Retry-After", str(refused.retry_after))
        path = None if refused.path == "$" else refused.path.replace("$.payload", "$", 1)
        self.refuse(statuses.get(refused.code, 400), refused.code, str(refused), path=path)


class BriefHandler(OperatorHandler):
    """`GET /v1/briefs/{request_id}`: the state of a brief, and its text and sources when it is complete."""

    level = HIGHEST

    async def get(self, request_id: str) -> None:
        """Answer with the brief, to its requester or an operator who may read its sources."""
        identity = await self.authenticate()
        if identity is None or not self.check_id(request_id):
            return
        requests = self.context.domain.brief_jobs.requests
        try:
            found = await requests.read(request_id, identity)
        except Unavailable:
            self.unavailable()
            return
        if found is not None:
            job, finished = found
            self.level = requests.level(job)
            self.require(lambda: requests.may_read(job, identity))
            self.answer(brief_answer(job, finished, requests.level(job)))
        elif decide_operator(identity).allowed:
            self.refuse(404, ErrorCode.NOT_FOUND, "There is no such brief")
        else:
            self.refuse(403, ErrorCode.PERMISSION_DENIED, "Insufficient permissions for this call")

"""Commitments over HTTP: registering, reading and listing them, and what people do about them.

Source: docs/protocol.md#commitments.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, ClassVar

from app.services.commitments.lists import DryRunSpan, TooMany
from app.services.commitments.registry import CommitmentChange, NoCommitment, NotAllowed
from app.services.commitments.rows import commitment_row, planned_row
from app.services.errors import DomainFactError, Unavailable
from app.services.quotas import QuotaExceeded
from app.web.operators.operator_handler import OperatorHandler
from app.web.operators.pages import MAX_ROWS
from dossier_realtime.protocol.classification import HIGHEST
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.http.commitments import (
    CommitmentBody,
    CommitmentDeleted,
    CommitmentPage,
    DelegateBody,
    DryRunAnswer,
    SnoozeBody,
)
from dossier_realtime.recording.commitments.dry_run import changed_policy
from dossier_realtime.recording.commitments.planned_page import AlertPlace
from dossier_realtime.recording.moments import unix

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from app.journal.acts import Verb
    from app.services.commitments.registry import CommitmentRegistry
    from dossier_realtime.protocol.authorization import Identity

_YEARS = range(2000, 2200)
_MAX_AHEAD_SECONDS = 3_660 * 86_400
_NO_COMMITMENT = "There is no such commitment, or none that you may see"


class CommitmentCallHandler(OperatorHandler):
    """The refusals that calls about commitments share."""

    level = HIGHEST

    @property
    def commitments(self) -> CommitmentRegistry:
        """The service behind the calls."""
        return self.context.domain.commitments

    async def change(self, work: Callable[[], Awaitable[CommitmentChange]]) -> CommitmentChange | None:
        """Return the commitment after a change that was recorded; answer where it cannot be made."""
        started = self.now()
        try:
            changed = await work()
        except NoCommitment:
            self.refuse(404, ErrorCode.NOT_FOUND, _NO_COMMITMENT)
        except (NotAllowed, DomainFactError):
            self.forbid()
        except QuotaExceeded as enough:
            if enough.retry_after is not None:
                self.set_header("Retry-After", str(enough.retry_after))
            self.refuse(400 if enough.retry_after is None else 429, enough.code, str(enough))
        except Unavailable:
            self.unavailable()
        else:
            self.unchanged = changed.unchanged
            forms = (one for one in (changed.before, changed.commitment) if one is not None)
            self.level = max(map(self.commitments.climbing.level, forms)).label
            if changed.results:
                self.record_published(changed.results, started)
            return changed
        return None

    def check_mou(self, mou_id: str) -> bool:
        """Return whether the MoU of a query can be one's id, or is not given; answer 400 where not."""
        return not mou_id or self.check_id(mou_id)

    def refuse_place(self) -> None:
        """Answer 400 for an `after` that no page said."""
        text = "after is what `next` of the page before says; without it, the list begins anew"
        self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, text, path="after")

    def check_until(self, until: int) -> bool:
        """Return whether a time is in the future, and in the next ten years; answer 400 where not."""
        now = self.context.access.clock().wall
        if now < until <= now + _MAX_AHEAD_SECONDS:
            return True
        text = "until is Unix seconds in the future, ten years from now at most"
        self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, text, path="$.until")
        return False


class CommitmentHandler(CommitmentCallHandler):
    """`PUT|GET|DELETE /v1/commitments/{id}`."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"put": ("register_commitment",), "delete": ("delete_commitment",)}

    async def put(self, commitment_id: str) -> None:
        """Register a commitment, or change it; the answer is the commitment."""
        identity = await self.authenticate()
        if identity is None or not self.check_id(commitment_id):
            return
        body = self.read_body(CommitmentBody)
        if body is None or not self._fits(body):
            return
        if not self.require(lambda: self.commitments.may_register(identity, body)):
            self.forbid()
            return
        changed = await self.change(lambda: self.commitments.register(commitment_id, body, identity, self.act))
        if changed is not None:
            self.answer(commitment_row(changed.commitment, self.commitments))

    async def get(self, commitment_id: str) -> None:
        """Answer with a commitment and its state."""
        identity = await self.authenticate()
        if identity is None or not self.check_id(commitment_id):
            return
        try:
            commitment = await self.commitments.read(commitment_id, identity)
        except NoCommitment:
            await self._tell_raised(commitment_id, identity)
        except Unavailable:
            self.unavailable()
        else:
            self.level = self.commitments.climbing.level(commitment).label
            self.require(lambda: self.commitments.climbing.may_see(identity, commitment))
            self.answer(commitment_row(commitment, self.commitments))

    async def _tell_raised(self, commitment_id: str, identity: Identity) -> None:
        """Answer with what is known from alerts alone; 404 where that is nothing, or not for the caller."""
        try:
            row = await self.context.domain.standing_commitments.find(commitment_id, identity)
        except Unavailable:
            self.unavailable()
            return
        if row is None:
            self.refuse(404, ErrorCode.NOT_FOUND, _NO_COMMITMENT)
        else:
            self.level = row.classification
            self.answer(row)

    async def delete(self, commitment_id: str) -> None:
        """Remove a commitment: nothing is raised any more."""
        identity = await self.authenticate()
        if identity is None or not self.check_id(commitment_id):
            return
        if await self.change(lambda: self.commitments.delete(commitment_id, identity, self.act)) is not None:
            self.answer(CommitmentDeleted(commitment_id, deleted=True))

    def _fits(self, body: CommitmentBody) -> bool:
        """Return whether the fields fit with each other and with the configuration; answer 400 where not."""
        wrong = None
        types = self.commitments.policy.days_before
        if body.mou_type not in types:
            wrong = f"The type of an MoU is one of: {', '.join(sorted(types))}", "$.mou_type"
        elif not _is_date(body.due_date):
            wrong = f"due_date is a day from {_YEARS[0]} to {_YEARS[-1]}, such as 2027-03-31", "$.due_date"
        elif not body.escalation[0]:
            wrong = "The first level needs a recipient at least", "$.escalation[0]"
        if wrong is None:
            return True
        text, path = wrong
        self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, text, path=path)
        return False


class CommitmentListHandler(CommitmentCallHandler):
    """`GET /v1/commitments?after=&limit=&mou=`: those that the caller may see, open ones first, by their deadlines."""

    polled = True
    level = ""

    async def get(self) -> None:
        """Answer with a page."""
        identity = await self.authenticate()
        limit = None if identity is None else self.query_number("limit", MAX_ROWS, 1, MAX_ROWS)
        if identity is None or limit is None:
            return
        mou, asked = self.get_query_argument("mou", ""), self.get_query_argument("after", "")
        lists = self.commitments.lists
        after = lists.place(asked) if asked else None
        if asked and after is None:
            self.refuse_place()
            return
        if not self.check_mou(mou):
            return
        try:
            page = await self.context.domain.standing_commitments.page(identity, after, mou, limit)
        except Unavailable:
            self.unavailable()
            return
        self.answer(CommitmentPage(page.rows, page.more))


class CommitmentCompleteHandler(CommitmentCallHandler):
    """`POST /v1/commitments/{id}/complete`."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"post": ("complete_commitment",)}

    async def post(self, commitment_id: str) -> None:
        """Complete a commitment; the answer is the same where it was completed before."""
        identity = await self.authenticate()
        if identity is None or not self.check_id(commitment_id) or not self.check_empty_body():
            return
        changed = await self.change(lambda: self.commitments.complete(commitment_id, identity, self.act, self.reason))
        if changed is not None:
            self.answer(commitment_row(changed.commitment, self.commitments))


class CommitmentSnoozeHandler(CommitmentCallHandler):
    """`POST /v1/commitments/{id}/snooze`: nothing is raised before a time."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"post": ("snooze_commitment",)}

    async def post(self, commitment_id: str) -> None:
        """Snooze a commitment."""
        identity = await self.authenticate()
        body = None if identity is None or not self.check_id(commitment_id) else self.read_body(SnoozeBody)
        if identity is None or body is None or not self.check_until(body.until):
            return
        until = body.until
        changed = await self.change(
            lambda: self.commitments.snooze(commitment_id, until, identity, self.act, self.reason)
        )
        if changed is not None:
            self.answer(commitment_row(changed.commitment, self.commitments))


class CommitmentDelegateHandler(CommitmentCallHandler):
    """`POST /v1/commitments/{id}/delegate`: another user receives alerts in place of the caller, until a time."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"post": ("delegate_commitment",)}

    async def post(self, commitment_id: str) -> None:
        """Delegate a commitment."""
        identity = await self.authenticate()
        body = None if identity is None or not self.check_id(commitment_id) else self.read_body(DelegateBody)
        if identity is None or body is None or not self.check_until(body.until):
            return
        to, until = body.to, body.until
        changed = await self.change(
            lambda: self.commitments.delegate(commitment_id, to, until, identity, self.act, self.reason)
        )
        if changed is not None:
            self.answer(commitment_row(changed.commitment, self.commitments))


class CommitmentDryRunHandler(CommitmentCallHandler):
    """`GET /v1/commitments/dry-run?from=&to=&policy=&mou=&after=&limit=`: what would be raised, if nobody acted."""

    level = ""

    async def get(self) -> None:
        """Answer with the alerts between two times under a policy."""
        identity = await self.authenticate()
        limit = None if identity is None else self.query_number("limit", MAX_ROWS, 1, MAX_ROWS)
        if identity is None or limit is None:
            return
        span = self._span()
        if span is None:
            return
        asked = self.get_query_argument("after", "")
        after = AlertPlace.read(asked)
        if asked and after is None:
            self.refuse_place()
            return
        try:
            planned, following = await self.commitments.lists.planned(identity, span, after, limit)
        except TooMany as enough:
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, str(enough), path="mou")
            return
        except Unavailable:
            self.unavailable()
            return
        self.answer(DryRunAnswer([planned_row(alert, commitment) for alert, commitment in planned], following))

    def _span(self) -> DryRunSpan | None:
        """Return the times, the policy and the MoU of the query; answer 400 where they are none."""
        zone = self.commitments.policy.calendar.zone
        found = []
        for name in ("from", "to"):
            text = self.get_query_argument(name, "")
            if not text:
                missing = f"{name} is missing; give a date such as 2027-01-01, a time, or Unix seconds"
                self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, missing, path=name)
                return None
            try:
                found.append(unix(text, zone))
            except ValueError as wrong:
                self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, str(wrong), path=name)
                return None
        begin, end = found
        if end < begin:
            text = "to is before from: exchange them"
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, text, path="to")
            return None
        try:
            policy = changed_policy(self.commitments.policy, self.get_query_argument("policy", ""))
        except ValueError as wrong:
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, str(wrong), path="policy")
            return None
        mou = self.get_query_argument("mou", "")
        return DryRunSpan(policy, begin, end, mou) if self.check_mou(mou) else None


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).year in _YEARS
    except ValueError:
        return False

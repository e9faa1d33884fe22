"""Comments and suggestions on a document over HTTP: made, listed, answered, resolved, accepted and removed.

Source: docs/protocol.md#comments.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from app.core import authorization
from app.core.domain.comments.threads import CommentError
from app.core.domain.documents import EditError
from app.journal.calls import Read
from app.services.commenting.ledger import CommentAct
from app.services.errors import Unavailable
from app.services.quotas import QuotaExceeded
from app.web.domain.document_call_handler import DocumentCallHandler
from dossier_realtime.protocol.authorization import Right, access
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.http.comments import CommentPage, NewComment, NewReply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from app.core.domain.comments.threads import CommentStep
    from app.journal.acts import Verb
    from app.services.commenting.comments import Comments
    from app.services.commenting.ledger import ChangedComment

MAX_COMMENT_ROWS = 100
_NUMBER = re.compile(r"[0-9]{1,15}")
_COMMENT = re.compile(r"[0-9a-f]{16}")
_KEY = re.compile(r"[\x21-\x7e]{1,64}")
_STEPS: Mapping[str, CommentStep] = {"resolve": "resolve", "reopen": "reopen", "reject": "reject", "accept": "accept"}


class CommentCallHandler(DocumentCallHandler):
    """The parts that calls about comments share."""

    @property
    def comments(self) -> Comments:
        """The service behind the calls."""
        return self.context.domain.comments

    async def begin(self, document_id: str) -> CommentAct | None:
        """Return the act of a caller who may write the document; answer where not."""
        channel, identity = await self.open(document_id, Right.WRITE)
        if identity is None:
            return None
        if not self.require(lambda: authorization.send_denial(self.policy, identity, channel) is None):
            self.forbid()
            return None
        keys = self.request.headers.get_list("Idempotency-Key")
        if keys and (len(keys) > 1 or not _KEY.fullmatch(keys[0])):
            text = "An Idempotency-Key is one header of 1 to 64 ASCII characters without blanks; send a UUID"
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, text)
            return None
        return CommentAct(channel, identity, self.act, keys[0] if keys else "")

    async def finish_act(self, work: Callable[[], Awaitable[ChangedComment]]) -> None:
        """Do the work of an act, and answer with the comment as it is then, or with its refusal."""
        try:
            changed = await work()
        except CommentError as refusal:
            self.refuse(refusal.status, refusal.code, refusal.text, path=refusal.path)
        except EditError as refusal:
            if self.recheck():
                self.refuse_edit(refusal, is_base=True)
        except QuotaExceeded as enough:
            if enough.retry_after is not None:
                self.set_header("Retry-After", str(enough.retry_after))
            self.refuse(400 if enough.retry_after is None else 429, enough.code, str(enough))
        except Unavailable:
            self.unavailable()
        else:
            self.unchanged = changed.unchanged
            self.answer(changed.comment)

    def is_comment(self, name: str) -> bool:
        """Return whether an id may be that of a comment; answer 404 where not."""
        if _COMMENT.fullmatch(name):
            return True
        self.refuse(404, ErrorCode.NOT_FOUND, "There is no such comment; it may have been removed")
        return False


class CommentsHandler(CommentCallHandler):
    """`GET|POST /v1/documents/{id}/comments`."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"post": ("add_comment",)}

    async def get(self, document_id: str) -> None:
        """Answer with a page of comments, on the present text."""
        channel, identity = await self.open_existing(document_id)
        if identity is None:
            return
        after, limit = (self.get_query_argument(name, default) for name, default in (("after", "0"), ("limit", "100")))
        if not _NUMBER.fullmatch(after):
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, "after is `next` of the page before")
            return
        if not _NUMBER.fullmatch(limit) or not 1 <= int(limit) <= MAX_COMMENT_ROWS:
            text = f"limit is a whole number from 1 to {MAX_COMMENT_ROWS}"
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, text)
            return
        status = self.get_query_argument("status", "all")
        if status not in ("open", "all"):
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, "status is open or all")
            return
        try:
            rows = await self.comments.page(channel, int(after), int(limit), open_only=status == "open")
        except Unavailable:
            self.unavailable()
            return
        self.read_of = Read(channel)
        self.answer(CommentPage(document_id, rows.version, rows.comments, rows.next))

    async def post(self, document_id: str) -> None:
        """Make a comment, or a suggestion."""
        act = await self.begin(document_id)
        if act is None:
            return
        said = self.read_body(NewComment)
        if said is not None:
            await self.finish_act(lambda: self.comments.add(said, act))


class CommentHandler(CommentCallHandler):
    """`DELETE /v1/documents/{id}/comments/{comment}`."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"delete": ("remove_comment",)}

    async def delete(self, document_id: str, name: str) -> None:
        """Remove a comment: its author's, or any by an administrator of the document."""
        act = await self.begin(document_id)
        if act is None or not self.is_comment(name):
            return
        channel, identity = act.channel, act.identity
        try:
            is_own = await self.comments.author(channel, name) == identity.user_id
        except CommentError as refusal:
            self.refuse(refusal.status, refusal.code, refusal.text)
            return
        except Unavailable:
            self.unavailable()
            return
        right = Right.WRITE if is_own else Right.ADMIN
        if not self.require(lambda: access(identity, right, channel, self.policy).allowed):
            self.forbid()
            return
        await self.finish_act(lambda: self.comments.remove(name, act))


class CommentRepliesHandler(CommentCallHandler):
    """`POST /v1/documents/{id}/comments/{comment}/replies`."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"post": ("reply_comment",)}

    async def post(self, document_id: str, name: str) -> None:
        """Reply to a comment."""
        act = await self.begin(document_id)
        if act is None or not self.is_comment(name):
            return
        said = self.read_body(NewReply)
        if said is not None:
            await self.finish_act(lambda: self.comments.reply(name, said.text, act))


class CommentStepHandler(CommentCallHandler):
    """`POST /v1/documents/{id}/comments/{comment}/{resolve|reopen|accept|reject}`."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"post": ("change_comment",)}

    async def post(self, document_id: str, name: str, step: str) -> None:
        """Resolve or reopen a comment; accept or reject a suggestion."""
        act = await self.begin(document_id)
        wanted = _STEPS.get(step)
        if act is None or not self.is_comment(name):
            return
        if wanted is None:
            self.refuse(404, ErrorCode.NOT_FOUND, "A comment can be resolved, reopened, accepted, rejected or removed")
            return
        if bytes(self.body).strip() not in (b"", b"{}"):
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, "This call has no body; leave it out")
            return
        if wanted == "accept":
            await self.finish_act(lambda: self.comments.suggestions.accept(name, act, self.holds))
        else:
            await self.finish_act(lambda: self.comments.step(name, wanted, act))

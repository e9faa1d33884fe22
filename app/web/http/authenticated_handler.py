"""HTTP calls with a token: authentication, rates, and the entry of each call in the journal.

Rights are checked when the call comes, and again when its answer leaves or its act begins: in between the service
waits for its store, and a revocation, an expiry or a raised classification of that time counts.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import unquote

import tornado.iostream
import tornado.web

from app.core.origin import Origin, origin_now
from app.journal.calls import Call, CallAnswer, Read
from app.journal.initiator import CallText, Initiator
from app.journal.lanes import ActNotRecorded
from app.security.auth import TokenError
from app.services.callers import TokenRevoked
from dossier_realtime.protocol.authorization import Fact, Right, access, decide_operator, may_see
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.plain_text import one_line, without_tokens

from .guarded_handler import GuardedHandler

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from app.core.ratelimit import RateClass
    from app.journal.acts import Act, Outcome, Verb
    from app.services.publisher import PublishResult
    from dossier_realtime.protocol.authorization import Identity
    from dossier_realtime.protocol.classification import ChannelPolicy


_SLICE_BYTES = 1 << 16  # of a long answer, written before the client must have taken them
_MAX_REASON = 500  # characters of X-Reason (percent-encoded UTF-8), and of the query
_MAX_KEY = 64  # characters of an Idempotency-Key


_CHANGING = ("post", "put", "patch", "delete")


class AuthenticatedHandler(GuardedHandler):
    """A handler that requires `Authorization: Bearer`, with the same tokens as the socket.

    A method that changes or exports something has its verbs in `acts`, and calls `act` before it does anything.
    """

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {}
    """The acts that a method may be, by its name in lower case."""
    polled: ClassVar[bool] = False
    """True for a list that dashboards poll: each call is counted, and one a minute is kept in the journal."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for method in _CHANGING:
            if method in cls.__dict__ and not cls.acts.get(method):
                raise TypeError(f"{cls.__name__}.{method} changes something: name its verbs in `acts`, and call `act`")

    level = ""
    """The classification of the subject in the path, for the journal, where that is no channel; HIGHEST until known."""

    def initialize(self) -> None:
        """Set the state of one call."""
        super().initialize()
        self.caller = ""
        self.actor: Initiator | None = None
        self.unchanged = False
        """Set to True by a method that had nothing to change: the outcome of its act."""
        self._identity: Identity | None = None
        self._is_authenticated = False
        self._required: Callable[[], bool] = lambda: True
        self._act: Act | None = None
        self._act_seq = 0
        self._clearance = ""
        self.read_of: Read | None = None
        """Set by a method that answers with events or the text of a channel."""

    @property
    def policy(self) -> ChannelPolicy:
        """The settings of all channels."""
        return self.context.access.policy

    def now(self) -> float:
        """Return the steady clock, in seconds."""
        return self.context.access.clock().steady

    def record_published(self, results: Sequence[PublishResult], started: float) -> None:
        """Count events that the call published; `started` is the steady clock when it began."""
        self.context.records.recorder.record_published(results, self.now() - started)

    async def authenticate(self) -> Identity | None:
        """Return the caller's identity; None where the call was answered with 401 or 429."""
        if not self._is_authenticated:
            self._is_authenticated = True
            self._identity = await self._authenticate()
        return self._identity

    async def check_caller(self) -> None:
        """Verify the token, and count the call to its user, before a body is read.

        A call that is refused ends its connection, so that the body is never read. Where there is no body, this is left
        to the method, and the connection stays open.
        """
        if not self.has_body():
            return
        self.set_header("Connection", "close")  # in case that the answer comes now
        if not self.serves((self.request.method or "").lower()):
            self.write_error(405)
        elif await self.authenticate() is not None:
            self.clear_header("Connection")

    def has_room(self, size: int) -> bool:
        """Charge bytes of the body to the caller's window; answer 413 or 429 where they do not fit."""
        identity, callers = self._identity, self.context.access.callers
        if identity is None:
            return True
        most = callers.limit_of(identity, "bytes")
        if int(self.request.headers.get("Content-Length", "0")) > most:  # no window is long enough
            self.set_header("Connection", "close")
            text = f"The body is bigger than the {most} bytes that you may send in a window; send less at once"
            self.refuse(413, ErrorCode.INVALID_MESSAGE_FORMAT, text)
            return False
        verdict = callers.spend(identity, "bytes", size)
        if not verdict.allowed:
            self.set_header("Connection", "close")
            self._too_many(f"More than {verdict.limit} bytes in this window", verdict.reset_in)
        return verdict.allowed

    def _too_many(self, text: str, wait: int) -> None:
        self.set_header("Retry-After", str(wait))
        self.refuse(429, ErrorCode.RATE_LIMIT_EXCEEDED, f"{text}; wait {wait} s")

    async def _authenticate(self) -> Identity | None:
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        callers = self.context.access.callers
        if scheme.lower() != "bearer" or not token:
            self._unauthorized("Send a token in the Authorization header, as a Bearer")
            return None
        try:
            identity = await callers.authenticate(token)
        except TokenError as refused:
            self.context.records.recorder.record_refused_token(self.request.remote_ip or "", refused.reason, self.now())
            self._unauthorized("The token is not valid; ask for a new one")
            return None
        except TokenRevoked:
            self._unauthorized("The token is not valid; ask for a new one")
            return None
        self._identity = identity
        self.caller, self._clearance = identity.user_id, identity.clearance.label
        token_id, address = identity.token_id or "", self.request.remote_ip or ""
        self.actor = Initiator(identity.user_id, identity.name, token_id, address, f"token:{token_id}")
        rate_class: RateClass = "read" if self.request.method == "GET" else "general"
        verdict = callers.spend(identity, rate_class)
        if not verdict.allowed:
            self._too_many(f"More than {verdict.limit} calls in this window", verdict.reset_in)
            return None
        return identity

    def may_show(self, identity: Identity, channel: str) -> bool:
        """Return whether facts derived from a channel may be shown to the caller."""
        return may_see(identity, Fact((channel,)), self.policy.settings)

    async def authorize_administrator(self, channel: str | None = None) -> Identity | None:
        """Return the caller, if an administrator of the channel, or of all without one; answer 401 or 403 otherwise."""
        identity = await self.authenticate()
        if identity is None:
            return None
        if channel is None:
            good = self.require(lambda: decide_operator(identity).allowed)
        else:
            good = self.require(lambda: access(identity, Right.ADMIN, channel, self.policy).allowed)
        if not good:
            self.forbid()
            return None
        return identity

    def require(self, allowed: Callable[[], bool]) -> bool:
        """Return `allowed()`, and remember it: it is evaluated again before anything is answered or done."""
        self._required = allowed
        return allowed()

    def holds(self) -> bool:
        """Return whether the token is still valid and the condition of `require` still true."""
        return self._token_holds() and self._required()

    def recheck(self) -> bool:
        """Return `holds()`; answer 401 or 403 where it is false. For acts, after each wait and before the act."""
        if self._token_holds():
            if self._required():
                return True
            self.forbid()
        else:
            self._unauthorized("The token is not valid; ask for a new one")
        return False

    def forbid(self) -> None:
        """Answer 403: the caller's rights do not suffice."""
        self._identity = None
        self.refuse(403, ErrorCode.PERMISSION_DENIED, "Insufficient permissions for this call")

    async def act(self, act: Act) -> None:
        """Record an act durably before it is done.

        Raises tornado.web.Finish, after an answer, where it must not be done: the journal took no entry, or the right
        to it was lost meanwhile.
        """
        record = self.context.records.acts
        assert self.actor is not None  # noqa: S101  who calls is known before what is asked is looked at
        assert self._identity is not None  # noqa: S101  likewise
        accepted = self.now()
        act = replace(act, text=self._call_text())
        try:
            self._act_seq = await record.begin(self.actor, act)
        except ActNotRecorded as failed:
            if failed.entry is not None:
                record.end(failed.entry, self.actor, act, "failed", 503)
            self.unavailable()
            raise tornado.web.Finish from failed
        self._act = act
        origin_now.set(Origin(self.actor.user_id, self.actor.via, self._act_seq, accepted))
        if not self.recheck():  # recording it took a moment
            raise tornado.web.Finish

    def answer(self, body: Any, status: int = 200) -> None:
        """Answer; 401 or 403 instead, if this is a read and the right to it was lost. An act is done already.

        Raises RuntimeError where an act is answered that was not recorded: a defect of the method.
        """
        method = (self.request.method or "").lower()
        if status < 400 and method in self.acts and self._act is None:
            raise RuntimeError(f"{type(self).__name__}.{method} did something without calling `act` first")
        if self._identity is None or method not in ("get", "head") or self.recheck():
            super().answer(body, status)

    async def answer_parts(self, parts: Sequence[bytes]) -> None:
        """Answer a read with JSON in parts that several answers may share: they are not copied.

        A client that takes no bytes for `Bounds.stall_seconds` is cut off.
        """
        if self._identity is not None and not self.recheck():
            return
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.set_header("Content-Length", str(sum(map(len, parts))))
        if self.check_etag_header():
            self.clear_header("Content-Length")
            self.read_of = None
            self.set_status(304)
            self.finish()
            return
        if sum(map(len, parts)) <= _SLICE_BYTES:
            parts = (b"".join(parts),)
        try:
            for part in parts:
                for start in range(0, len(part), _SLICE_BYTES):
                    self.write(part[start : start + _SLICE_BYTES])
                    async with asyncio.timeout(self.context.bounds.stall_seconds):
                        await self.flush()
        except (tornado.iostream.StreamClosedError, TimeoutError):
            self._break_off()
            return
        self.finish()

    def _break_off(self) -> None:
        """End the connection in the middle of an answer, and record the call like any other."""
        assert self.request.connection is not None  # noqa: S101  it has begun to answer
        self._finished = True
        stream: tornado.iostream.IOStream = self.request.connection.stream  # type: ignore[attr-defined]  # of HTTP/1
        stream.close()
        self.on_finish()

    def _token_holds(self) -> bool:
        identity = self._identity
        # Before the caller is known there is no right that could be lost.
        return identity is None or self.context.access.callers.is_valid(identity)

    def on_finish(self) -> None:
        """Count the call, keep it in the journal if its caller is known, and record the outcome of its act."""
        status = self.get_status()
        method, path = self.request.method or "", without_tokens(self.request.path)
        initiator = self.actor or Initiator("", address=self.request.remote_ip or "")
        read = self.read_of if status < 400 else None
        if read is not None:
            read = replace(read, clearance=self._clearance)
        answer = CallAnswer(status, self._act_seq, read)
        call = Call(method, path, answer, initiator, self._call_text(), self.level, self.polled)
        self.context.records.recorder.record_call(call)
        if self._act is not None and self.actor is not None:
            outcome: Outcome = "failed" if status >= 400 else "unchanged" if self.unchanged else "done"
            self.context.records.acts.end(self._act_seq, self.actor, self._act, outcome, status)
        super().on_finish()

    def _call_text(self) -> CallText:
        """Return the text of the call beside its path, without tokens and on one line."""
        headers = self.request.headers
        return CallText(
            without_tokens(self.request.query)[:_MAX_REASON],
            without_tokens(one_line(unquote(headers.get("X-Reason", ""))))[:_MAX_REASON],
            without_tokens(one_line(headers.get("Idempotency-Key", "")))[:_MAX_KEY],
        )

    def _unauthorized(self, message: str) -> None:
        self._identity = None
        if not self.admit_anonymous():
            return
        self.set_header("WWW-Authenticate", "Bearer")
        self.refuse(401, ErrorCode.INVALID_TOKEN, message)

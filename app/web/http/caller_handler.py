"""Callers with a token: their authentication, their rates, and their rights.

Rights are checked when the call comes, and again when its answer leaves or its act begins: in between the service
waits for its store, and a revocation, an expiry or a raised classification of that time counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.journal.initiator import Initiator
from app.security.auth import KeysUnavailable, TokenError
from app.services.callers import TokenRevoked
from dossier_realtime.protocol.authorization import Fact, Right, access, decide_operator, may_see
from dossier_realtime.protocol.errors import ErrorCode

from .guarded_handler import GuardedHandler

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.core.ratelimit import RateClass
    from dossier_realtime.protocol.authorization import Identity
    from dossier_realtime.protocol.classification import ChannelPolicy

BYTES: Final = "bytes"
NO_KEYS: Final = "The keys that verify tokens cannot be fetched now; try again later"


class CallerHandler(GuardedHandler):
    """A handler that knows its caller by `Authorization: Bearer`, with the same tokens as the socket."""

    def initialize(self) -> None:
        """Set the state of one call."""
        super().initialize()
        self.caller = ""
        self._clearance = ""
        self.actor: Initiator | None = None
        self._identity: Identity | None = None
        self._is_authenticated = False
        self._required: Callable[[], bool] = lambda: True

    @property
    def policy(self) -> ChannelPolicy:
        """The settings of all channels."""
        return self.context.access.policy

    def now(self) -> float:
        """Return the steady clock, in seconds."""
        return self.context.access.clock().steady

    async def authenticate(self) -> Identity | None:
        """Return the caller's identity; None where the call was answered with 401, 429 or 503."""
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
        most = callers.limit_of(identity, BYTES)
        if int(self.request.headers.get("Content-Length", "0")) > most:  # no window is long enough
            self.set_header("Connection", "close")
            text = f"The body is bigger than the {most} bytes that you may send in a window; send less at once"
            self.refuse(413, ErrorCode.INVALID_MESSAGE_FORMAT, text)
            return False
        verdict = callers.spend(identity, BYTES, size)
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
        except KeysUnavailable as undecided:  # the caller is not known: the call counts to its address
            recorder = self.context.records.recorder
            recorder.record_refused_token(self.request.remote_ip or "", undecided.reason, self.now())
            if self.admit_anonymous():
                self.unavailable(NO_KEYS)
            return None
        self._identity = identity
        self.caller, self._clearance = identity.user_id, identity.clearance.label
        token_id, address = identity.token_id or "", self.request.remote_ip or ""
        self.actor = Initiator(identity.user_id, identity.name, token_id, address, f"token:{token_id}")
        rate_class: RateClass = "read" if self.request.method == "GET" else "general"
        for needed in (BYTES, rate_class):  # in this order: the calls are spent right after
            await callers.cover(identity, needed)
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

    def _token_holds(self) -> bool:
        identity = self._identity
        # Before the caller is known there is no right that could be lost.
        return identity is None or self.context.access.callers.is_valid(identity)

    def _unauthorized(self, message: str) -> None:
        self._identity = None
        if not self.admit_anonymous():
            return
        self.set_header("WWW-Authenticate", "Bearer")
        self.refuse(401, ErrorCode.INVALID_TOKEN, message)

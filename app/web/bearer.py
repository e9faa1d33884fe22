"""HTTP calls with a token: who calls, how often, and what the journal keeps of it.

A right is looked at when the call comes, and again when its answer leaves or its act begins: in between the service
waits for its store, and a revocation, an expiry or a raised classification of that time counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from app.auth import TokenRefused
from dossier_realtime.protocol.authorization import Right, decide, decide_operator
from dossier_realtime.protocol.errors import ErrorCode

from .guard import Guarded

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.core.ratelimit import RateClass
    from app.node.node import Node
    from dossier_realtime.protocol.authorization import Identity


_REASON = 500  # characters of why somebody did it, as they said in X-Reason (percent-encoded UTF-8)


class Bearer(Guarded):
    """A door that asks for `Authorization: Bearer`, with the same tokens as the socket."""

    def initialize(self) -> None:
        super().initialize()
        self._identity: Identity | None = None
        self._is_identified = False
        self._demanded: Callable[[], bool] = lambda: True

    @property
    def node(self) -> Node:
        """The node behind the door."""
        node: Node = self.settings["node"]
        return node

    async def identify(self) -> Identity | None:
        """Who calls; None where that was answered, with 401 or 429."""
        if not self._is_identified:
            self._is_identified = True
            self._identity = await self._identify()
        return self._identity

    async def check_caller(self) -> None:
        """Before a body is read, verify the token and count the call to its user; refuse, and end the connection, where
        nobody known calls. Without a body that can wait for the method: then the connection may go on."""
        if not self.has_body():
            return
        self.set_header("Connection", "close")  # in case that the answer comes now
        if not self.serves((self.request.method or "").lower()):
            self.write_error(405)
        elif await self.identify() is not None:
            self.clear_header("Connection")

    async def _identify(self) -> Identity | None:
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        node, at = self.node, self.node.clock()
        if scheme.lower() != "bearer" or not token:
            self._unauthorized("Send a token in the Authorization header, as a Bearer")
            return None
        try:
            identity = await node.verifier.check(token, at.wall)
        except TokenRefused as refused:
            node.witness.token_refused(self.request.remote_ip or "", refused.reason, at.steady)
            self._unauthorized("The token is not valid; ask for a new one")
            return None
        if node.engine.revocations.is_revoked(identity.user_id, identity.token_id, identity.issued_at):
            self._unauthorized("The token is not valid; ask for a new one")
            return None
        self._identity = identity
        self.caller = identity.user_id
        rate_class: RateClass = "read" if self.request.method == "GET" else "general"
        verdict = node.engine.rates.limiter.spend(identity.user_id, identity.role, rate_class, at.steady)
        if not verdict.allowed:
            self.set_header("Retry-After", str(verdict.reset_in))
            text = f"More than {verdict.limit} calls in this window; wait {verdict.reset_in} s"
            self.refuse(429, ErrorCode.RATE_LIMIT_EXCEEDED, text)
            return None
        return identity

    async def administrator(self, channel: str | None = None) -> Identity | None:
        """Who calls, if an administrator of the channel, or of all; answers itself where not."""
        identity = await self.identify()
        if identity is None:
            return None
        if channel is None:
            good = self.demand(lambda: decide_operator(identity).allowed)
        else:
            policy = self.node.policy
            good = self.demand(lambda: decide(identity, Right.ADMIN, channel, policy.settings(channel)).allowed)
        if not good:
            self.forbid()
            return None
        return identity

    def demand(self, allowed: Callable[[], bool]) -> bool:
        """Return whether the caller is allowed; the same is asked again before anything is answered or done."""
        self._demanded = allowed
        return allowed()

    def holds(self) -> bool:
        """Return whether the token is still good and what was demanded still true."""
        return self._token_holds() and self._demanded()

    def still(self) -> bool:
        """Return `holds()`; answer 401 or 403 where it is false. For acts, after each wait and before the act."""
        if self._token_holds():
            if self._demanded():
                return True
            self.forbid()
        else:
            self._unauthorized("The token is not valid; ask for a new one")
        return False

    def forbid(self) -> None:
        """Answer that the caller has no right to this."""
        self._identity = None
        self.refuse(403, ErrorCode.PERMISSION_DENIED, "Insufficient permissions for this call")

    def answer(self, body: Any, status: int = 200) -> None:
        """Answer, unless this is a read and the right to it is gone: then 401 or 403. An act that is done is done."""
        if self._identity is None or self.request.method not in ("GET", "HEAD") or self.still():
            super().answer(body, status)

    def _token_holds(self) -> bool:
        identity, node = self._identity, self.node
        if identity is None:
            return True  # nobody was let in yet: nothing of theirs can be lost
        revoked = node.engine.revocations.is_revoked(identity.user_id, identity.token_id, identity.issued_at)
        return not revoked and node.clock().wall < identity.expires_at

    def on_finish(self) -> None:
        """Every call is counted, and every call by somebody known is in the journal."""
        status = self.get_status()
        reason = unquote(self.request.headers.get("X-Reason", ""))[:_REASON]
        self.node.witness.called(self.request.method or "", self.request.path, status, self.caller, reason)
        super().on_finish()

    def _unauthorized(self, message: str) -> None:
        self._identity = None
        if not self.counted_as_stranger():
            return
        self.set_header("WWW-Authenticate", "Bearer")
        self.refuse(401, ErrorCode.INVALID_TOKEN, message)

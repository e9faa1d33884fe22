"""Callers over HTTP: their verified tokens, and the share of a rate window that is left for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.core.instant import Instant
    from app.core.ratelimit import RateClass, Verdict
    from app.engine.ports.limits import RateStore
    from app.engine.ports.sessions import RevocationStore
    from dossier_realtime.protocol.authorization import Identity


class TokenRevoked(Exception):
    """The token, or all of its user's tokens issued until then, were revoked."""


class Verifier(Protocol):
    """The part of a token verifier that callers need."""

    async def check(self, token: str, now: float) -> Identity:
        """Return the identity that a token proves at `now` (Unix seconds). Raises TokenError and KeysUnavailable."""


class Callers:
    """Authenticate callers, and charge their calls to the same windows as their messages over the socket."""

    def __init__(
        self,
        verifier: Verifier,
        revocations: RevocationStore,
        rates: RateStore,
        clock: Callable[[], Instant],
        seen: Callable[[Identity], None] = lambda identity: None,
    ) -> None:
        """`seen` is called with each identity whose token is good."""
        self._verifier = verifier
        self._revocations = revocations
        self._rates, self._limiter = rates, rates.limiter
        self._clock = clock
        self._seen = seen

    async def authenticate(self, token: str) -> Identity:
        """Return the identity that a token proves. Raises TokenError, TokenRevoked and KeysUnavailable."""
        identity = await self._verifier.check(token, self._clock().wall)
        if self._is_revoked(identity):
            raise TokenRevoked
        self._seen(identity)
        return identity

    def is_valid(self, identity: Identity) -> bool:
        """Return whether the token that proved this identity has neither expired nor been revoked since."""
        return not self._is_revoked(identity) and self._clock().wall < identity.expires_at

    async def cover(self, identity: Identity, rate_class: RateClass, amount: int = 1) -> None:
        """Ask for so much of the caller's window that `spend` may judge on this node; call it first."""
        if not self._rates.covered(identity.user_id, identity.role, rate_class, self._clock().steady, amount):
            await self._rates.cover(identity.user_id, identity.role, rate_class, amount)

    def spend(self, identity: Identity, rate_class: RateClass, amount: int = 1) -> Verdict:
        """Charge messages, calls or bytes to the caller's window, and return whether they fit in it."""
        return self._limiter.spend(identity.user_id, identity.role, rate_class, self._clock().steady, amount)

    def limit_of(self, identity: Identity, rate_class: RateClass) -> int:
        """Return the whole of a window: more than this can never be spent at once."""
        return self._limiter.limit_of(identity.user_id, identity.role, rate_class, self._clock().steady)

    def _is_revoked(self, identity: Identity) -> bool:
        return self._revocations.is_revoked(identity.user_id, identity.token_id, identity.issued_at)

"""Who is logged in. A cookie holds a number that means nothing elsewhere; the token stays in this process."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from dashboard.viewer import LEVELS, DashboardRole

COOKIE = "dossier-dashboard"
MOST = 500  # people logged in at once; who was away longest gives way
_T = TypeVar("_T")
_MOST_VISITS = 200  # pages that one login may open; older ones cannot be come back to


class _Claims(msgspec.Struct):
    sub: str
    exp: float
    name: str | None = None
    role: str | None = None
    clearance: str | None = None


@dataclass(slots=True)
class Visitor:
    """Somebody who is logged in. `visits`: the pages opened, by a name that is good for nothing but that page.

    `through_provider`: by the identity provider, where they stay logged in when they leave here.
    """

    key: str
    token: str
    user_id: str
    name: str
    role: DashboardRole
    clearance: str
    expires_at: float
    address: str
    active_at: float
    through_provider: bool = False
    visits: dict[str, None] = field(default_factory=dict)


class Visitors:
    """Everybody who is logged in, until they are idle, their token ends, or they leave."""

    def __init__(
        self, roles: Mapping[str, DashboardRole], idle_seconds: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._roles = roles
        self._idle = idle_seconds
        self._clock = clock
        self._visitors: dict[str, Visitor] = {}

    def now(self) -> float:
        """Unix seconds, by the clock that logins go by."""
        return self._clock()

    def admit(self, token: str, address: str, *, through_provider: bool = False) -> Visitor | None:
        """Let somebody in whose token the service has just accepted; None where the token's role may not."""
        claims = claims_of(token, _Claims)
        role = self._roles.get(claims.role or "")
        if role is None:
            return None
        now = self._clock()
        clearance = claims.clearance if claims.clearance in LEVELS else "internal"
        key = secrets.token_urlsafe(32)
        visitor = Visitor(
            key,
            token,
            claims.sub,
            claims.name or claims.sub,
            role,
            clearance,
            claims.exp,
            address,
            now,
            through_provider,
        )
        self._visitors[key] = visitor
        if len(self._visitors) > MOST:
            del self._visitors[min(self._visitors, key=lambda known: self._visitors[known].active_at)]
        return visitor

    def known(self, key: str, address: str) -> Visitor | None:
        """Whose cookie this is, if they are still let in, from that address."""
        visitor = self._visitors.get(key)
        if visitor is None or visitor.address != address or not self.stays(visitor):
            return None
        return visitor

    def stays(self, visitor: Visitor) -> bool:
        """Whether the login still holds."""
        now = self._clock()
        if now >= visitor.expires_at or now - visitor.active_at > self._idle:
            self.leave(visitor)
        return visitor.key in self._visitors

    def touch(self, visitor: Visitor) -> None:
        """The visitor did something."""
        visitor.active_at = self._clock()

    def leave(self, visitor: Visitor) -> None:
        """Log out, on all pages."""
        self._visitors.pop(visitor.key, None)

    def visit(self, visitor: Visitor) -> str:
        """A name for the page that is being opened."""
        self.touch(visitor)
        name = secrets.token_urlsafe(16)
        visitor.visits[name] = None
        if len(visitor.visits) > _MOST_VISITS:
            del visitor.visits[next(iter(visitor.visits))]
        return name

    def who_opened(self, visit: str) -> Visitor | None:
        """Whose page that is."""
        return next((visitor for visitor in self._visitors.values() if visit in visitor.visits), None)


def claims_of(token: str, kind: type[_T]) -> _T:
    """What a token says. Its signature is checked by the service, which holds the key: nothing is proven here."""
    body = token.split(".")[1]
    decoded: Any = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    return msgspec.json.decode(decoded, type=kind)

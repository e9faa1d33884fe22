"""Visitors that are logged in. A cookie holds a number that means nothing elsewhere; the token stays in this process.

A login ends with its token, when it is idle, when its bearer leaves, and when the service says so. Whatever goes on for
it (pages, recordings that are being made) ends with it.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import msgspec

from dashboard.screen.viewer import DashboardRole
from dossier_realtime.protocol.authorization import Grant, Identity
from dossier_realtime.protocol.classification import LEVELS, Clearance
from dossier_realtime.protocol.plain_text import one_line

COOKIE = "dossier-dashboard"
HOST_COOKIE = f"__Host-{COOKIE}"
"""The cookie's name where browsers come by TLS: they take one of this name only from this very host and over TLS, so
that no neighbour under the same domain can plant it (RFC 6265bis)."""
MOST = 500  # logins at once: with so many nobody else is let in, and nobody loses a login to a stranger
MOST_OF_ONE = 10  # logins of one person; of more, the one that was away longest ends
_REMEMBERED = 1_000  # endings that logins which are under way are compared with
_T = TypeVar("_T")
_MOST_VISITS = 200  # pages that one login may open; older ones cannot be come back to


class TooManyLogins(Exception):
    """Nobody else is let in for now."""


class _Claims(msgspec.Struct):
    sub: str
    exp: float
    iat: float | None = None
    jti: str | None = None
    name: str | None = None
    role: str | None = None
    clearance: str | None = None
    permissions: list[Any] = []


class Ending(NamedTuple):
    """An end by the service: one token, or of a user all tokens issued until then (None: whatever they are)."""

    token_id: str | None = None
    user_id: str | None = None
    issued_until: float | None = None

    def hits(self, visitor: Visitor) -> bool:
        """Return whether the visitor's token is one of those. One without a time of issue counts as issued before."""
        if self.user_id is None:
            return self.token_id is not None and visitor.token_id == self.token_id
        if visitor.user_id != self.user_id:
            return False
        return self.issued_until is None or visitor.issued_at is None or visitor.issued_at <= self.issued_until


@dataclass(slots=True, eq=False)
class Visitor:
    """Somebody who is logged in. `visits`: the pages opened, by a name that is good for nothing but that page.

    `through_provider`: by the identity provider, where they stay logged in when they leave here. `at_end`: called when
    the login ends.
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
    token_id: str | None = None
    issued_at: float | None = None
    grants: tuple[Grant, ...] = ()
    visits: dict[str, None] = field(default_factory=dict)
    at_end: set[Callable[[], None]] = field(default_factory=set)

    @property
    def identity(self) -> Identity:
        """The visitor as rights are decided on."""
        clearance = Clearance.parse(self.clearance)
        return Identity(self.user_id, self.name, self.role, None, self.grants, clearance, int(self.expires_at))


class Visitors:
    """Everybody who is logged in, until they are idle, their token ends, or they leave."""

    def __init__(
        self,
        roles: Mapping[str, DashboardRole],
        idle_seconds: float,
        clock: Callable[[], float] = time.time,
        *,
        secure: bool = False,
    ) -> None:
        self.cookie = HOST_COOKIE if secure else COOKIE
        self._roles = roles
        self._idle = idle_seconds
        self._clock = clock
        self._visitors: dict[str, Visitor] = {}
        self._endings: deque[tuple[int, Ending]] = deque(maxlen=_REMEMBERED)
        self._ended = 0

    @property
    def endings(self) -> int:
        """How many endings were heard of so far: a login that asks the service remembers it, for `admit`."""
        return self._ended

    def now(self) -> float:
        """Unix seconds, by the clock that logins go by."""
        return self._clock()

    def admit(
        self, token: str, address: str, *, through_provider: bool = False, endings: int | None = None
    ) -> Visitor | None:
        """Let somebody in whose token the service has just accepted; None where the token's role may not, or where the
        service ended it since there were so many `endings`.

        Raises TooManyLogins.
        """
        claims = claims_of(token, _Claims)
        role = self._roles.get(claims.role or "")
        if role is None:
            return None
        now = self._clock()
        clearance = claims.clearance if claims.clearance in LEVELS else "internal"
        visitor = Visitor(
            secrets.token_urlsafe(32),
            token,
            claims.sub,
            one_line(claims.name or "") or claims.sub,
            role,
            clearance,
            claims.exp,
            address,
            now,
            through_provider,
            claims.jti,
            claims.iat,
            Grant.parse_all(claims.permissions),
        )
        if any(ending.hits(visitor) for number, ending in self._endings if endings is not None and number > endings):
            return None
        self._make_room(claims.sub)
        self._visitors[visitor.key] = visitor
        return visitor

    def _make_room(self, user_id: str) -> None:
        """End a person's oldest login for their next one. Raises TooManyLogins where it would be somebody else's."""
        self.sweep()
        own = [visitor for visitor in self._visitors.values() if visitor.user_id == user_id]
        if len(own) >= MOST_OF_ONE:
            self.leave(min(own, key=lambda visitor: visitor.active_at))
        if len(self._visitors) >= MOST:
            raise TooManyLogins

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
        """Log out, on all pages; what goes on for the login ends."""
        if self._visitors.pop(visitor.key, None) is not None:
            for end in list(visitor.at_end):
                end()

    def end(self, ending: Ending) -> None:
        """Log out whose tokens or sessions the service ended, and who is just being let in with one of them."""
        self._ended += 1
        self._endings.append((self._ended, ending))
        for visitor in self.everybody():
            if ending.hits(visitor):
                self.leave(visitor)

    def sweep(self) -> None:
        """Log out whose time is over."""
        for visitor in self.everybody():
            self.stays(visitor)

    def everybody(self) -> list[Visitor]:
        """Return all who are logged in."""
        return list(self._visitors.values())

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

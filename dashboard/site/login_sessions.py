"""The logins of the dashboard. A cookie holds a random key; the token stays in this process.

A login ends with its token, when it is idle, by logging out, and when the service ends it. Its pages and the
recordings that are being made for it end with it.
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
"""The cookie's name over TLS: browsers accept it from this very host and over TLS only, so that no other host of the
domain can set it (RFC 6265bis)."""
MAX_LOGINS = 500  # at once: a further one is denied, so that no user loses a login to another
MAX_LOGINS_PER_USER = 10  # the next one ends the one that was idle longest
_MAX_ENDINGS = 1_000  # kept, to be compared with logins that are being admitted
_T = TypeVar("_T")
_MAX_PAGES_PER_LOGIN = 200  # the keys of older pages are dropped


class TooManyLoginsError(Exception):
    """Raised when no further login is accepted for now."""


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
    """An end of logins by the service: of one token, or of a user's tokens issued until a time (None: of all)."""

    token_id: str | None = None
    user_id: str | None = None
    issued_until: float | None = None

    def hits(self, login: LoginSession) -> bool:
        """Return whether the login's token is among those. One without a time of issue counts as issued before."""
        if self.user_id is None:
            return self.token_id is not None and login.token.token_id == self.token_id
        if login.user_id != self.user_id:
            return False
        return self.issued_until is None or login.token.issued_at is None or login.token.issued_at <= self.issued_until


@dataclass(frozen=True, slots=True)
class BearerToken:
    """A token that the service accepted, with the claims by which its end is recognised. Times are Unix seconds."""

    text: str = field(repr=False)
    expires_at: float
    token_id: str | None = None
    issued_at: float | None = None


@dataclass(slots=True, eq=False)
class LoginSession:
    """One login: a token, its bearer and the browser's address.

    `key` is the value of the cookie. `through_provider`: by the identity provider, where a login may outlive this one.
    `page_keys` name the pages that were opened, each valid for that page alone; `at_end` is called when the login ends.
    """

    key: str
    token: BearerToken
    identity: Identity
    role: DashboardRole
    address: str
    active_at: float
    through_provider: bool = False
    page_keys: dict[str, None] = field(init=False, default_factory=dict)
    at_end: set[Callable[[], None]] = field(init=False, default_factory=set)

    @property
    def user_id(self) -> str:
        """The user's id."""
        return self.identity.user_id

    @property
    def name(self) -> str:
        """The user's name."""
        return self.identity.name

    @property
    def clearance(self) -> str:
        """The word of the user's clearance."""
        return self.identity.clearance.label


class LoginSessions:
    """All logins, until they are idle, their token ends, or they are logged out."""

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
        self._logins: dict[str, LoginSession] = {}
        self._endings: deque[tuple[int, Ending]] = deque(maxlen=_MAX_ENDINGS)
        self._ended = 0

    @property
    def endings(self) -> int:
        """The number of endings so far. A login that asks the service notes it, for `admit`."""
        return self._ended

    def now(self) -> float:
        """Return Unix seconds, by the clock of the logins."""
        return self._clock()

    def admit(
        self, token: str, address: str, *, through_provider: bool = False, endings: int | None = None
    ) -> LoginSession | None:
        """Return a new login for a token that the service has just accepted.

        None where the token's role may not log in, or where the service ended the token since `endings`. Raises
        TooManyLoginsError.
        """
        claims = unverified_claims(token, _Claims)
        role = self._roles.get(claims.role or "")
        if role is None:
            return None
        now = self._clock()
        clearance = claims.clearance if claims.clearance in LEVELS else "internal"
        name, grants = one_line(claims.name or "") or claims.sub, Grant.parse_all(claims.permissions)
        level = Clearance.parse(clearance)
        login = LoginSession(
            secrets.token_urlsafe(32),
            BearerToken(token, claims.exp, claims.jti, claims.iat),
            Identity(claims.sub, name, role, None, grants, level, int(claims.exp)),
            role,
            address,
            now,
            through_provider,
        )
        if any(ending.hits(login) for number, ending in self._endings if endings is not None and number > endings):
            return None
        self._make_room(claims.sub)
        self._logins[login.key] = login
        return login

    def _make_room(self, user_id: str) -> None:
        """End a user's oldest login for the next one. Raises TooManyLoginsError rather than end another user's."""
        self.sweep()
        own = [login for login in self._logins.values() if login.user_id == user_id]
        if len(own) >= MAX_LOGINS_PER_USER:
            self.leave(min(own, key=lambda login: login.active_at))
        if len(self._logins) >= MAX_LOGINS:
            raise TooManyLoginsError

    def known(self, key: str, address: str) -> LoginSession | None:
        """Return the valid login of a cookie, from that address."""
        login = self._logins.get(key)
        if login is None or login.address != address or not self.is_valid(login):
            return None
        return login

    def is_valid(self, login: LoginSession) -> bool:
        """Return whether the login still holds; end it otherwise."""
        now = self._clock()
        if now >= login.token.expires_at or now - login.active_at > self._idle:
            self.leave(login)
        return login.key in self._logins

    def touch(self, login: LoginSession) -> None:
        """Note that the user did something."""
        login.active_at = self._clock()

    def leave(self, login: LoginSession) -> None:
        """Log out, on all pages, and call `at_end`."""
        if self._logins.pop(login.key, None) is not None:
            for end in list(login.at_end):
                end()

    def end(self, ending: Ending) -> None:
        """Log out the logins that the service ended, and those that are just being admitted with such a token."""
        self._ended += 1
        self._endings.append((self._ended, ending))
        for login in self.all():
            if ending.hits(login):
                self.leave(login)

    def sweep(self) -> None:
        """Log out the logins whose time is over."""
        for login in self.all():
            self.is_valid(login)

    def all(self) -> list[LoginSession]:
        """Return all logins."""
        return list(self._logins.values())

    def open_page(self, login: LoginSession) -> str:
        """Return the key of a page that is being opened."""
        self.touch(login)
        name = secrets.token_urlsafe(16)
        login.page_keys[name] = None
        if len(login.page_keys) > _MAX_PAGES_PER_LOGIN:
            del login.page_keys[next(iter(login.page_keys))]
        return name

    def owner_of_page(self, open_page: str) -> LoginSession | None:
        """Return the login that opened the page."""
        return next((login for login in self._logins.values() if open_page in login.page_keys), None)


def unverified_claims(token: str, kind: type[_T]) -> _T:
    """Return the claims of a token. The service checks its signature: they prove nothing here."""
    body = token.split(".")[1]
    decoded: Any = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    return msgspec.json.decode(decoded, type=kind)

"""The deadlines of a connection: until its first message, for its token, and while it is silent.

Source: docs/protocol.md#deadlines-of-a-connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.core.instant import Instant
    from dossier_realtime.protocol.fields import Durability


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """The bounds of one connection. Times in seconds."""

    auth_timeout: float = 5.0
    heartbeat_interval: int = 30
    ping_interval: float = 25.0
    liveness_timeout: float = 75.0
    expiring_notice: float = 60.0
    max_subscriptions: int = 100
    invalid_messages: int = 20
    bad_renewals: int = 3
    renewals: int = 6  # a minute
    durability: Durability = "fsync"  # of acknowledged changes, which the login is told
    free_subscribes: int = 100  # the first ones of a connection, which do not count as messages


class Due(Enum):
    """The events that time brings."""

    AUTH_TIMEOUT = "auth_timeout"
    EXPIRED = "expired"
    SILENT = "silent"
    NOTICE = "notice"
    PROBE = "probe"


_NEVER = float("inf")


class Deadlines:
    """The deadlines of one connection, all on the steady clock."""

    __slots__ = ("_auth_by", "_expires", "_heard", "_limits", "_notice", "_probe")

    def __init__(self, limits: SessionLimits, at: Instant) -> None:
        self._limits = limits
        self._auth_by = at.steady + limits.auth_timeout
        self._heard = at.steady
        self._probe = at.steady + limits.ping_interval
        self._expires = _NEVER
        self._notice = _NEVER

    def heard(self, at: Instant) -> None:
        """Record that a frame came in, of whatever kind."""
        self._heard = at.steady

    def unread(self, seconds: float) -> None:
        """Nothing is read for so many seconds from now on: they count as silence of the server, not of the peer."""
        self._heard += seconds

    def authenticated(self, expires_at: int, at: Instant) -> None:
        """Take the end of a token that is in force from now on, at `expires_at` (Unix seconds).

        Its end is put on the steady clock once: a later jump of the wall clock neither ends nor prolongs it.
        """
        remaining = expires_at - at.wall
        self._auth_by = _NEVER
        self._expires = at.steady + remaining
        self._notice = self._expires - min(self._limits.expiring_notice, remaining / 2)

    def expires_in(self, at: Instant) -> int:
        """Whole seconds until the token ends."""
        return max(0, round(self._expires - at.steady))

    @property
    def heard_at(self) -> float:
        """Return the moment of the last frame, on the steady clock."""
        return self._heard

    @property
    def deadline(self) -> float:
        """Return the latest moment at which `due` has something to return."""
        if self._auth_by is not _NEVER:
            return self._auth_by
        return min(self._probe, self._heard + self._limits.liveness_timeout, self._notice, self._expires)

    def due(self, at: Instant) -> list[Due]:
        """Return the events that are due now; an end of the connection stands alone."""
        now = at.steady
        if self._auth_by is not _NEVER:
            return [Due.AUTH_TIMEOUT] if now >= self._auth_by else []
        if now >= self._expires:
            return [Due.EXPIRED]
        if now >= self._heard + self._limits.liveness_timeout:
            return [Due.SILENT]
        due = []
        if now >= self._notice:
            self._notice = _NEVER
            due.append(Due.NOTICE)
        if now >= self._probe:
            self._probe = now + self._limits.ping_interval
            due.append(Due.PROBE)
        return due

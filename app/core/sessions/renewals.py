"""The rate at which a connection may renew its token (docs/protocol.md#token-renewal)."""

from __future__ import annotations

import math
from collections import deque
from hashlib import sha256
from typing import TYPE_CHECKING

from app.core.sessions.effects import Close, Decision, Effect, RateLimited, Send
from app.core.sessions.error_messages import error_message
from dossier_realtime.protocol.errors import CloseCode, ErrorCode

if TYPE_CHECKING:
    from app.core.instant import Instant

_MINUTE_SECONDS = 60.0


class Renewals:
    """The renewals of one connection: so many a minute; after `abuse` refused ones the connection is closed."""

    __slots__ = ("_abuse", "_in_force", "_refused", "_times")

    def __init__(self, a_minute: int, abuse: int) -> None:
        self._times: deque[float] = deque(maxlen=a_minute)
        self._abuse = abuse
        self._refused = 0
        self._in_force = b""

    @property
    def is_abuse(self) -> bool:
        """Return whether so many were refused that the connection is to end."""
        return self._refused >= self._abuse

    def wait(self, steady: float) -> int:
        """Count a renewal; how many whole seconds it came too early, 0 when it is in time."""
        times = self._times
        if len(times) == times.maxlen and steady - times[0] < _MINUTE_SECONDS:
            self._refused += 1
            return max(1, math.ceil(times[0] + _MINUTE_SECONDS - steady))
        times.append(steady)
        return 0

    def refused(self, wait: int, ref: str | None, at: Instant) -> Decision:
        """Refuse a renewal that came `wait` seconds too early; after too many, end the connection."""
        text = f"More than {self._times.maxlen} renewals in a minute; wait {wait} s"
        effects: list[Effect] = [
            Send(error_message(ErrorCode.RATE_LIMIT_EXCEEDED, text, at, ref=ref, retry_after=wait))
        ]
        if self.is_abuse:
            effects.append(Close(CloseCode.RATE_ABUSE, "too many renewals; reconnect later"))
        return Decision("rate.auth", effects, (RateLimited("auth"),))

    def taken(self, token: str) -> None:
        """Take a token that is in force from now on."""
        self._in_force = sha256(token.encode()).digest()

    def is_in_force(self, token: str) -> bool:
        """Return whether this is the token that is in force."""
        return sha256(token.encode()).digest() == self._in_force

"""What one user may make the service keep in a day: channels begun, and bytes stored (decisions, section 8).

Counted on this node since it started; a window of a day begins with the first thing that counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from dossier_realtime.protocol.errors import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.core.instant import Instant
    from app.core.ratelimit import RateLimiter

_NEVER = {
    "channels": "Begin at most {limit} channels at once: that is all of a day; send fewer at once",
    "stored": "At most {limit} bytes are stored in a day; send less at once",
}
_TEXT = {
    "channels": "More than {limit} channels begun in a day; wait {wait} s, or write to those that there are",
    "stored": "More than {limit} bytes stored in a day; wait {wait} s",
}


class QuotaExceeded(Exception):
    """The user has begun or stored enough for the day. `retry_after` in seconds; None where no day is long enough."""

    def __init__(self, text: str, retry_after: int | None) -> None:
        super().__init__(text)
        self.retry_after = retry_after

    @property
    def code(self) -> ErrorCode:
        """The error code that goes with it."""
        return ErrorCode.INVALID_MESSAGE_FORMAT if self.retry_after is None else ErrorCode.RATE_LIMIT_EXCEEDED


class Quotas:
    """The day's accounts. `limiter` has a window of a day."""

    def __init__(self, limiter: RateLimiter, clock: Callable[[], Instant]) -> None:
        self.limiter = limiter
        self._clock = clock

    def charge(self, user_id: str, role: str, *, channels: int, stored: int) -> None:
        """Count what is about to be kept. Raises QuotaExceeded, and then nothing is counted."""
        self._spend(user_id, role, "channels", channels)
        try:
            self._spend(user_id, role, "stored", stored)
        except QuotaExceeded:
            self.limiter.give_back(user_id, "channels", channels)
            raise

    def give_back(self, user_id: str, *, channels: int, stored: int) -> None:
        """Take back a charge for what was not kept after all."""
        self.limiter.give_back(user_id, "channels", channels)
        self.limiter.give_back(user_id, "stored", stored)

    def _spend(self, user_id: str, role: str, kind: Literal["channels", "stored"], cost: int) -> None:
        if cost == 0:
            return
        verdict = self.limiter.spend(user_id, role, kind, self._clock().steady, cost)
        if not verdict.allowed:
            text = (_NEVER if verdict.never else _TEXT)[kind].format(limit=verdict.limit, wait=verdict.reset_in)
            raise QuotaExceeded(text, None if verdict.never else verdict.reset_in)

"""Daily quotas of a user: channels begun, and bytes stored.

Source: docs/protocol.md#daily-quotas.

Counted on this node; a window of a day begins with the first use. Amounts spent are kept in the engine every few
seconds and at the end, so that a restarted service goes on counting.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from app.engine.ports.limits import Spent
from dossier_realtime.protocol.errors import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.core.instant import Instant
    from app.core.ratelimit import Quota, RateLimiter
    from app.engine.ports.limits import QuotaStore

KEEP_SECONDS: Final = 5.0
_NEVER = {
    "channels": "Begin at most {limit} channels at once: that is all of a day; send fewer at once",
    "stored": "At most {limit} bytes are stored in a day; send less at once",
}
_TEXT = {
    "channels": "More than {limit} channels begun in a day; wait {wait} s, or write to those that there are",
    "stored": "More than {limit} bytes stored in a day; wait {wait} s",
}


class QuotaExceeded(Exception):
    """Raised when a quota of the day is spent. `retry_after` in seconds; None where a whole day would not suffice."""

    def __init__(self, text: str, retry_after: int | None) -> None:
        super().__init__(text)
        self.retry_after = retry_after

    @property
    def code(self) -> ErrorCode:
        """The error code of the refusal."""
        return ErrorCode.INVALID_MESSAGE_FORMAT if self.retry_after is None else ErrorCode.RATE_LIMIT_EXCEEDED


class Quotas:
    """The accounts of a day. `limiter` has a window of a day; without a `store` they begin anew with the process."""

    def __init__(self, limiter: RateLimiter, clock: Callable[[], Instant], store: QuotaStore | None = None) -> None:
        self.limiter = limiter
        self._clock, self._store = clock, store
        self._changed: dict[tuple[str, Quota], None] = {}
        at = clock()
        for one in store.found if store is not None else ():
            age = max(0.0, at.wall - one.since)  # a clock that was set back must not prolong a window
            limiter.reopen(one.user_id, one.kind, (age, one.amount), at.steady)
        if store is not None:
            store.start(self._heard)

    async def run(self) -> None:
        """Keep the amounts spent every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(KEEP_SECONDS)
            self.keep()

    def keep(self) -> None:
        """Hand the amounts that changed since the last time to the store."""
        if self._store is None or not self._changed:
            return
        at, spent = self._clock(), list[Spent]()
        for user_id, kind in self._changed:
            age, count = self.limiter.spent(user_id, kind, at.steady)
            spent.append(Spent(user_id, kind, at.wall - age, count))
        self._changed.clear()
        self._store.put(spent)

    def _heard(self, spent: Sequence[Spent]) -> None:
        """Count what other nodes spent."""
        for one in spent:
            self.limiter.count_elsewhere(one.user_id, one.kind, one.amount)

    def charge(self, user_id: str, role: str, *, channels: int, stored: int) -> None:
        """Charge channels and bytes that are about to be stored. Raises QuotaExceeded, and then charges nothing."""
        self._spend(user_id, role, "channels", channels)
        try:
            self._spend(user_id, role, "stored", stored)
        except QuotaExceeded:
            self.limiter.give_back(user_id, "channels", channels)
            raise

    def give_back(self, user_id: str, *, channels: int, stored: int) -> None:
        """Return a charge for channels and bytes that were not stored after all."""
        self.limiter.give_back(user_id, "channels", channels)
        self.limiter.give_back(user_id, "stored", stored)
        self._changed |= {(user_id, "channels"): None, (user_id, "stored"): None}

    def _spend(self, user_id: str, role: str, kind: Quota, cost: int) -> None:
        if cost == 0:
            return
        verdict = self.limiter.spend(user_id, role, kind, self._clock().steady, cost)
        if not verdict.allowed:
            text = (_NEVER if verdict.never else _TEXT)[kind].format(limit=verdict.limit, wait=verdict.reset_in)
            raise QuotaExceeded(text, None if verdict.never else verdict.reset_in)
        self._changed[user_id, kind] = None

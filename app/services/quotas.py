"""Daily quotas of a user: channels begun, and bytes stored.

Source: docs/protocol.md#daily-quotas.

Counted on this node; a window of a day begins with the first use. Amounts spent are kept in the engine every few
seconds and at the end, so that a restarted service goes on counting.

Over nodes, a node lets through half a percent of a quota by itself. What goes beyond is settled with the others first:
so no user ever gets more than one percent for each node beyond the quota.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from app.engine.ports.errors import Unavailable
from app.engine.ports.limits import Spent
from dossier_realtime.protocol.errors import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from app.core.instant import Instant
    from app.core.ratelimit import Quota, RateLimiter, Verdict
    from app.engine.ports.limits import QuotaStore

KEEP_SECONDS: Final = 5.0
UNSETTLED_PER_MILLE: Final = 5
"""The part of a quota that a node may let through before it has told the others."""

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
        self._is_shared = store is not None and store.is_shared
        self._changed: dict[tuple[str, Quota], None] = {}
        self._unsettled: Counter[tuple[str, Quota]] = Counter()  # what other nodes cannot know of yet
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
            with suppress(Unavailable):  # stored after the outage
                await self._settle(list(self._changed))

    def keep(self) -> None:
        """Hand the amounts that changed since the last time to the store."""
        self._put(list(self._changed))

    def _put(self, keys: Iterable[tuple[str, Quota]]) -> None:
        at, spent = self._clock(), list[Spent]()
        for user_id, kind in keys:
            age, count = self.limiter.spent(user_id, kind, at.steady)
            spent.append(Spent(user_id, kind, at.wall - age, count))
            self._changed.pop((user_id, kind), None)
        if self._store is not None and spent:
            self._store.put(spent)

    async def _settle(self, keys: Sequence[tuple[str, Quota]]) -> None:
        """Tell the others what was spent here, and hear what they spent. Raises Unavailable."""
        sent = Counter({key: self._unsettled.pop(key, 0) for key in keys})
        self._put(keys)
        try:
            if self._store is not None:
                await self._store.settle()
        except BaseException:
            self._unsettled.update(sent)
            self._changed |= dict.fromkeys(sent)  # settled with the next round, though the user spends no more
            raise

    def _heard(self, spent: Sequence[Spent]) -> None:
        """Count what other nodes spent."""
        for one in spent:
            self.limiter.count_elsewhere(one.user_id, one.kind, one.amount)

    async def charge(self, user_id: str, role: str, *, channels: int, stored: int) -> None:
        """Charge channels and bytes that are about to be stored. It seldom waits, and for one node never.

        Raises QuotaExceeded and Unavailable, and then charges nothing.
        """
        late = self._spend_both(user_id, role, channels=channels, stored=stored)
        if not late:
            return
        try:
            await self._settle([(user_id, kind) for kind in late])
        except BaseException:
            self.give_back(user_id, channels=channels, stored=stored)
            raise
        steady = self._clock().steady
        for kind in late:
            _, spent = self.limiter.spent(user_id, kind, steady)
            if spent > self.limiter.limit_of(user_id, role, kind, steady):
                self.give_back(user_id, channels=channels, stored=stored)
                cost = channels if kind == "channels" else stored
                raise _refusal(kind, self.limiter.spend(user_id, role, kind, steady, cost))

    def charge_at_once(self, user_id: str, role: str, *, channels: int, stored: int) -> bool:
        """Charge as `charge` does; return False, with nothing charged, where that would wait or refuse."""
        try:
            late = self._spend_both(user_id, role, channels=channels, stored=stored)
        except QuotaExceeded:
            return False
        if late:
            self.give_back(user_id, channels=channels, stored=stored)
        return not late

    def _spend_both(self, user_id: str, role: str, *, channels: int, stored: int) -> list[Quota]:
        """Spend all or raise QuotaExceeded; return of what this node has let through more than it may by itself."""
        self._spend(user_id, role, "channels", channels)
        try:
            self._spend(user_id, role, "stored", stored)
        except QuotaExceeded:
            self.give_back(user_id, channels=channels, stored=0)
            raise
        costs: dict[Quota, int] = {"channels": channels, "stored": stored}
        return [kind for kind, cost in costs.items() if cost and self._is_ahead(user_id, role, kind)]

    def _is_ahead(self, user_id: str, role: str, kind: Quota) -> bool:
        """Return whether this node has let through more than it may by itself."""
        if not self._is_shared:
            return False
        limit = self.limiter.limit_of(user_id, role, kind, self._clock().steady)
        return self._unsettled[user_id, kind] > limit * UNSETTLED_PER_MILLE // 1000

    def give_back(self, user_id: str, *, channels: int, stored: int) -> None:
        """Return a charge for channels and bytes that were not stored after all."""
        self.limiter.give_back(user_id, "channels", channels)
        self.limiter.give_back(user_id, "stored", stored)
        costs: dict[Quota, int] = {"channels": channels, "stored": stored}
        for kind, cost in costs.items():
            if cost:
                self._count(user_id, kind, -cost)

    def _count(self, user_id: str, kind: Quota, cost: int) -> None:
        self._changed[user_id, kind] = None
        if self._is_shared:
            self._unsettled[user_id, kind] += cost

    def _spend(self, user_id: str, role: str, kind: Quota, cost: int) -> None:
        if cost == 0:
            return
        verdict = self.limiter.spend(user_id, role, kind, self._clock().steady, cost)
        if not verdict.allowed:
            raise _refusal(kind, verdict)
        self._count(user_id, kind, cost)


def _refusal(kind: Quota, verdict: Verdict) -> QuotaExceeded:
    text = (_NEVER if verdict.never else _TEXT)[kind].format(limit=verdict.limit, wait=verdict.reset_in)
    return QuotaExceeded(text, None if verdict.never else verdict.reset_in)

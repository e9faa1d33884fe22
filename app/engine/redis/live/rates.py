"""Budgets of users over all nodes: a node judges what it was given of a window, and asks for more a little ahead.

A part is 2 % of the limit, and 2 % more than the limit is given out. So what another node holds unused never makes a
user wait who is within the limit, and no more than 102 of 100 are ever spent.

A user with tokens of two roles, or with raised limits, has two limits in a window. A part by the higher one may be more
than the lower one is in all: for the lower one counts what was spent, as far as the nodes have said so, and not what
was given out. So a node asks by each limit for itself; of the lower one each node beyond two may spend a part more.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from app.core.ratelimit import RateClass, RateLimiter
from app.engine.ports.errors import Unavailable
from app.engine.redis.live.access import LiveAccess
from app.engine.redis.live.homes import Homes
from app.engine.redis.together import SharedWork

PART_RATIO: Final = 0.02
MAX_COST: Final = {"bytes": 1 << 16}
"""The most that one message costs, where that is more than 1."""


@dataclass(slots=True)
class _Leave:
    """The leave to spend by one limit: until this node has spent `until` in all.

    `elsewhere`: what counts as spent by other nodes. `is_last`: all was given out, so the limiter judges alone.
    """

    until: int
    elsewhere: int
    is_last: bool


@dataclass(slots=True)
class _Share:
    """This node's share of an open window. `start`: of the window on the server's clock (ms), and here (`steady`).

    `told`: what the server knows to have been spent here. `elsewhere`: what the limiter counts of other nodes now.
    `leaves`: by limit.
    """

    start: int
    steady: float
    given: int = 0
    elsewhere: int = 0
    told: int = 0
    leaves: dict[int, _Leave] = field(default_factory=dict)


class RedisRates:
    """`ports.RateStore`. In an outage each node judges alone, by the whole limit."""

    def __init__(self, access: LiveAccess, homes: Homes, limiter: RateLimiter) -> None:
        self.limiter = limiter
        self._access, self._homes = access, homes
        self._shares: dict[tuple[str, RateClass], _Share] = {}
        self._asking = SharedWork[tuple[str, RateClass], None]()

    def covered(self, user_id: str, role: str, rate_class: RateClass, steady: float, cost: int = 1) -> bool:
        share = self._open_share(user_id, rate_class, steady)
        if share is None:
            return not self._homes.healthy
        leave = share.leaves.get(self.limiter.limit_of(user_id, role, rate_class, steady))
        if leave is None:
            return not self._homes.healthy
        self.limiter.count_elsewhere(user_id, rate_class, leave.elsewhere - share.elsewhere)
        share.elsewhere = leave.elsewhere
        if leave.is_last or not self._homes.healthy:
            return True
        left = leave.until - self._spent_here(user_id, rate_class, steady)
        return left >= max(cost, MAX_COST.get(rate_class, 1))

    async def cover(self, user_id: str, role: str, rate_class: RateClass, cost: int = 1) -> None:
        key = user_id, rate_class
        while not self.covered(user_id, role, rate_class, self._access.clocks.steady(), cost):
            await asyncio.shield(self._asking.started(key, lambda: self._draw(user_id, role, rate_class, cost)))

    async def _draw(self, user_id: str, role: str, rate_class: RateClass, cost: int) -> None:
        steady = self._access.clocks.steady()
        limit = self.limiter.limit_of(user_id, role, rate_class, steady)
        slack = int(limit * PART_RATIO)
        part = max(MAX_COST.get(rate_class, 1), slack, cost)
        name, window = self._access.keys.of_user(user_id, "rates"), round(self.limiter.window * 1000)
        now = round(self._access.clocks.unix() * 1000)
        before, ours = self._open_share(user_id, rate_class, steady), self._spent_here(user_id, rate_class, steady)
        known, new, left = 0, 0, 0
        if before is not None:
            known, new, left = before.start, max(0, ours - before.told), before.given - ours
        try:
            arguments = window, rate_class, limit + slack, part, now, limit, known, new, left
            reply = await self._access.run("rate_draw", [name], *arguments)
        except Unavailable:
            self._homes.healthy = False  # judged alone, until the next renewal tells that the server answers
            return
        given, start, age, out, is_mixed, spent, allowed = (int(one) for one in reply)
        share, key = self._shares.get((user_id, rate_class)), (user_id, rate_class)
        if share is None or share is not before or share.start != start:
            self._drop_ended(steady)
            self._shares.pop(key, None)
            share = self._shares[key] = _Share(start, self._access.clocks.steady() - age / 1000)
            self.limiter.begin(user_id, rate_class, share.steady)
            ours, given = 0, allowed
        share.told = max(share.told, ours)
        share.given += given
        elsewhere = max(0, spent - share.told if is_mixed else out - share.given - slack)
        share.leaves[limit] = _Leave(ours + allowed, elsewhere, allowed < part)

    def _open_share(self, user_id: str, rate_class: RateClass, steady: float) -> _Share | None:
        share = self._shares.get((user_id, rate_class))
        return None if share is None or steady - share.steady >= self.limiter.window else share

    def _spent_here(self, user_id: str, rate_class: RateClass, steady: float) -> int:
        share = self._shares.get((user_id, rate_class))
        _, counted = self.limiter.spent(user_id, rate_class, steady)
        return counted if share is None else max(0, counted - share.elsewhere)

    def _drop_ended(self, steady: float) -> None:
        for _ in range(2):
            oldest = next(iter(self._shares), None)
            if oldest is None or steady - self._shares[oldest].steady < self.limiter.window:
                return
            del self._shares[oldest]

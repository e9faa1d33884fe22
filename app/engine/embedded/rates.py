"""Budgets of users, where one process sees all their messages."""

from __future__ import annotations

from app.core.ratelimit import RateClass, RateLimiter


class EmbeddedRates:
    """`ports.RateStore`: the limiter sees every message, so no call waits."""

    def __init__(self, limiter: RateLimiter) -> None:
        self.limiter = limiter

    def covered(self, user_id: str, role: str, rate_class: RateClass, steady: float, cost: int = 1) -> bool:
        return True

    async def cover(self, user_id: str, role: str, rate_class: RateClass, cost: int = 1) -> None:
        return None

"""Bounds of the memory that bodies of requests hold while they are received and handled."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class BodyQuota:
    """Bytes of bodies in memory: of all users (`total`), and of one user (`per_user`)."""

    total: int = 64 << 20
    per_user: int = 16 << 20
    _of: Counter[str] = field(default_factory=Counter)
    _all: int = 0

    @property
    def held(self) -> int:
        """The bytes that are held now."""
        return self._all

    def take(self, user_id: str, size: int) -> bool:
        """Hold `size` bytes more; return False, and hold nothing, where there is no room."""
        if self._all + size > self.total or self._of[user_id] + size > self.per_user:
            return False
        self._all += size
        self._of[user_id] += size
        return True

    def release(self, user_id: str, size: int) -> None:
        """Release bytes that were held."""
        self._all -= size
        self._of[user_id] -= size
        if self._of[user_id] <= 0:
            del self._of[user_id]

"""Bounds of the memory that requests' bodies hold while they come in and are worked on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class BodyQuota:
    """Bytes of bodies in flight: of everybody (`total`), and of one user (`per_user`)."""

    total: int = 64 << 20
    per_user: int = 16 << 20
    _of: Counter[str] = field(default_factory=Counter)
    _all: int = 0

    @property
    def held(self) -> int:
        """Bytes that are held now."""
        return self._all

    def take(self, user_id: str, size: int) -> bool:
        """Hold so many bytes more; False, and nothing is held, where there is no room."""
        if self._all + size > self.total or self._of[user_id] + size > self.per_user:
            return False
        self._all += size
        self._of[user_id] += size
        return True

    def release(self, user_id: str, size: int) -> None:
        """Let go of bytes that were held."""
        self._all -= size
        self._of[user_id] -= size
        if self._of[user_id] <= 0:
            del self._of[user_id]

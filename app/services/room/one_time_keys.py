"""Keys that are good for one use: each is kept as a digest, for a time, and only so many."""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

KEY_SECONDS: Final = 12 * 3600.0
MAX_KEYS: Final = 64


class OneTimeKeys:
    """Keys that were made and not used yet. Above `MAX_KEYS` the oldest is void."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def make(self) -> str:
        """Return a new key, good for `KEY_SECONDS`."""
        key = secrets.token_urlsafe(16)
        self._until[digest(key)] = self._now() + KEY_SECONDS
        if len(self._until) > MAX_KEYS:
            self._until.popitem(last=False)
        return key

    def spend(self, key: str) -> bool:
        """Use a key up; return whether it was good."""
        return self._until.pop(digest(key), 0.0) > self._now()


def digest(key: str) -> bytes:
    """Return a digest to look a key up by: that takes as long for a key that begins rightly as for any other."""
    return hashlib.sha256(key.encode(errors="surrogatepass")).digest()

"""The identity of the store, how far it is known to be, and the clock of its server."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Final

from app.core.position import epoch_of
from app.engine.ports.errors import EngineError
from app.engine.redis.connection import Client
from app.engine.redis.keys import RedisKeys
from app.engine.redis.scripts import loader

SCHEMA: Final = "1"


class StoreState:
    """The state that a node knows of the store.

    `store` is the id that all epochs are derived from. A store that is gone, or behind a commit that this node has
    seen, has lost what clients know of: it gets another id, and so every channel another epoch.
    """

    def __init__(self, client: Client, keys: RedisKeys) -> None:
        self._client, self._keys = client, keys
        self.store = ""
        self.seen = 0
        """The highest number of a commit that this node knows of."""
        self.moved = ""
        """The reason for which the store counted as restored when it was opened; else ""."""
        self._server_ms, self._at = 0, 0.0
        self.changed: Callable[[], None] = lambda: None
        """Called when the store got another id after it was opened."""

    async def open(self, recorded: int = 0, *, is_lost: bool = False) -> None:
        """Find or make the store. `recorded` is the last commit that this node's journal holds.

        `is_lost`: something of the store that this node knows is lost, so it gets another id.

        Raises EngineError and Unavailable.
        """
        known = max(self.seen, recorded)
        lost = self.store if is_lost else ""
        reply = await loader.run(
            self._client, "open_store", [self._keys.meta], secrets.token_hex(16), SCHEMA, known, lost
        )
        store, commit, schema, made = reply[0].decode(), int(reply[1]), reply[2].decode(), reply[3]
        if schema != SCHEMA:
            raise EngineError(
                f"The store in Redis has schema {schema}, this version knows {SCHEMA}: start the version that wrote "
                "it, or set storage.redis_prefix to another name"
            )
        if recorded and made:
            self.moved = "the journal holds later changes than Redis does"
        before = self.store  # of now: another call may have found the same id while this one was asked
        self.seen, self.store = max(self.seen, known, commit), store
        if before and before != store:
            self.changed()

    def epoch(self, channel: str, generation: int) -> str:
        """Return the epoch of a channel's generation."""
        return epoch_of(self.store, channel, generation)

    def saw(self, commit: int) -> None:
        """Note that a commit with this number was made."""
        self.seen = max(self.seen, commit)

    def set_clock(self, server_ms: int) -> None:
        """Note the server's clock, which it told just now."""
        self._server_ms, self._at = server_ms, time.monotonic()

    def server_ms(self, monotonic: float) -> int:
        """Return what the server's clock shows at a moment of `time.monotonic`, or a little less; 0: unknown."""
        return int(self._server_ms + (monotonic - self._at) * 1000) if self._server_ms else 0

"""Comparing what a node has delivered with what the log holds: hints may be lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from app.engine.redis.connection import Client, asked, execute
from app.engine.redis.log.cursors import ChannelCursors
from app.engine.redis.log.history import LogReader

if TYPE_CHECKING:
    from app.engine.redis.keys import RedisKeys
    from app.engine.redis.log.store_state import StoreState

WHOLE_SECONDS: Final = 30.0
"""The time between two looks at all joined channels: a node of an earlier version, or who restores a part of the store,
does not say what was changed."""

TOUCHED_SECONDS: Final = 300.0
"""The time for which the log says which channels were changed; a node that looked longer ago looks at all."""

_CHUNK: Final = 500  # channels whose heads one call asks for: the server does nothing else meanwhile
_PAGE: Final = 5_000

Lost = Callable[[str, str], Awaitable[None]]


class HeadComparison:
    """The channels that this node may be behind on, and their heads.

    The log names the channels that were changed since the last look, each with the number of its last commit. A
    channel of which this node has delivered that commit needs no more; the heads of the others are asked for.
    """

    def __init__(self, client: Client, keys: RedisKeys, store: StoreState, cursors: ChannelCursors, lost: Lost) -> None:
        self._client, self._keys, self._store, self._cursors = client, keys, store, cursors
        self._reader = LogReader(client, keys)
        self._lost = lost
        self._compared = -1
        self._whole_at = 0.0
        self._joining: set[str] = set()  # channels that were being joined at the last look: their places were not known

    def forget(self) -> None:
        """Look at all joined channels next time: hints were lost."""
        self._compared = -1

    async def compare(self, commit: int) -> None:
        """Compare up to a commit, if that was not done. Raises Unavailable."""
        now = asyncio.get_running_loop().time()
        is_whole = self._compared < 0 or now - self._whole_at >= WHOLE_SECONDS
        if commit == self._compared and not self._joining and not is_whole:
            return
        channels = list(self._cursors.joined) if is_whole else await self._behind(commit)
        joining, self._joining = self._joining, set()
        try:
            is_whole_store = await self._look(list({*channels, *joining} & self._cursors.joined))
        except BaseException:
            self._joining |= joining  # their heads are still to be asked for
            raise
        if not is_whole_store:
            self._compared = -1
            return
        self._compared = commit
        if is_whole:
            self._whole_at = now

    async def _behind(self, commit: int) -> list[str]:
        """Return the joined channels that were changed since the last look and are not known to be delivered."""
        after, joined = self._compared, self._cursors.joined
        if commit - after >= len(joined):
            count = await asked(execute(self._client, "ZCOUNT", self._keys.touched, f"({after}", "+inf"))
            if count >= len(joined):
                return list(joined)
        behind: list[str] = []
        while True:
            bounds = f"({after}", "+inf", "WITHSCORES", "LIMIT", 0, _PAGE
            rows = await asked(execute(self._client, "ZRANGEBYSCORE", self._keys.touched, *bounds))
            for name, number in zip(rows[0::2], rows[1::2], strict=True):
                after = int(number)
                cursor = self._cursors.find(name.decode())
                if cursor is not None and cursor.commit < after:
                    behind.append(cursor.channel)
            if len(rows) < 2 * _PAGE:
                return behind

    async def _look(self, channels: list[str]) -> bool:
        """Take the heads of channels; return False where they are of a store that has lost something."""
        for start in range(0, len(channels), _CHUNK):
            some = channels[start : start + _CHUNK]
            self._joining.update(channel for channel in some if self._is_joining(channel))
            places, known = self._cursors.places(some), self._store.store
            store, heads = await self._reader.heads(some)
            behind = any((head.generation, head.offset) < place for place, head in zip(places, heads, strict=True))
            if behind and store == known:
                await self._lost(known, "a channel in Redis is behind what was delivered of it")
                return False
            for channel, head in zip(some, heads, strict=True):
                self._cursors.compare(channel, head)
        return True

    def _is_joining(self, channel: str) -> bool:
        cursor = self._cursors.find(channel)
        return cursor is not None and cursor.joining is not None

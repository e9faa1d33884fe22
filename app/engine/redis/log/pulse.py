"""The pulse of a node: a beat a second, which shows whether it hears what others say, and what it has missed."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from app.engine.ports.errors import EngineError, Unavailable
from app.engine.redis.connection import Client, ended
from app.engine.redis.log.broker import LogParts, RedisBroker
from app.engine.redis.log.head_comparison import HeadComparison
from app.engine.redis.log.trimming import Trimming
from app.engine.redis.scripts import loader

BEAT_SECONDS: Final = 1.0
MISSED_BEATS: Final = 2
"""Beats that do not come back, after which the pub/sub connection counts as dead."""

_RETRY_SECONDS: Final = 0.25
_log = structlog.get_logger("redis")


class Pulse:
    """Beats to oneself. Each says how far the log is: a node that is behind asks for the heads of its channels."""

    def __init__(self, parts: LogParts, broker: RedisBroker, trimming: Trimming, client: Client) -> None:
        self._parts, self._broker, self._trimming, self._client = parts, broker, trimming, client
        self._channel = parts.keys.beat(parts.lane.id)
        self._sent = self._heard = 0
        self._heads = HeadComparison(parts.client, parts.keys, parts.store, parts.cursors, self._lost)
        self._server = b""  # the identity of the server that sent the last beat
        self._task: asyncio.Task[None] | None = None
        self.healthy = True

    async def start(self) -> None:
        """Begin. Raises Unavailable."""
        self._parts.bus.connected = self._connected
        await self._parts.bus.subscribe(self._channel, self._hear)
        await self._beat()
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """End."""
        await ended(self._task)

    def _hear(self, _: str, data: bytes) -> None:
        self._heard = max(self._heard, int(data))

    def _connected(self) -> None:
        self._heads.forget()
        self._heard = self._sent

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS if self.healthy else _RETRY_SECONDS)
            try:
                await self._beat()
            except (Unavailable, EngineError) as error:
                if self.healthy:  # the first of a row
                    _log.warning("redis_beat_refused", error=str(error))
                self.healthy = False
            except Exception:  # a node without a pulse would not learn what it has missed
                self.healthy = False
                _log.exception("redis_beat_failed")
            else:
                self.healthy = True

    async def _beat(self) -> None:
        parts, marks = self._parts, self._parts.cursors.marks
        self._sent += 1
        marked, known = marks.before_beat(), parts.store.store
        store, commit, server_ms, server = await loader.run(
            self._client, "beat", [parts.keys.meta], self._channel, self._sent, int(parts.lane.sharded)
        )
        parts.store.set_clock(int(server_ms))
        parts.lane.beaten()
        if store.decode() != known or commit < parts.store.seen:
            await parts.store.open()
        elif server == self._server:
            marks.stood(marked)
        elif self._server and await marks.are_lost(server):
            await self._lost(known, "another server of Redis took over without events that were delivered")
        self._server = server
        await marks.complete()
        parts.store.saw(int(commit))
        self._trimming.mark()
        if self._sent - self._heard > MISSED_BEATS:
            self._heard = self._sent
            parts.bus.reconnect()
        await self._heads.compare(int(commit))
        await self._broker.find_begun()  # each time: one that failed is made up for, though nobody commits any more

    async def _lost(self, known: str, reason: str) -> None:
        if self._parts.store.store != known:  # found out meanwhile, by a commit or another node
            return
        _log.error("redis_store_lost", reason=f"{reason}; all channels begin new epochs")
        await self._parts.store.open(is_lost=True)

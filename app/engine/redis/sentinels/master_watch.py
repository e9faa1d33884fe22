"""Asking the sentinels for the master, though the present one answers: it may be the old one, after a partition."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog
from redis.asyncio.sentinel import MasterNotFoundError

from app.engine.redis.connection import ended
from app.engine.redis.sentinels.master_finder import MasterFinder

ASK_SECONDS: Final = 1.0

_log = structlog.get_logger("redis")


class MasterWatch:
    """A question a second. Without a finder there are no sentinels, and nothing is asked."""

    def __init__(self, finder: MasterFinder | None) -> None:
        self._finder = finder
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        if self._finder is not None:
            self._task = asyncio.get_running_loop().create_task(self._run(self._finder))

    async def close(self) -> None:
        """End."""
        await ended(self._task)

    async def _run(self, finder: MasterFinder) -> None:
        while True:
            await asyncio.sleep(ASK_SECONDS)
            try:
                await finder.find()
            except MasterNotFoundError:
                continue  # the calls say so
            except Exception:  # a node that asks no more would stay with an old master
                _log.exception("redis_master_unknown")

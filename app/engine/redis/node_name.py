"""The name of a node, held by a lease: two nodes of one name would mix their journals and their reports.

A name is held for an *instance*, the folder in which the node keeps its data. A node that is started again in its
folder takes its name over at once, because the folder itself lets in one process only; a node elsewhere waits for the
lease to end, and is refused where it is renewed.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

import structlog

from app.engine.ports.errors import EngineError, Unavailable
from app.engine.redis.live.access import LiveAccess

LEASE_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.25

_log = structlog.get_logger("redis")


class NodeName:
    """The lease of this node's name."""

    def __init__(self, access: LiveAccess, instance: str, lease: float = LEASE_SECONDS) -> None:
        self._access, self._instance, self._lease = access, instance, lease
        self._key = access.keys.live(f"name:{access.node}")
        self._is_held = False

    async def take(self) -> None:
        """Take the name. Raises EngineError where another node has it, and Unavailable."""
        if not self._instance:
            return
        deadline, is_told = time.monotonic() + self._lease + 1, False
        while not await self._took():
            if not is_told:
                is_told = True
                _log.warning(
                    "another node holds this node's name; the start waits for the end of its lease",
                    node=self._access.node,
                    seconds=self._lease,
                )
            if time.monotonic() > deadline:
                raise EngineError(
                    f"another node is running with the name {self._access.node}: give each node a node.id of its own"
                )
            await asyncio.sleep(_POLL_SECONDS)
        self._is_held = True

    async def renew(self) -> None:
        """Renew the lease; take the name again where the store had forgotten it. Raises Unavailable."""
        if self._is_held and not await self._took():
            _log.error("another node has this node's name; give each a node.id of its own", node=self._access.node)

    async def release(self) -> None:
        """Give the name up, at the end of the node. It ends by itself where the store does not answer."""
        if not self._is_held:
            return
        self._is_held = False
        try:
            if await self._holder() == self._instance:
                await self._access.ask("DEL", self._key)
        except Unavailable:
            pass

    async def _took(self) -> bool:
        lease = round(self._lease * 1000)
        if await self._holder() == self._instance:
            await self._access.ask("SET", self._key, self._instance, "PX", lease)
            return True
        return await self._access.ask("SET", self._key, self._instance, "NX", "PX", lease) is not None

    async def _holder(self) -> str:
        holder: bytes | None = await self._access.ask("GET", self._key)
        return holder.decode() if holder is not None else ""

"""Connections to that shard of a cluster which holds the log.

All keys of the log lie in one slot. So its calls need no routing: a connection looks up the slot's master when it is
made, and one that learns that the slot is elsewhere now is given up.
"""

from __future__ import annotations

from typing import Any

from redis.asyncio.cluster import RedisCluster
from redis.asyncio.connection import Connection, SSLConnection
from redis.exceptions import (
    AskError,
    ClusterDownError,
    ConnectionError,  # noqa: A004  the package's own, as its pool expects it
    MovedError,
    ReadOnlyError,
    TryAgainError,
)

_ELSEWHERE = (MovedError, AskError, TryAgainError, ReadOnlyError, ClusterDownError)


class ShardLocator:
    """The master of the slot of one key, as the cluster says it; asked again after each failure."""

    def __init__(self, cluster: RedisCluster, key: str) -> None:
        self._cluster, self._key = cluster, key
        self.is_stale = False
        self.moves = 0
        """The number of times that the slot was elsewhere: connections made before lead to its old place."""

    async def find(self) -> tuple[str, int]:
        """Return host and port. Raises redis.exceptions.RedisError."""
        await self._cluster.initialize()
        if self.is_stale:
            await self._cluster.nodes_manager.initialize()
            self.is_stale = False
        node = self._cluster.get_node_from_key(self._key)
        if node is None:
            self.is_stale = True
            raise ConnectionError("No shard of the cluster has the log's slot")
        return node.host, int(node.port)


class ShardConnection(Connection):
    """A connection to the shard. `locator` says where it is."""

    def __init__(self, *, locator: ShardLocator, **options: Any) -> None:
        self._locator = locator
        self._moves = locator.moves
        super().__init__(**options)

    async def connect(self) -> None:
        """Connect; one that was made before the slot moved is made again."""
        if self.is_connected and self._moves != self._locator.moves:
            await self.disconnect()
        await super().connect()  # type: ignore[no-untyped-call]

    async def _connect(self) -> None:
        self._moves = self._locator.moves
        try:
            self.host, self.port = await self._locator.find()
            await super()._connect()  # type: ignore[no-untyped-call]
        except BaseException:
            self._locator.is_stale = True
            raise

    async def read_response(self, *arguments: Any, **options: Any) -> Any:
        """Return the next reply; a reply that the slot is elsewhere ends the connection."""
        try:
            return await super().read_response(*arguments, **options)
        except _ELSEWHERE as error:
            self._locator.is_stale = True
            if self._moves == self._locator.moves:  # others that were made together say no news
                self._locator.moves += 1
            await self.disconnect()
            raise ConnectionError("The log's shard is another server now") from error


class TlsShardConnection(ShardConnection, SSLConnection):
    """The same over TLS."""

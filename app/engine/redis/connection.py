"""Connections to Redis: by URL, with a deadline on every call, and with one kind of failure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

import redis.asyncio as redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from app.engine.options import DEFAULT_OPTIONS, EngineOptions
from app.engine.ports.errors import EngineError
from app.engine.redis.addresses import RedisAddress, parsed_address
from app.engine.redis.keys import RedisKeys
from app.engine.redis.refusals import refused
from app.engine.redis.sentinels.master_finder import VOTE_SECONDS, MasterFinder, SentinelPool
from app.engine.redis.shard import ShardConnection, ShardLocator, TlsShardConnection

CALL_SECONDS: Final = 1.8
"""The deadline of a call: whoever waits for it is refused within 2 s."""

MAX_CONNECTIONS: Final = 64
"""The connections of a pool: whoever finds all of them in use waits for one, as long as a call may take.

On a cluster, where live state is spread over the masters, the calls of a client at once, over all of them.
"""

_VITAL_CONNECTIONS: Final = 16
_CLUSTER_RETRIES: Final = 3
_PAGE: Final = 500  # members of a set, about: the server does nothing else meanwhile
_CANCEL_SECONDS: Final = 0.1  # until a cancellation is repeated

Client: TypeAlias = "redis.Redis"
Argument: TypeAlias = "str | bytes | int | float"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Clients:
    """The clients of an engine, each with connections of its own.

    `log` reaches the keys of the log; `live` those of live state.

    `vital` and `vital_live` reach the same for what keeps the node going (commits, the pulse, the lease, the bulletin):
    that never waits behind the calls of users. `address` may be shown. `is_cluster`: the keys of live state are spread
    over its shards. `masters` asks the sentinels, where there are some.
    """

    log: Client
    live: Client
    vital: Client
    vital_live: Client
    address: str
    is_cluster: bool = False
    masters: MasterFinder | None = None

    async def close(self) -> None:
        """Close all connections."""
        ours = [self.log, self.vital, self.live, self.vital_live]  # those of the log first: they ask the others where
        for client in dict.fromkeys(ours):  # their server is
            await client.aclose()
        if self.masters is not None:
            await self.masters.close()


class RoomyCluster(RedisCluster):
    """A client of a cluster with room for so many commands at once; whoever finds no room waits for some.

    A client of a cluster makes connections as it needs them, and refuses what would take one too many. The room is less
    than that: what is left is for its own questions, where the slots are.
    """

    def __init__(self, room: int, **options: Any) -> None:
        self._room = asyncio.Semaphore(room)
        super().__init__(**options)

    async def execute_command(self, *command: Any, **options: Any) -> Any:
        """Return the reply. Raises TimeoutError where there was no room as long as a call may take."""
        async with asyncio.timeout(CALL_SECONDS):
            await self._room.acquire()
        try:
            await self.initialize()  # else the first ones, which do not know where the slots are, ask any server
            return await super().execute_command(*command, **options)
        except AttributeError as wrong:  # another call has just closed all connections, to learn where slots moved
            raise RedisConnectionError("The connection was closed") from wrong
        finally:
            self._room.release()


def connect(url: str, options: EngineOptions = DEFAULT_OPTIONS) -> Clients:
    """Return clients of what the URL names; nothing is dialled yet. Raises EngineError."""
    try:
        address = parsed_address(url)
    except ValueError as wrong:
        raise EngineError(f"storage.engine is no address of Redis: {wrong}") from wrong
    if address.kind == "cluster":
        return _cluster_clients(address, options)
    common = _common(address, options) | {"retry": Retry(NoBackoff(), 0), "db": address.database}
    make: Callable[[int], Client]
    masters: MasterFinder | None = None
    if address.kind == "sentinel":
        masters = finder = _master_finder(address, options)

        def make(connections: int) -> Client:
            return redis.Redis.from_pool(SentinelPool(address.service, finder, **common, **_pooled(connections)))

    else:
        host, port = address.hosts[0]
        common.pop("ssl", None)
        kind = redis.SSLConnection if address.tls else redis.Connection

        def make(connections: int) -> Client:
            pooled = _pooled(connections)
            pool = redis.BlockingConnectionPool(connection_class=kind, host=host, port=port, **pooled, **common)
            return redis.Redis.from_pool(pool)

    log, live, vital = make(MAX_CONNECTIONS), make(MAX_CONNECTIONS), make(_VITAL_CONNECTIONS)
    for client in (log, live, vital):
        client.response_callbacks.clear()  # replies as the server sends them
    return Clients(log, live, vital, vital, address.shown, masters=masters)


def _master_finder(address: RedisAddress, options: EngineOptions) -> MasterFinder:
    asking = {
        "socket_timeout": VOTE_SECONDS,
        "socket_connect_timeout": VOTE_SECONDS,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        **_tls(address, options),
    }
    return MasterFinder(address.service, [redis.Redis(host=host, port=port, **asking) for host, port in address.hosts])


def _pooled(connections: int) -> dict[str, Any]:
    return {"max_connections": connections, "timeout": CALL_SECONDS}


def _cluster_clients(address: RedisAddress, options: EngineOptions) -> Clients:
    common = _common(address, options)
    live, vital_live = (_cluster_client(address, common, room) for room in (MAX_CONNECTIONS, _VITAL_CONNECTIONS))
    common.pop("ssl", None)
    locator = ShardLocator(live, RedisKeys(options.prefix).meta)

    def make(connections: int) -> Client:
        pool = redis.BlockingConnectionPool(
            connection_class=TlsShardConnection if address.tls else ShardConnection,
            locator=locator,
            retry=Retry(NoBackoff(), 0),
            **_pooled(connections),
            **common,
        )
        client = redis.Redis.from_pool(pool)
        client.response_callbacks.clear()
        return client

    log, vital = make(MAX_CONNECTIONS), make(_VITAL_CONNECTIONS)
    # They execute commands as a client of one server does.
    return Clients(log, live, vital, vital_live, address.shown, is_cluster=True)  # type: ignore[arg-type]


def _cluster_client(address: RedisAddress, common: Mapping[str, Any], room: int) -> RoomyCluster:
    nodes = [ClusterNode(host, port) for host, port in address.hosts]
    cluster = RoomyCluster(room, startup_nodes=nodes, retry=Retry(NoBackoff(), _CLUSTER_RETRIES), **common)
    for command in [name for name in cluster.response_callbacks if not name.startswith(("CLUSTER", "COMMAND"))]:
        del cluster.response_callbacks[command]
    return cluster


def _common(address: RedisAddress, options: EngineOptions) -> dict[str, Any]:
    return {
        "socket_timeout": CALL_SECONDS,
        "socket_connect_timeout": CALL_SECONDS,
        "protocol": 2,
        "decode_responses": False,
        "username": options.user or address.user or None,
        "password": options.password or address.password or None,
        **_tls(address, options),
    }


def _tls(address: RedisAddress, options: EngineOptions) -> dict[str, Any]:
    return {"ssl": True, "ssl_ca_certs": options.ca_file or None} if address.tls else {}


def execute(client: Client, *command: Argument) -> Awaitable[Any]:
    """Return the reply of a command, as the server sends it."""
    return client.execute_command(*command)  # type: ignore[no-untyped-call]  # the package says no types


async def members(client: Client, key: str) -> AsyncIterator[Sequence[bytes]]:
    """Yield the members of a set in pages, each in a call of its own; one may come twice. Raises Unavailable."""
    cursor = b"0"
    while True:
        cursor, page = await asked(execute(client, "SSCAN", key, cursor, "COUNT", _PAGE))
        if page:
            yield page
        if cursor == b"0":
            return


async def asked(call: Awaitable[T], seconds: float = CALL_SECONDS) -> T:
    """Return the answer of a call. Raises Unavailable where none comes in time, and where the server refuses it."""
    try:
        async with asyncio.timeout(seconds):
            return await call
    except (RedisError, OSError, TimeoutError) as error:
        raise refused(error) from error


async def ended(*tasks: asyncio.Task[Any] | None) -> None:
    """Cancel tasks and wait until they end; one that is calling the store may take a cancellation for a failed call."""
    left = {task for task in tasks if task is not None and not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_CANCEL_SECONDS)

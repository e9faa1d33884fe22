"""Connections to Redis: by URL, with a deadline on every call, and with one kind of failure."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import urlsplit, urlunsplit

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from app.engine.ports.errors import EngineError, Unavailable

CALL_SECONDS: Final = 1.8
"""The deadline of a call: whoever waits for it is refused within 2 s."""

SCHEMES: Final = ("redis://", "rediss://")

Client: TypeAlias = "redis.Redis"
Argument: TypeAlias = "str | bytes | int | float"
T = TypeVar("T")

_OPTIONS: Final[dict[str, Any]] = {
    "socket_timeout": CALL_SECONDS,
    "socket_connect_timeout": CALL_SECONDS,
    "protocol": 2,
    "decode_responses": False,
}


@dataclass(frozen=True, slots=True)
class Clients:
    """The clients of an engine. `log` reaches the keys of the log; `live` those of live state."""

    log: Client
    live: Client
    address: str
    """The URL without its password, for messages."""

    async def close(self) -> None:
        """Close all connections."""
        await self.log.aclose()
        if self.live is not self.log:
            await self.live.aclose()


def connect(url: str) -> Clients:
    """Return clients of the server that the URL names; nothing is dialled yet. Raises EngineError."""
    address = without_password(url)
    try:
        client = redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), **_OPTIONS)
    except ValueError as wrong:
        raise EngineError(f"storage.engine {address} is no address of Redis ({wrong}): correct it") from wrong
    client.response_callbacks.clear()  # replies as the server sends them
    return Clients(client, client, address)


def execute(client: Client, *command: Argument) -> Awaitable[Any]:
    """Return the reply of a command, as the server sends it."""
    return client.execute_command(*command)  # type: ignore[no-untyped-call]  # the package says no types


async def asked(call: Awaitable[T], seconds: float = CALL_SECONDS) -> T:
    """Return the answer of a call. Raises Unavailable where none comes in time, and where the server refuses it."""
    try:
        async with asyncio.timeout(seconds):
            return await call
    except (RedisError, OSError, TimeoutError) as error:
        raise refused(error) from error


def refused(error: BaseException) -> Unavailable:
    """Return what the caller of a failed call is told."""
    if isinstance(error, TimeoutError):
        return Unavailable("Redis does not answer: try again in a few seconds, or check the server")
    return Unavailable(f"Redis cannot do this now ({error}): try again in a few seconds, or check the server")


def without_password(url: str) -> str:
    """Return the URL as it may be shown."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))

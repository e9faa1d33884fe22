"""Checks of a Redis before anything is kept in it: a server that could lose what is promised is refused.

The server is asked, and never changed: what to set there is said in the sentence of the refusal, and
`config/redis.conf` and `config/users.acl` have it all.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog
from redis.asyncio.sentinel import MasterNotFoundError
from redis.exceptions import NoPermissionError, ResponseError

from app.configuration.storage_settings import redis_hosts
from app.engine.options import EngineOptions
from app.engine.ports.errors import EngineError, Unavailable
from app.engine.redis.connection import Client, Clients, asked, execute
from dossier_realtime.protocol.fields import Durability
from dossier_realtime.protocol.http.loopback import is_loopback

_log = structlog.get_logger("redis")

START_SECONDS: Final = 10.0  # for the first answer; nobody waits for it but the start, and a cluster is found first
_ASK_AGAIN_SECONDS: Final = 0.25
OLDEST: Final = 7
"""The oldest major version: older ones have no sharded pub/sub and no scripts that say which keys they write."""


async def check_server(clients: Clients, url: str, options: EngineOptions) -> Durability:
    """Return the durability that holds with this server. Raises EngineError where it cannot hold, and Unavailable."""
    check_way(url, options)
    client = clients.log
    where = clients.address
    information = await _information(client)
    version = information.get("redis_version", "")
    if not version.partition(".")[0].isdigit() or int(version.partition(".")[0]) < OLDEST:
        raise EngineError(f"{where} is Redis {version or 'of an unknown version'}: install {OLDEST}.0 or newer")
    if information.get("role") == "slave":
        raise EngineError(f"{where} is a replica, which takes no changes: name its master, or its sentinels")
    policy = information.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise EngineError(
            f"{where} has maxmemory-policy {policy}, by which it forgets events when it is full: "
            "set maxmemory-policy noeviction there"
        )
    syncs = information.get("aof_enabled") == "1" and await _setting(client, "appendfsync") == "always"
    if options.finds_durability:
        return "fsync" if syncs else "memory"
    if options.durability == "fsync" and not syncs:
        raise EngineError(
            f'storage.durability is "fsync", and {where} does not sync each write: set appendonly yes and '
            'appendfsync always there, let the user call CONFIG GET, or set storage.durability to "memory"'
        )
    replicas = int(information.get("connected_slaves", "0"))
    if options.durability == "replicated" and replicas < options.replicas:
        raise EngineError(
            f'storage.durability is "replicated", and {where} has {replicas} of {options.replicas} replicas: start '
            "them, or lower storage.replicas"
        )
    return options.durability


def check_way(url: str, options: EngineOptions) -> None:
    """Raise EngineError for a way to another machine that anybody could listen on, or that anybody could take."""
    away = [host for host, _ in redis_hosts(url) if not is_loopback(host)]
    if not away:
        return
    if not url.startswith("rediss"):
        raise EngineError(
            f"storage.engine leads to {away[0]} in the clear: begin it with rediss and give Redis a certificate "
            "(tls-port in config/redis.conf)"
        )
    user, _, password = url.partition("://")[2].rpartition("@")[0].partition(":")
    if not (options.user or user) or not (options.password or password):
        raise EngineError(
            f"storage.engine leads to {away[0]} without a user: set storage.redis_user and "
            "storage.redis_password_file (config/users.acl has one with the least rights)"
        )


async def _information(client: Client) -> dict[str, str]:
    reply = await _first_answer(client)
    lines = (line.partition(":") for line in reply.decode(errors="replace").splitlines() if not line.startswith("#"))
    return {name: value.strip() for name, colon, value in lines if colon}


async def _first_answer(client: Client) -> bytes:
    """Return the answer to INFO. Raises Unavailable.

    Sentinels have half a second to name the master. A start has no earlier master to keep, so it asks them again.
    """
    now = asyncio.get_running_loop().time
    until, is_told = now() + START_SECONDS, False
    while True:
        try:
            reply: bytes = await asked(execute(client, "INFO"), until - now())
        except Unavailable as refusal:
            is_unnamed = isinstance(refusal.__cause__, MasterNotFoundError)
            if not is_unnamed or now() + _ASK_AGAIN_SECONDS > until:
                raise
            if not is_told:
                is_told = True
                _log.warning("redis_master_not_named", reason=str(refusal), asks_for_seconds=START_SECONDS)
        else:
            return reply
        await asyncio.sleep(_ASK_AGAIN_SECONDS)


async def _setting(client: Client, name: str) -> str:
    """Return a setting of the server; "" where it may not be read. Raises Unavailable."""
    try:
        reply: list[bytes] = await asked(execute(client, "CONFIG", "GET", name), START_SECONDS)
    except Unavailable as refusal:
        if not _is_forbidden(refusal.__cause__):  # no answer says nothing of the setting
            raise
        return ""
    return reply[1].decode() if len(reply) > 1 else ""


def _is_forbidden(error: BaseException | None) -> bool:
    """Return whether the server answered that the user may not call a command, or that it has none of that name."""
    if isinstance(error, NoPermissionError):
        return True
    return isinstance(error, ResponseError) and "unknown command" in str(error)

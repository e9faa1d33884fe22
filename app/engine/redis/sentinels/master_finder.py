"""Finding the master: all sentinels are asked at once, and what most of them say counts (`votes.py`).

A node that is left with an old master after a partition learns so from the sentinels themselves, once it reaches most
of them. To wait until they demote the old master would take ten seconds more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

import redis.asyncio as redis
import structlog
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.sentinel import MasterNotFoundError, SentinelConnectionPool
from redis.exceptions import RedisError

from app.engine.redis.sentinels.votes import (
    Address,
    Vote,
    agreed_master,
    counting,
    existing,
    told_vote,
)

VOTE_SECONDS: Final = 0.45
"""The time of a sentinel to answer: the others are not held up by it, and all fit into a call."""

_ODD: Final = (ValueError, LookupError, TypeError, AttributeError)
"""Raised by a reply that is not one of a sentinel."""

_log = structlog.get_logger("redis")


class MasterFinder:
    """The sentinels of a service. `address`: the master that this node follows; None before the first answer.

    `rounds`: how often they were asked; `patience`: the seconds that each has to answer.
    """

    def __init__(self, service: str, sentinels: Sequence[redis.Redis], patience: float = VOTE_SECONDS) -> None:
        self._service, self._sentinels, self._patience = service, sentinels, patience
        self.address: Address | None = None
        self.rounds = 0
        self._epoch = 0  # of the master that is followed
        self._said: set[str] = set()  # what the log says once
        self.moved: list[Callable[[], None]] = []
        """Called when the node follows another master than before."""
        self._asking: asyncio.Task[Address | None] | None = None
        self._late: set[asyncio.Task[Vote | None]] = set()  # whose answer is not needed any more

    async def find(self) -> Address:
        """Return the master. Raises MasterNotFoundError. Calls that come meanwhile wait for the same answers."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        found = await asyncio.shield(self._asking)
        if found is None:
            raise MasterNotFoundError(f"No master found for {self._service}")
        return found

    async def close(self) -> None:
        """Close the connections to the sentinels."""
        for sentinel in self._sentinels:
            await sentinel.aclose()

    async def _ask(self) -> Address | None:
        waiting = {asyncio.create_task(self._vote(sentinel)) for sentinel in self._sentinels}
        votes: list[Vote] = []
        agreed: Address | None = None
        while waiting and agreed is None:
            answered, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            votes += [vote for task in answered if (vote := task.result()) is not None]
            agreed = agreed_master(votes, len(self._sentinels), len(waiting), self._epoch)
        for task in waiting:  # each ends by its own deadline
            self._late.add(task)
            task.add_done_callback(self._late.discard)
        self.rounds += 1
        self._warn(existing(votes))
        counted = counting(votes, len(self._sentinels), self._epoch)
        if agreed is not None:
            self._epoch = max(vote.epoch for vote in counted)
            self._follow(agreed)
            return agreed
        is_named = not counted or any(vote.alive and vote.address == self.address for vote in counted)
        return self.address if is_named else None

    def _warn(self, total: int) -> None:
        if len(self._sentinels) < total:
            hint = "name all of them in storage.engine: by some the master is told less surely"
            self._say_once("redis_sentinels_not_named", named=len(self._sentinels), sentinels=total, hint=hint)

    def _say_once(self, event: str, **fields: object) -> None:
        if event not in self._said:
            self._said.add(event)
            _log.warning(event, **fields)

    def _follow(self, address: Address) -> None:
        before, self.address = self.address, address
        if before not in (None, address):
            _log.warning("redis_master_changed", before=_shown(before), master=_shown(address))
            for moved in self.moved:
                moved()

    async def _vote(self, sentinel: redis.Redis) -> Vote | None:
        try:
            async with asyncio.timeout(self._patience):
                pipeline = sentinel.pipeline(transaction=False)
                pipeline.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._service)
                pipeline.execute_command("SENTINEL", "MASTER", self._service)
                address, told = await pipeline.execute()
                return told_vote(address, told)
        except (RedisError, OSError, TimeoutError):
            return None
        except _ODD as failure:  # of one: the others decide
            self._say_once("redis_sentinel_reply_odd", failure=repr(failure))
            return None


class SentinelPool(SentinelConnectionPool, redis.BlockingConnectionPool):
    """Connections to the master that the sentinels name; whoever finds all of them in use waits for one.

    One that leads to another server than the one that is followed is given up when it is to be used next.
    """

    def __init__(self, service: str, finder: MasterFinder, **options: Any) -> None:
        self._finder = finder
        super().__init__(service, finder, **options)  # type: ignore[no-untyped-call]  # the package says no types

    async def get_master_address(self) -> Address:
        """Return where the next connection leads. Raises MasterNotFoundError."""
        return await self._finder.find()

    async def ensure_connection(self, connection: AbstractConnection) -> None:
        """Connect, to the master of now."""
        if connection.is_connected and _place(connection) != self._finder.address:
            await connection.disconnect(nowait=True)
        await super().ensure_connection(connection)


def _place(connection: AbstractConnection) -> Address:
    return str(getattr(connection, "host", "")), int(getattr(connection, "port", 0))


def _shown(address: Address | None) -> str:
    return f"{address[0]}:{address[1]}" if address else ""

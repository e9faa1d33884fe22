"""Hints: one pub/sub connection a node, which is known to be alive because it hears the node's own beats.

What comes over it may be lost, late or twice. It only tells a node sooner what the log says.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Final

import structlog
from redis.exceptions import RedisError

from app.engine.ports.errors import Unavailable
from app.engine.redis.connection import CALL_SECONDS, Client, ended
from app.engine.redis.refusals import refused

RECONNECT_SECONDS: Final = 0.1
MAX_CONFIRM_SECONDS: Final = CALL_SECONDS
_BATCH: Final = 1_000  # channels a command, after a reconnection

_log = structlog.get_logger("redis")

Receive = Callable[[str, bytes], None]


class Bus:
    """The pub/sub connection. Subscriptions outlive it: each new connection makes them all again."""

    def __init__(self, client: Client, *, sharded: bool = False) -> None:
        self._client = client
        self._subscribe, self._unsubscribe = ("SSUBSCRIBE", "SUNSUBSCRIBE") if sharded else ("SUBSCRIBE", "UNSUBSCRIBE")
        self._receivers: dict[str, Receive] = {}
        self._confirming: dict[bytes, deque[asyncio.Future[None]]] = {}
        self._asked: dict[bytes, int] = {}  # commands for a channel that the connection has not answered yet
        self._connection: Any = None
        self._closing = False
        self.connected: Callable[[], None] = lambda: None
        """Called after each connection, once all subscriptions stand again: what was said meanwhile was not heard."""
        self._ended: set[asyncio.Task[None]] = set()  # of connections that were given up
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def subscribe(self, channel: str, receive: Receive) -> None:
        """Receive what is said on a channel, from the return of the call on. Raises Unavailable.

        The subscription stands also where the call fails: it is made with the next connection, unless it is given up.
        """
        self._receivers[channel] = receive
        name = channel.encode()
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._confirming.setdefault(name, deque()).append(confirmed)
        try:
            async with asyncio.timeout(MAX_CONFIRM_SECONDS):
                if self._connection is not None:
                    self._asked[name] = self._asked.get(name, 0) + 1
                    await self._connection.send_command(self._subscribe, channel)
                await confirmed
        except (RedisError, OSError, TimeoutError) as error:
            raise refused(error) from error

    async def unsubscribe(self, channel: str) -> None:
        """Receive nothing more of a channel. It never fails: a connection that is gone has no subscriptions."""
        if self._receivers.pop(channel, None) is None or self._connection is None:
            return
        try:
            await self._connection.send_command(self._unsubscribe, channel)
        except (RedisError, OSError, TimeoutError):
            self.reconnect()

    def reconnect(self) -> None:
        """Give up the connection, which may be dead without saying so, and make another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            _log.warning("redis_bus_reconnects")
            self._restart()

    async def close(self) -> None:
        """End the connection."""
        self._closing = True
        await ended(self._task, *self._ended)

    def _restart(self) -> None:
        self._task.cancel()
        self._ended.add(self._task)
        self._task.add_done_callback(self._ended.discard)
        if not self._closing:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        me, told = asyncio.current_task(), ""
        while not self._closing and self._task is me:  # a cancellation may be lost in the package's own timeouts
            self._asked = {}  # answers of the connection before do not count
            connection = self._client.connection_pool.make_connection()  # type: ignore[no-untyped-call]
            try:
                async with asyncio.timeout(CALL_SECONDS):
                    await connection.connect()
                await self._subscribe_all(connection)
                if self._task is not me:
                    return
                self._connection, told = connection, ""
                self.connected()
                while self._connection is connection:
                    await self._receive(connection)
            except (RedisError, OSError, TimeoutError, Unavailable) as error:
                if repr(error) != told:  # once for each failure, however often it is tried again
                    told = repr(error)
                    _log.warning("redis_bus_lost", error=told, subscriptions=len(self._receivers))
            except Exception:  # a node that hears nothing would deliver late for good
                _log.exception("redis_bus_failed")
            finally:
                if self._connection is connection:
                    self._connection = None
                await connection.disconnect(nowait=True)
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _subscribe_all(self, connection: Any) -> None:
        """Subscribe until nothing is missing; from there to the use of the connection nothing may be awaited.

        What is subscribed meanwhile is found here, because `subscribe` has no connection yet to send it on.
        """
        made: set[bytes] = set()
        while some := list(islice((name for name in self._receivers if name.encode() not in made), _BATCH)):
            async with asyncio.timeout(CALL_SECONDS):  # a batch: the number of channels has no bound
                await connection.send_command(self._subscribe, *some)
                left = {name.encode() for name in some}
                made |= left
                while left:
                    left.discard(await self._receive(connection))
        for channel in made & self._confirming.keys():  # given up and wanted again meanwhile: it stands
            self._confirmed(self._confirming.pop(channel))

    async def _receive(self, connection: Any) -> bytes:
        """Take what comes next, whenever that is; return the channel that it confirms, if it does.

        The beats find out a connection that hears nothing: the package's own deadline would end each that is quiet.
        """
        kind, channel, data = await connection.read_response(disable_decoding=True, timeout=math.inf)
        if kind in (b"message", b"smessage"):
            receive = self._receivers.get(channel.decode())
            if receive is not None:
                try:
                    receive(channel.decode(), data)
                except Exception as wrong:  # one that cannot be read must not end all others
                    asyncio.get_running_loop().call_exception_handler({"message": "bad hint", "exception": wrong})
        elif kind in (b"subscribe", b"ssubscribe"):
            self._answered(channel)
            return bytes(channel)
        return b""

    def _answered(self, channel: bytes) -> None:
        """Confirm a channel once its last command is answered: an UNSUBSCRIBE may follow an earlier answer."""
        left = self._asked.pop(channel, 1) - 1
        if left:
            self._asked[channel] = left
        else:
            self._confirmed(self._confirming.pop(channel, ()))

    def _confirmed(self, waiting: Iterable[asyncio.Future[None]]) -> None:
        for confirmed in waiting:
            if not confirmed.done():
                confirmed.set_result(None)

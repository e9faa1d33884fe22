"""Cursors of all nodes' connections: a hash for each document, a field for each connection.

A field begins with the home (one run of a node) that put it there, so that those of a dead one can be told, and be
cleared by whoever comes first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from app.engine.ports.errors import Unavailable
from app.engine.redis.connection import members
from app.engine.redis.live.access import LiveAccess
from app.engine.redis.live.homes import Homes
from app.engine.redis.together import all_done


class SharedCursors:
    """`ports.CursorStore`. What could not be written is written with the next renewal of the lease."""

    def __init__(self, access: LiveAccess, homes: Homes) -> None:
        self._access, self._homes = access, homes
        self._mine: dict[str, dict[str, bytes]] = {}  # channel → connection → body
        self._unwritten: dict[tuple[str, str], None] = {}  # channel and connection, in the order of their changes
        self._writing = asyncio.Lock()
        self._listed: set[tuple[str, str]] = set()  # homes and channels that the lists of the homes hold
        self._gone: Callable[[str, bytes], None] = lambda channel, body: None
        self._again: Callable[[], None] = lambda: None
        homes.sweeps.append(self._sweep)
        homes.moved.append(self._put_again)
        homes.ticks.append(self._write)

    def start(self, gone: Callable[[str, bytes], None], again: Callable[[], None]) -> None:
        self._gone, self._again = gone, again

    async def put(self, channel: str, connection: str, body: bytes) -> None:
        here = self._mine.setdefault(channel, {})
        if here.get(connection) != body:
            here[connection] = body
            self._unwritten[channel, connection] = None
        try:
            await self._write()
        except Unavailable:
            if (channel, connection) in self._unwritten:
                raise  # else it was another one, as on a cluster of which a part is away

    async def drop(self, channel: str, connection: str) -> None:
        here = self._mine.get(channel, {})
        if here.pop(connection, None) is None:
            return
        if not here:
            del self._mine[channel]
        self._unwritten[channel, connection] = None
        with suppress(Unavailable):  # with the next renewal
            await self._write()

    async def elsewhere(self, channel: str) -> list[bytes]:
        own, fields = self._homes.current, await self._fields(channel)
        for late in await self._ended({home for home, _ in fields} - {own}):
            await self._clear_late(channel, late, fields)
        return [body for (home, _), body in fields.items() if home != own]

    async def _ended(self, homes: set[str]) -> list[str]:
        """Return those that were cleared, or none where that cannot be told.

        A write that was under way may come after all that its home left was cleared, and one that stood still before
        it entered the channel into its list goes on after it: nobody else would find what they wrote.
        """
        left = sorted(homes)
        for name in self._homes.names[:2]:  # in this order: from the first a dead one moves to the second
            if not left:
                break
            try:
                scores = await self._access.ask("ZMSCORE", name, *left)
            except Unavailable:
                return []
            left = [home for home, score in zip(left, scores, strict=True) if score is None]
        return left

    async def _clear_late(self, channel: str, home: str, fields: dict[tuple[str, str], bytes]) -> None:
        """Take what a cleared home wrote late out of the channel and of its fields."""
        for of, connection in [name for name in fields if name[0] == home]:
            body = fields.pop((of, connection))
            is_elsewhere = any(other == connection for _, other in fields)  # its node lives on, with another home
            with suppress(Unavailable):  # by whoever asks next
                if await self._access.ask("HDEL", self._key(channel), f"{of}\0{connection}") and not is_elsewhere:
                    self._gone(channel, body)

    async def _fields(self, channel: str) -> dict[tuple[str, str], bytes]:
        """Return the cursors of all nodes by home and connection. Raises Unavailable."""
        reply = await self._access.ask("HGETALL", self._key(channel))
        names = (name.decode().partition("\0") for name in reply[0::2])
        return {(home, connection): body for (home, _, connection), body in zip(names, reply[1::2], strict=True)}

    async def _write(self) -> None:
        """Write what has changed, one round after the other: so no older cursor overtakes a newer one."""
        async with self._writing:
            some, self._unwritten = self._unwritten, {}
            if not some:
                return
            left = dict(some)

            async def write(home: str, one: tuple[str, str]) -> None:
                await self._write_one(home, *one)
                del left[one]

            try:
                home = await self._homes.assure()
                await all_done(partial(write, home, one) for one in some)
            finally:
                self._unwritten = left | self._unwritten

    async def _write_one(self, home: str, channel: str, connection: str) -> None:
        body = self._mine.get(channel, {}).get(connection)
        key, field = self._key(channel), f"{home}\0{connection}"
        if body is not None:
            if (home, channel) not in self._listed:  # first: what is in no list is never cleared
                await self._access.ask("SADD", self._list(home), channel)
                self._listed.add((home, channel))
            await self._access.ask("HSET", key, field, body)
            return
        await self._access.ask("HDEL", key, field)
        if channel not in self._mine and (home, channel) in self._listed:
            self._listed.discard((home, channel))
            await self._access.ask("SREM", self._list(home), channel)

    async def _put_again(self) -> None:
        """Put all under the node's new home: those of the old one are cleared. Raises Unavailable."""
        self._listed.clear()
        self._unwritten |= {(channel, connection): None for channel, here in self._mine.items() for connection in here}
        await self._write()
        self._again()

    async def _sweep(self, home: str) -> None:
        async for channels in members(self._access.client, self._list(home)):
            await all_done(partial(self._clear, home, name.decode()) for name in channels)
        await self._access.ask("DEL", self._list(home))

    async def _clear(self, home: str, channel: str) -> None:
        for (of, connection), body in (await self._fields(channel)).items():
            if of == home and await self._access.ask("HDEL", self._key(channel), f"{of}\0{connection}"):
                self._gone(channel, body)  # said by the one node that has cleared it

    def _key(self, channel: str) -> str:
        return self._access.keys.of_channel(channel, "cursors")

    def _list(self, home: str) -> str:
        return self._access.keys.of_home(home, "cursors")

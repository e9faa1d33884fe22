"""Entries that all nodes must hear: a short numbered list, which each node carries out in its order.

A node waits for new entries (XREAD BLOCK), and once a second asks what it may have missed. One that was away for longer
than entries are kept, or whose store was replaced, reads again what is kept beside the list.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from app.engine.ports.errors import Unavailable
from app.engine.redis.connection import ended
from app.engine.redis.live.access import LiveAccess, entry
from app.engine.redis.live.homes import Homes

KEPT_ENTRIES: Final = 10_000
_BLOCK_MILLISECONDS: Final = 1_000
_PAUSE_SECONDS: Final = 0.2
_WAIT_SECONDS: Final = 2.0  # for other nodes
_POLL_SECONDS: Final = 0.02

_log = structlog.get_logger("redis")


class Bulletin:
    """The list of entries. `receivers`: what carries out entries of a kind; `again`: what reads again what is kept."""

    def __init__(self, access: LiveAccess, homes: Homes) -> None:
        self._access, self._homes = access, homes
        self.receivers: dict[str, Callable[[str], None]] = {}
        self.again: list[Callable[[], Awaitable[None]]] = []
        self._cursor = 0
        self.reading = asyncio.Lock()
        """Held while entries are read and carried out."""
        self._task: asyncio.Task[None] | None = None

    @property
    def names(self) -> tuple[str, str]:
        """The keys: the list, and the number of its last entry."""
        return self._access.keys.live("bulletin"), self._access.keys.live("bulletin-n")

    async def start(self) -> None:
        """Read what is kept, and hear of changes from then on. Raises Unavailable."""
        began = round(self._access.clocks.unix() * 1000)  # no continuation of a list that the store lost
        await self._access.ask("SET", self.names[1], began, "NX")
        self._cursor = int(await self._access.ask("GET", self.names[1]) or 0)
        await self._read_again()
        await self._tell_read()
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Hear nothing more."""
        await ended(self._task)

    async def post(self, kind: str, body: str, *, kept: str = "", field: str = "", value: str = "") -> int:
        """Post an entry as `tell` does; it was carried out here before the call returns. Raises Unavailable."""
        number = await self.tell(kind, body, kept=kept, field=field, value=value)
        await self.catch_up()
        return number

    async def tell(self, kind: str, body: str, *, kept: str = "", field: str = "", value: str = "") -> int:
        """Put an entry on the list, and `value` into the hash `kept`; return its number. Raises Unavailable."""
        names = (*self.names, self._access.keys.live(kept or "kept"))
        return int(await self._access.run("bulletin_post", names, kind, body, KEPT_ENTRIES, field, value))

    async def catch_up(self) -> None:
        """Carry out every entry that there is. Raises Unavailable."""
        async with self.reading:
            while True:
                last, entries = await self._access.run("bulletin_read", self.names, self._cursor)
                before = self._cursor
                if last < before:
                    _log.warning("bulletin_replaced")
                    self._cursor = last
                    await self._read_again()
                for id_, fields in entries:
                    number = int(id_.partition(b"-")[0])
                    if number != self._cursor + 1:
                        _log.warning("bulletin_missed", entries=number - self._cursor - 1)
                        await self._read_again()
                    self._cursor = number
                    found = entry(fields)
                    self._carry_out(found["k"], found["b"])
                if not entries and last > self._cursor:
                    self._cursor = last
                    await self._read_again()
                if self._cursor != before:
                    await self._tell_read()
                if last <= self._cursor:
                    return

    async def heard_by_all(self, number: int) -> None:
        """Wait until every living node carried out an entry, at most 2 s: then one that did not is cut off."""
        names = (self._homes.names[0], self._read_name)
        steady = self._access.clocks.steady
        until = steady() + _WAIT_SECONDS
        while steady() < until:
            if not await self._access.run("bulletin_unread", names, number):
                return
            await asyncio.sleep(_POLL_SECONDS)

    @property
    def _read_name(self) -> str:
        return self._access.keys.live("bulletin-read")

    async def _tell_read(self) -> None:
        await self._access.ask("HSET", self._read_name, self._homes.current, self._cursor)

    def _carry_out(self, kind: str, body: str) -> None:
        receive = self.receivers.get(kind)
        if receive is not None:
            try:
                receive(body)
            except Exception:  # one that fails must not keep the others back
                _log.exception("bulletin_entry_failed", kind=kind)

    async def _read_again(self) -> None:
        for read in self.again:
            await read()

    async def _run(self) -> None:
        while True:
            try:
                wait = (
                    "XREAD",
                    "BLOCK",
                    _BLOCK_MILLISECONDS,
                    "COUNT",
                    1,
                    "STREAMS",
                    self.names[0],
                    f"{self._cursor}-0",
                )
                await self._access.ask(*wait)
                await self.catch_up()
            except Unavailable:
                await asyncio.sleep(_PAUSE_SECONDS)
            except Exception:
                _log.exception("bulletin_failed")
                await asyncio.sleep(_PAUSE_SECONDS)

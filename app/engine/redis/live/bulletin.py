"""Entries that all nodes must hear: a short numbered list, which each node carries out in its order.

A node waits for new entries (XREAD BLOCK), and once a second asks what it may have missed. One that was away for longer
than entries are kept, or whose store was replaced, reads again what is kept beside the list.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

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


class KeptRow(NamedTuple):
    """A row that is kept beside the list, as `<number> <value>`: the higher number stays.

    `known`: the number of the row that the node knows, 0 for none; `is_known`: this is that row, which the store may
    have lost, and no newer one.
    """

    kept: str = ""
    field: str = ""
    value: str = ""
    known: int = 0
    is_known: bool = False


NO_ROW: Final = KeptRow()


class Bulletin:
    """The list of entries.

    `receivers`: what carries out entries of a kind, by body and number; `again`: what reads again what is kept.
    """

    def __init__(self, access: LiveAccess, homes: Homes) -> None:
        self._access, self._homes = access, homes
        self.receivers: dict[str, Callable[[str, int], None]] = {}
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

    async def post(self, kind: str, body: str, row: KeptRow = NO_ROW) -> int:
        """Post an entry as `tell` does; it was carried out here before the call returns. Raises Unavailable."""
        number = await self.tell(kind, body, row)
        await self.catch_up()
        return number

    async def tell(self, kind: str, body: str, row: KeptRow = NO_ROW) -> int:
        """Put an entry on the list, and its row beside it; return its number. Raises Unavailable."""
        names = (*self.names, self._access.keys.live(row.kept or "kept"))
        words = row.field, row.value, row.known, "1" if row.is_known else ""
        return int(await self._access.run("bulletin_post", names, kind, body, KEPT_ENTRIES, *words))

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
                    self._carry_out(found["k"], found["b"], number)
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

    def _carry_out(self, kind: str, body: str, number: int) -> None:
        receive = self.receivers.get(kind)
        if receive is not None:
            try:
                receive(body, number)
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

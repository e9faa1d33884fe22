"""The spent part of users' daily quotas, added up over all nodes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import Final, cast

import msgspec
import structlog

from app.core.ratelimit import Quota
from app.engine.ports.errors import Unavailable
from app.engine.ports.limits import Spent
from app.engine.redis.connection import ended
from app.engine.redis.live.access import LiveAccess, pairs
from app.engine.redis.live.homes import Homes

DAY_SECONDS: Final = 86_400.0
_log = structlog.get_logger("redis")
_BATCH: Final = 200
_STORED = msgspec.json.Decoder(tuple[str, int])


class RedisQuotas:
    """`ports.QuotaStore`. What was spent here is added to the users' amounts within a second, or after an outage."""

    is_shared = True

    def __init__(self, access: LiveAccess, homes: Homes) -> None:
        self._access = access
        self.found: Sequence[Spent] = ()
        self._heard: Callable[[Sequence[Spent]], None] = lambda spent: None
        self._known: dict[tuple[str, Quota], Spent] = {}  # the amounts of all nodes that this node counts from
        self._wanted: dict[tuple[str, Quota], Spent] = {}  # the amounts as this node has them now
        self._adding = asyncio.Lock()
        self._cleaning: asyncio.Task[None] | None = None
        homes.ticks.append(self.settle)

    def start(self, heard: Callable[[Sequence[Spent]], None]) -> None:
        self._heard = heard

    async def open(self) -> None:
        """Read what was spent so far. Raises Unavailable."""
        found, over = self._judged(pairs(await self._access.ask("HGETALL", self._name)))
        await self._drop(over)
        self.found = sorted(found, key=lambda one: one.since)
        self._known = {(one.user_id, one.kind): one for one in found}

    def put(self, spent: Sequence[Spent]) -> None:
        self._wanted |= {(one.user_id, one.kind): one for one in spent}

    def upkeep(self) -> None:
        """Begin to forget days that are over, unless that is under way."""
        if self._cleaning is None or self._cleaning.done():
            self._cleaning = asyncio.create_task(self._clean())

    async def close(self) -> None:
        """Store what was put, if the store answers."""
        await ended(self._cleaning)
        try:
            await self.settle()
        except Unavailable:
            _log.warning("quotas_not_stored", users=len(self._wanted))

    async def settle(self) -> None:
        async with self._adding:
            # What is put meanwhile is left to who waits for it: else one caller would serve all the others, for ever.
            for _ in range(ceil(len(self._wanted) / _BATCH)):
                await self._add_some()

    async def _add_some(self) -> None:
        some = [self._wanted.pop(key) for key in list(self._wanted)[:_BATCH]]
        arguments: list[str | int] = []
        for one in some:
            before = self._known.get((one.user_id, one.kind))
            same_day = before is not None and one.since < before.since + DAY_SECONDS - 1
            added = one.amount - (before.amount if before is not None and same_day else 0)
            arguments += [f"{one.user_id}\0{one.kind}", repr(one.since), added]
        now = self._access.clocks.unix()
        try:
            reply = await self._access.run("quota_add", [self._name], round(DAY_SECONDS), repr(now), *arguments)
        except Unavailable:
            self._wanted = {(one.user_id, one.kind): one for one in some} | self._wanted
            raise
        total: list[Spent] = []
        for at, one in enumerate(some):
            key, now_known = (
                (one.user_id, one.kind),
                Spent(one.user_id, one.kind, float(reply[2 * at]), int(reply[2 * at + 1])),
            )
            self._known[key] = now_known
            heard = now_known.amount - one.amount
            if heard:
                total.append(now_known._replace(amount=heard))
                if key in self._wanted:  # put while this was asked: without what is heard only now
                    newer = self._wanted[key]
                    self._wanted[key] = newer._replace(amount=max(0, newer.amount + heard))
        if total:
            self._heard(total)

    async def _clean(self) -> None:
        now = self._access.clocks.unix()
        for key in [key for key, one in self._known.items() if now - one.since >= 2 * DAY_SECONDS]:
            del self._known[key]
        cursor: bytes | int = b"0"
        try:
            while True:
                cursor, some = await self._access.ask("HSCAN", self._name, cursor, "COUNT", _BATCH)
                await self._drop(self._judged(pairs(some))[1])
                if not int(cursor):
                    return
        except Unavailable:
            pass  # done with the next upkeep

    def _judged(self, rows: Mapping[str, str]) -> tuple[list[Spent], list[str]]:
        """Return what was spent of the present days, and the fields whose day is over."""
        now, found, over = self._access.clocks.unix(), list[Spent](), list[str]()
        for field, text in rows.items():
            user_id, _, kind = field.partition("\0")
            since, amount = _STORED.decode(text)
            if now - float(since) >= DAY_SECONDS:
                over.append(field)
            else:
                found.append(Spent(user_id, cast("Quota", kind), float(since), amount))
        return found, over

    async def _drop(self, fields: Sequence[str]) -> None:
        """Remove fields whose day is over, but those in which another node has begun a new one."""
        now = repr(self._access.clocks.unix())
        for start in range(0, len(fields), _BATCH):
            some = fields[start : start + _BATCH]
            await self._access.run("quota_drop", [self._name], round(DAY_SECONDS), now, *some)

    @property
    def _name(self) -> str:
        return self._access.keys.live("quotas")

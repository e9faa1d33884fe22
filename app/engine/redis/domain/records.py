"""Records in Redis: reading, and removing those whose time is over. commit.lua changes them with the events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from app.engine.ports.errors import Unavailable
from app.engine.ports.records import ListPlace, Record
from app.engine.redis.connection import Client, asked, execute
from app.engine.redis.keys import RedisKeys
from app.engine.redis.scripts import loader

_BY_KEY: Final = 500  # records a call: the server does nothing else meanwhile
_MAX_REMOVED: Final = 500  # records a call, likewise
_SEPARATOR: Final = "\n"  # between labels, which are names and hold no line end

Fields = Sequence[bytes | None]


class RedisRecords:
    """`ports.RecordStore`."""

    def __init__(self, client: Client, keys: RedisKeys, now: Callable[[], float]) -> None:
        self._client, self._keys, self._now = client, keys, now
        self._removal: asyncio.Task[None] | None = None
        self._is_wanted = False

    async def find(self, kind: str, keys: Sequence[str]) -> dict[str, Record]:
        found = await self.found([(kind, key) for key in dict.fromkeys(keys)])
        return {record.key: record for record in found if record is not None}

    async def found(self, names: Sequence[tuple[str, str]]) -> list[Record | None]:
        """Return records by kind and key, None for each that is not there. Raises Unavailable."""
        found: list[Record | None] = []
        for start in range(0, len(names), _BY_KEY):
            some = names[start : start + _BY_KEY]
            rows = await self._run("find_records", *(word for name in some for word in name))
            found += [
                None if fields[0] is None else _record(kind, key, fields)
                for (kind, key), fields in zip(some, rows, strict=True)
            ]
        return found

    async def listed(self, kind: str, label: str, after: ListPlace | None, limit: int) -> list[Record]:
        begin = "" if after is None else f"{after.order}\0{after.key}"
        return [
            _record(kind, key.decode(), fields)
            for key, fields in await self._run("list_records", kind, label, begin, limit)
        ]

    async def count(self, kind: str, label: str) -> int:
        return int(await asked(execute(self._client, "ZCARD", self._keys.listed(kind, label))))

    async def due(self, kind: str, until: float, limit: int) -> list[Record]:
        return [
            _record(kind, key.decode(), fields)
            for key, fields in await self._run("due_records", kind, repr(float(until)), limit)
        ]

    async def next_due(self, kind: str) -> float | None:
        found = await asked(execute(self._client, "ZRANGE", self._keys.due(kind), 0, 0, "WITHSCORES"))
        return float(found[1]) if found else None

    def upkeep(self) -> None:
        """Begin to remove records whose time is over; asked while that is under way, look once more behind it."""
        self._is_wanted = True
        if self._removal is None or self._removal.done():
            self._removal = asyncio.get_running_loop().create_task(self._remove_expired())

    async def close(self) -> None:
        """Finish what is under way."""
        if self._removal is not None:
            await self._removal

    async def _remove_expired(self) -> None:
        while self._is_wanted:
            self._is_wanted = False
            with suppress(Unavailable):  # the next upkeep finds what this one left
                while await self._run("expire_records", repr(self._now()), _MAX_REMOVED) == _MAX_REMOVED:
                    pass

    async def _run(self, script: str, *arguments: str | float) -> Any:
        return await loader.run(self._client, script, [self._keys.meta], self._keys.log, *arguments)


def _record(kind: str, key: str, fields: Fields) -> Record:
    body, revision, labels, order, due, expires = (field or b"" for field in fields)
    return Record(
        kind,
        key,
        body,
        int(revision),
        tuple(labels.decode().split(_SEPARATOR)) if labels else (),
        order.decode(),
        float(due) if due else None,
        float(expires) if expires else None,
    )

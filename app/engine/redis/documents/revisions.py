"""All versions of documents in Redis: packed segments, and after them the log."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from app.core.domain import kept_versions
from app.core.domain.revision_rows import NamedVersion
from app.engine.document_versions import payload_of
from app.engine.ports.errors import Unavailable
from app.engine.redis.connection import asked, execute
from app.engine.redis.log.broker import LogParts
from app.engine.redis.log.stored_event import decoded
from app.engine.redis.scripts import loader
from dossier_realtime.protocol.events import RemoteOperationPayload

_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(NamedVersion)


class RedisRevisions:
    """`ports.RevisionStore` on the log."""

    def __init__(self, parts: LogParts) -> None:
        self._client, self._keys, self._reader = parts.client, parts.keys, parts.reader

    async def oldest(self, channel: str) -> int:
        oldest = await loader.run(self._client, "oldest_version", [self._keys.meta], self._keys.log, channel)
        return int(oldest)

    async def read(self, channel: str, after: int, limit: int) -> list[RemoteOperationPayload]:
        blocks, logged = await loader.run(
            self._client, "versions", [self._keys.meta], self._keys.log, channel, after, limit
        )
        found = list[RemoteOperationPayload]()
        try:
            for block in blocks:
                found += (one for one in kept_versions.unpack(block) if one.version > after)
            found += (payload_of(decoded(blob).body) for blob in logged)
        except ValueError as damaged:
            raise Unavailable(str(damaged)) from damaged
        return found[:limit] if found and found[0].version == after + 1 else []

    async def name(self, channel: str, named: NamedVersion) -> None:
        _, (head,) = await self._reader.heads([channel])
        key = self._keys.named(channel, head.generation)
        await asked(execute(self._client, "HSET", key, named.name, _encode(named)))

    async def named(self, channel: str) -> Sequence[NamedVersion]:
        _, (head,) = await self._reader.heads([channel])
        values = await asked(execute(self._client, "HVALS", self._keys.named(channel, head.generation)))
        return sorted((_decoder.decode(value) for value in values), key=lambda one: (one.version, one.name))

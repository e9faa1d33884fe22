"""Operations of documents in Redis: versions are events of the document's own channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from app.engine.delivery_rules import DeliveryRules
from app.engine.document_versions import operation_key
from app.engine.ports.documents import KnownOperation, OperationKey, Version
from app.engine.ports.errors import Unavailable
from app.engine.redis.connection import asked, execute
from app.engine.redis.log.broker import LogParts
from app.engine.redis.log.requests import CommitParts, EditId, Tip
from app.engine.redis.log.stored_event import StoredEvent
from app.engine.redis.scripts import loader


class RedisDocuments:
    """`ports.DocumentStore` on the log."""

    def __init__(self, parts: LogParts) -> None:
        self._client, self._keys = parts.client, parts.keys
        self._reader, self._lane = parts.reader, parts.lane

    async def append(self, channel: str, tip: int, versions: Sequence[Version]) -> None:
        events = [StoredEvent(channel, one.body, _rules(one)) for one in versions]
        # An edit of several parts is found by its last version: once that is there, all parts are.
        last = {
            OperationKey(one.user_id, one.op_id): (at, one.digest)
            for at, one in enumerate(versions)
            if one.op_id is not None
        }
        stored = {operation_key(*key): key for key in last}
        ids = [EditId(name, *last[key]) for name, key in stored.items()]
        kept = [True] * len(events)
        await self._lane.submit(CommitParts(events, kept, tip=Tip(channel, tip), ids=ids, edits=stored))

    async def known(self, channel: str, keys: Sequence[OperationKey]) -> Mapping[OperationKey, KnownOperation]:
        if not keys:
            return {}
        _, (head,) = await self._reader.heads([channel])
        names = [operation_key(*key) for key in keys]
        name = self._keys.operations(channel, head.generation)
        values = await asked(execute(self._client, "HMGET", name, *names))
        found = {}
        for key, value in zip(keys, values, strict=True):
            if value is not None:
                version, _, digest = value.partition(b":")
                found[key] = KnownOperation(int(version), digest)
        return found

    async def keep_snapshot(self, channel: str, version: int, state: bytes) -> None:
        with suppress(Unavailable):
            await loader.run(self._client, "keep_snapshot", [self._keys.meta], self._keys.log, channel, version, state)

    async def snapshot(self, channel: str, version: int) -> tuple[int, bytes] | None:
        found = await loader.run(self._client, "snapshot", [self._keys.meta], self._keys.log, channel, version)
        return (int(found[0]), found[1]) if found else None


def _rules(version: Version) -> DeliveryRules | None:
    return DeliveryRules(exclude_connection=version.exclude_connection) if version.exclude_connection else None

"""Operations of documents in Redis: versions are events of the document's own channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from app.core.position import epoch_of
from app.engine.delivery_rules import DeliveryRules
from app.engine.document_versions import operation_key
from app.engine.ports.documents import NO_EXTRAS, CommitExtras, KnownOperation, OperationKey, Version
from app.engine.ports.errors import TipMoved, Unavailable
from app.engine.redis.connection import asked, execute
from app.engine.redis.log.broker import LogParts
from app.engine.redis.log.requests import CommitParts, EditId, Tip
from app.engine.redis.log.stored_event import StoredEvent, stored
from app.engine.redis.scripts import loader

_MAX_GENERATIONS = 10_000  # of documents that were edited lately


class RedisDocuments:
    """`ports.DocumentStore` on the log."""

    def __init__(self, parts: LogParts) -> None:
        self._client, self._keys = parts.client, parts.keys
        self._reader, self._lane, self._store = parts.reader, parts.lane, parts.store
        self._generations: dict[str, tuple[str, int]] = {}

    async def append(
        self,
        channel: str,
        tip: int,
        versions: Sequence[Version],
        epoch: str = "",
        extras: CommitExtras = NO_EXTRAS,
    ) -> None:
        generation, store = await self._history(channel, epoch) if epoch else (-1, "")
        events = [StoredEvent(channel, one.body, _rules(one)) for one in versions]
        events += [stored(entry) for entry in extras.events]
        # An edit of several parts is found by its last version: once that is there, all parts are.
        last = {
            OperationKey(one.user_id, one.op_id): (at, one.digest)
            for at, one in enumerate(versions)
            if one.op_id is not None
        }
        edits = {operation_key(*key): key for key in last}
        ids = [EditId(name, *last[key]) for name, key in edits.items()]
        kept = [True] * len(versions) + [entry.durable for entry in extras.events]
        at = Tip(channel, tip, generation, store)
        await self._lane.submit(CommitParts(events, kept, None, extras.changes, at, ids, edits))

    async def _history(self, channel: str, epoch: str) -> tuple[int, str]:
        """Return the generation and the store of a history; it is asked for once. Raises TipMoved where it has ended.

        A store that replaced another one counts generations anew: what is known of one says nothing of the other.
        """
        known = self._generations.get(channel)
        if known is not None and known[0] == epoch and self._store.epoch(channel, known[1]) == epoch:
            return known[1], self._store.store
        store, (head,) = await self._reader.heads([channel])
        if epoch_of(store, channel, head.generation) != epoch:
            raise TipMoved(channel)
        self._generations[channel] = epoch, head.generation
        if len(self._generations) > _MAX_GENERATIONS:
            del self._generations[next(iter(self._generations))]
        return head.generation, store

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

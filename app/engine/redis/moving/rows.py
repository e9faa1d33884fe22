"""The rows of a store in Redis: reading them from its keys, and writing them under a prefix that holds nothing yet."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Sequence
from functools import singledispatchmethod
from typing import Any, Final, Self

import msgspec

from app.core.domain.revision_rows import NamedVersion
from app.core.position import epoch_of
from app.engine.limits import EngineLimits
from app.engine.moving.moved_rows import (
    MovedAlert,
    MovedBrief,
    MovedChannel,
    MovedEvent,
    MovedKey,
    MovedName,
    MovedOperation,
    MovedQuota,
    MovedRecord,
    MovedRevocation,
    MovedRow,
    MovedSegment,
    MovedSettings,
    MovedSnapshot,
    MovedStore,
)
from app.engine.options import EngineOptions
from app.engine.ports.errors import EngineError
from app.engine.ports.events import IdempotencyKey
from app.engine.ports.records import RecordChange
from app.engine.redis.connection import Argument, asked, connect, execute
from app.engine.redis.domain.facts import (
    ALERT,
    BRIEF,
    AlertBody,
    BriefBody,
    alert_body,
    alert_change,
    brief_body,
    brief_change,
)
from app.engine.redis.domain.records import RedisRecords
from app.engine.redis.keys import RedisKeys
from app.engine.redis.log.requests import hashed
from app.engine.redis.log.store_state import SCHEMA
from app.engine.redis.log.stored_event import StoredEvent, decoded, encoded
from app.engine.redis.scripts import loader
from app.engine.redis.startup_checks import check_way

BATCH: Final = 500
_CALL_SECONDS: Final = 60.0  # of a call that moves a batch; nobody waits for it but an administrator
_UNDER_WAY: Final = "moving"
"""The schema of a store that is being written: no service opens it."""

_encode = msgspec.msgpack.Encoder().encode
_named = msgspec.msgpack.Decoder(NamedVersion)
_quota = msgspec.json.Decoder(tuple[str, int])
_revocation = msgspec.json.Decoder(tuple[str, str])

Command = tuple[Argument, ...]


class _Settings(msgspec.Struct, array_like=True):
    """The settings of a channel in their row, after its number; what else is there is not moved."""

    channel: str
    level: int
    presence: bool
    history: bool
    frozen: bool
    read_only_until: int | None


_settings = msgspec.json.Decoder(_Settings)


class RedisRows:
    """The store at an address, under the prefix of `options`, that no service uses.

    Raises EngineError where it cannot be reached safely.
    """

    def __init__(self, url: str, options: EngineOptions, limits: EngineLimits) -> None:
        check_way(url, options)
        self._clients = connect(url, options)
        self.name = self._clients.address
        self._keys, self._limits = RedisKeys(options.prefix), limits
        self._records = RedisRecords(self._clients.log, self._keys, lambda: 0.0)
        self._store = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._clients.close()

    async def begin_reading(self) -> None:
        """Check that a store is there which no service uses. Raises EngineError and Unavailable."""
        await self._must_be_unused()
        schema = await self._ask("HGET", self._keys.meta, "schema")
        if schema != SCHEMA.encode():
            raise EngineError(f"{self._clients.address} holds no store of this version under {self._keys.log}")

    async def begin_writing(self) -> None:
        """Begin a store. What a move left that was cut off is removed first. Raises EngineError and Unavailable."""
        await self._must_be_unused()
        schema = await self._ask("HGET", self._keys.meta, "schema")
        if schema is not None and schema != _UNDER_WAY.encode():
            raise EngineError(
                f"{self._clients.address} holds a store under {self._keys.log}: name another storage.redis_prefix, or "
                "remove it first; nothing is overwritten"
            )
        names = [*await self._scan(f"{self._keys.log}*"), *await self._scan(f"{self._keys.live('')}*")]
        if names and schema is None:
            raise EngineError(f"{self._clients.address} holds keys under {self._keys.log}: name another prefix")
        for name in names:
            await self._ask("DEL", name)
        await self._ask("HSET", self._keys.meta, "schema", _UNDER_WAY)

    async def finish(self) -> None:
        """Let services open the store."""
        await self._ask("HSET", self._keys.meta, "schema", SCHEMA)

    # --- reading --------------------------------------------------------------------------------------------------

    async def rows(self) -> AsyncIterator[list[MovedRow]]:
        """Yield all rows, in batches."""
        store, commit = await self._ask("HMGET", self._keys.meta, "store", "commit")
        self._store = store.decode()
        yield [MovedStore(self._store, int(commit or 0))]
        async for channel, name in self._named_by("channel:"):
            generation, offset = await self._ask("HMGET", name, "generation", "offset")
            row = MovedChannel(channel, int(generation or 0), int(offset or 0))
            yield [row]
            async for batch in self._of_channel(row):
                yield batch
        yield await self._operations()
        async for _, name in self._named_by("key:"):
            yield await self._key(name)
        async for text, _ in self._named_by("record:"):
            kind, _, key = text.partition(":")
            yield await self._record(kind, key)
        yield await self._live()

    async def _of_channel(self, row: MovedChannel) -> AsyncIterator[list[MovedRow]]:
        channel, generation = row.channel, row.generation
        begin = "-"
        while found := await self._ask("XRANGE", self._keys.events(channel, generation), begin, "+", "COUNT", BATCH):
            yield [
                MovedEvent(channel, generation, int(name.split(b"-")[0]), int(fields[1]), decoded(fields[3]).body)
                for name, fields in found
            ]
            begin = f"({found[-1][0].decode()}"
        snapshots = await self._hash(self._keys.snapshots(channel, generation))
        yield [MovedSnapshot(channel, generation, int(version), state) for version, state in snapshots]
        segments = await self._hash(self._keys.segments(channel, generation))
        spans = ((name.decode().split(":"), body) for name, body in segments)
        yield [MovedSegment(channel, generation, int(first), int(last), body) for (first, last), body in spans]
        named = await self._hash(self._keys.named(channel, generation))
        found_names = (_named.decode(body) for _, body in named)
        yield [
            MovedName(channel, generation, one.name, one.version, one.user_id, one.user_name, one.at)
            for one in found_names
        ]

    async def _operations(self) -> list[MovedRow]:
        rows: list[MovedRow] = []
        begin = "-"
        while found := await self._ask("XRANGE", self._keys.operation_log, begin, "+", "COUNT", BATCH):
            for _, fields in found:
                place, key, version, at = fields[1].decode(), fields[3], int(fields[5]), int(fields[7])
                value = await self._ask("HGET", place, key)
                known, _, digest = (value or b"").partition(b":")
                channel, _, generation = place.removeprefix(f"{self._keys.log}ops:").rpartition(":")
                if known and int(known) == version:
                    rows.append(MovedOperation(channel, int(generation), key, version, digest, at))
            begin = f"({found[-1][0].decode()}"
        return rows

    async def _key(self, name: bytes) -> list[MovedRow]:
        found = await loader.run(self._clients.log, "moved_key", [name.decode()])
        if not found or not found[1]:
            return []
        user, _, key = found[1].decode().partition("\0")
        triples = zip(found[3::3], found[4::3], found[5::3], strict=True)
        places = tuple(
            (channel.decode(), offset or None, epoch_of(self._store, channel.decode(), generation) if offset else None)
            for channel, generation, offset in triples
        )
        return [MovedKey(user, key, found[0], places, int(found[2]))]

    async def _record(self, kind: str, key: str) -> list[MovedRow]:
        (record,) = await self._records.found([(kind, key)])
        if record is None:
            return []
        if kind == ALERT:
            alert = alert_body(record)
            levels = tuple(sorted(alert.levels.items()))
            return [MovedAlert(key, alert.level, alert.by, alert.changed, alert.claim, levels)]
        if kind == BRIEF:
            brief = brief_body(record)
            return [MovedBrief(key, brief.user, brief.ended, brief.changed, (*brief.claim[:2], ""))]
        return [
            MovedRecord(
                kind, key, record.body, record.revision, record.labels, record.order, record.due, record.expires
            )
        ]

    async def _live(self) -> list[MovedRow]:
        rows: list[MovedRow] = []
        for _, text in await self._hash(self._keys.live("settings")):
            rows.append(MovedSettings(*msgspec.structs.astuple(_settings.decode(text[text.index(b"[") :]))))
        for name, text in await self._hash(self._keys.live("revocations")):
            kind, _, subject = name.decode().partition("\0")
            at, expires = _revocation.decode(text)
            rows.append(MovedRevocation(kind, subject, float(at), float(expires)))
        for name, text in await self._hash(self._keys.live("quotas")):
            user, _, kind = name.decode().partition("\0")
            since, amount = _quota.decode(text)
            rows.append(MovedQuota(user, kind, float(since), amount))
        return rows

    # --- writing --------------------------------------------------------------------------------------------------

    async def write(self, rows: Sequence[MovedRow]) -> None:
        """Write rows; the store comes first, and a channel before what is of it. Raises Unavailable."""
        log, live = list[Command](), list[Command]()
        keys = [row for row in rows if isinstance(row, MovedKey)]
        for row in rows:
            if isinstance(row, MovedKey):
                continue
            commands = self._commands(row)
            (live if isinstance(row, MovedSettings | MovedRevocation | MovedQuota) else log).extend(commands)
        for client, commands in ((self._clients.log, log), (self._clients.live, live)):
            if commands:
                pipeline = client.pipeline(transaction=False)
                for command in commands:
                    pipeline.execute_command(*command)
                await asked(pipeline.execute(), _CALL_SECONDS)
        for key in keys:  # they name epochs of channels, which are there by now
            await self._put_key(key)

    @singledispatchmethod
    def _commands(self, row: MovedRow) -> Sequence[Command]:
        raise TypeError(f"{row!r:.80} is no row of a store")

    @_commands.register
    def _(self, row: MovedStore) -> Sequence[Command]:
        self._store = row.store
        return [("HSET", self._keys.meta, "store", row.store, "commit", row.commit)]

    @_commands.register
    def _(self, row: MovedChannel) -> Sequence[Command]:
        head = ("HSET", self._keys.channel(row.channel), "generation", row.generation, "offset", row.offset)
        if not row.offset:
            return [head]
        return [head, ("SADD", self._keys.channels, row.channel), ("ZADD", self._keys.begun, 1, row.channel)]

    @_commands.register
    def _(self, row: MovedEvent) -> Sequence[Command]:
        name, blob = self._keys.events(row.channel, row.generation), encoded(StoredEvent(row.channel, row.body))
        head = self._keys.channel(row.channel)
        oldest = ("HSETNX", head, "oldest", row.offset)  # events come in the order of their offsets
        return [("XADD", name, f"{row.offset}-0", "n", row.number, "e", blob), oldest]

    @_commands.register
    def _(self, row: MovedSnapshot) -> Sequence[Command]:
        return [("HSET", self._keys.snapshots(row.channel, row.generation), row.version, row.state)]

    @_commands.register
    def _(self, row: MovedSegment) -> Sequence[Command]:
        return [("HSET", self._keys.segments(row.channel, row.generation), f"{row.first}:{row.last}", row.body)]

    @_commands.register
    def _(self, row: MovedName) -> Sequence[Command]:
        named = NamedVersion(row.name, row.version, row.user, row.user_name, row.at)
        return [("HSET", self._keys.named(row.channel, row.generation), row.name, _encode(named))]

    @_commands.register
    def _(self, row: MovedOperation) -> Sequence[Command]:
        place = self._keys.operations(row.channel, row.generation)
        value = b"%d:%b" % (row.version, row.digest)
        log = ("XADD", self._keys.operation_log, "*", "h", place, "k", row.key, "v", row.version, "a", row.at)
        return [("HSET", place, row.key, value), log]

    @_commands.register
    def _(self, row: MovedRecord) -> Sequence[Command]:
        return self._recorded(
            RecordChange(row.kind, row.key, row.revision - 1, row.body, row.labels, row.order, row.due, row.expires)
        )

    @_commands.register
    def _(self, row: MovedAlert) -> Sequence[Command]:
        body = AlertBody(row.level, row.by, row.claim, dict(row.levels), row.changed)
        return self._recorded(alert_change(row.commitment, 0, body, self._limits))

    @_commands.register
    def _(self, row: MovedBrief) -> Sequence[Command]:
        body = BriefBody(row.user, row.ended, row.claim, row.changed)
        return self._recorded(brief_change(row.request, 0, body, self._limits))

    @_commands.register
    def _(self, row: MovedSettings) -> Sequence[Command]:
        return [("HSET", self._keys.live("settings"), row.channel, _json(msgspec.structs.astuple(row)))]

    @_commands.register
    def _(self, row: MovedRevocation) -> Sequence[Command]:
        value = _json((repr(row.at), repr(row.expires)))
        return [("HSET", self._keys.live("revocations"), f"{row.kind}\0{row.subject}", value)]

    @_commands.register
    def _(self, row: MovedQuota) -> Sequence[Command]:
        value = _json((repr(row.since), row.amount))
        return [("HSET", self._keys.live("quotas"), f"{row.user}\0{row.kind}", value)]

    def _recorded(self, change: RecordChange) -> Sequence[Command]:
        keys, kind, key = self._keys, change.kind, change.key
        due, expires = (("" if at is None else repr(at)) for at in (change.due, change.expires))
        numbers = ("revision", change.revision + 1, "order", change.order, "due", due, "expires", expires)
        labels = "\n".join(change.labels)
        commands: list[Command] = [
            ("HSET", keys.record(kind, key), "body", change.body or b"", "labels", labels, *numbers)
        ]
        commands += [("ZADD", keys.listed(kind, label), 0, f"{change.order}\0{key}") for label in change.labels]
        if change.due is not None:
            commands.append(("ZADD", keys.due(kind), due, key))
        if change.expires is not None:
            commands.append(("ZADD", keys.expiry, expires, f"{kind}\0{key}"))
        return commands

    async def _put_key(self, row: MovedKey) -> None:
        name = f"{self._keys.log}key:{hashed(IdempotencyKey(row.user, row.key, row.digest))}"
        words: list[Argument] = [row.digest, f"{row.user}\0{row.key}", row.expires]
        for channel, offset, epoch in row.places:
            words += [channel, await self._generation(channel, epoch), offset or 0]
        await loader.run(self._clients.log, "move_key", [name], *words)

    async def _generation(self, channel: str, epoch: str | None) -> int:
        """Return the generation of an epoch: the present one or an earlier one."""
        if epoch is None:
            return 0
        latest = int(await self._ask("HGET", self._keys.channel(channel), "generation") or 0)
        known = (number for number in range(latest, -1, -1) if epoch_of(self._store, channel, number) == epoch)
        return next(known, latest)

    # --- calls ----------------------------------------------------------------------------------------------------

    async def _must_be_unused(self) -> None:
        for names in ("CHANNELS", "SHARDCHANNELS"):
            if await self._ask("PUBSUB", names, _pattern(f"{self._keys.log}beat:") + "*"):
                raise EngineError(f"a service uses the store at {self._clients.address}: stop all its nodes first")

    async def _named_by(self, what: str) -> AsyncIterator[tuple[str, bytes]]:
        """Yield the keys of one sort, each with what its name says."""
        begin = f"{self._keys.log}{what}"
        for name in await self._scan(f"{begin}*"):
            yield name.decode().removeprefix(begin), name

    async def _scan(self, begin: str) -> list[bytes]:
        cursor, found = b"0", dict[bytes, None]()
        while True:
            pattern = _pattern(begin.removesuffix("*")) + "*"
            cursor, names = await self._ask("SCAN", cursor, "MATCH", pattern, "COUNT", 1000)
            found |= dict.fromkeys(names)
            if cursor == b"0":
                return list(found)

    async def _hash(self, name: str) -> list[tuple[bytes, bytes]]:
        flat = await self._ask("HGETALL", name)
        return list(zip(flat[0::2], flat[1::2], strict=True))

    def _ask(self, *command: Argument) -> Awaitable[Any]:
        return asked(execute(self._clients.log, *command), _CALL_SECONDS)


def _pattern(text: str) -> str:
    """Return a text as a pattern that fits it alone: a prefix may hold what patterns mean otherwise."""
    return "".join(f"\\{one}" if one in "*?[]^\\" else one for one in text)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()

"""Appending to the log of events in SQLite. All of it runs in the thread of `app.engine.sqlite.writer`.

A channel has one stream an epoch. The end of a stream is not stored: it is the offset of the stream's last event. A
channel that publishes often would be looked up in the index for each event, so the log keeps the ends of the channels
that were used last in memory. That memory may run ahead of the file only within one transaction: `forget` is called
after each rollback.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import msgspec

from app.core.position import epoch_of
from app.engine.delivery_rules import TO_EVERYBODY, DeliveryRules
from app.engine.embedded.events import records
from app.engine.embedded.events.history import StreamHead
from app.engine.embedded.events.operation_ids import OperationIds
from app.engine.embedded.storage.packed_bodies import packed
from app.engine.ports.documents import NO_EXTRAS, CommitExtras, Version
from app.engine.ports.errors import KeyConflict, TipMoved
from app.engine.ports.events import IdempotencyKey, PublicationEntry, PublishResult
from app.engine.ports.records import RecordChange

CACHED_TIPS: Final = 4_096  # channels whose end the writer need not look for in the store
PURGE_EVERY: Final = 64  # keys between two purges, each of which takes at most twice as many

_results = msgspec.json.Decoder(list[PublishResult])


class Stored(NamedTuple):
    """An event that was committed. `number` is its place in the whole log.

    `number`, `stream` and `offset` are 0 where the event is delivered and not kept.
    """

    channel: str
    epoch: str
    offset: int
    body: bytes
    stream: int = 0
    number: int = 0
    delivery: DeliveryRules = TO_EVERYBODY


class Appended(NamedTuple):
    """The results of a publish and the events that it committed; none where its key had been used before."""

    results: list[PublishResult]
    events: list[Stored]


class DocumentEnd(NamedTuple):
    """The last version of a document that something was decided on. `epoch`: of its history; empty for any."""

    channel: str
    version: int
    epoch: str = ""


class _Tip:
    """The end of a channel's newest stream."""

    __slots__ = ("epoch", "generation", "offset", "stream")

    def __init__(self, stream: int, generation: int, epoch: str, offset: int) -> None:
        self.stream, self.generation, self.epoch, self.offset = stream, generation, epoch, offset


Keep = Callable[[sqlite3.Connection, Sequence[PublicationEntry], float], None]
"""A job that keeps the domain facts of events in the same transaction.

It raises before it writes anything where a fact is refused: a job that fails must have written nothing.
"""


class EventLog:
    """The appending half of the log. It belongs to the writer's thread."""

    def __init__(self, store: str, key_seconds: float, keep: Keep, ids: OperationIds) -> None:
        self._store = store
        self._ids = ids
        self._key_seconds = key_seconds
        self._keep = keep
        self._tips: dict[str, _Tip] = {}

    def forget(self) -> None:
        """Drop the known ends of all streams: the last transaction was rolled back."""
        self._tips.clear()

    def append(
        self,
        db: sqlite3.Connection,
        entries: Sequence[PublicationEntry],
        key: IdempotencyKey | None,
        now: float,
        changes: Sequence[RecordChange] = (),
    ) -> Appended:
        """Append all entries and change records, unless `key` was used before. `now` is Unix seconds.

        Raises KeyConflict where the key was used with another body, Moved, and the exceptions of `keep`.
        """
        if key is not None:
            before = self.repeated(db, key, now)
            if before is not None:
                return Appended(before, [])
        # Records and facts first: they may refuse the entries, and nothing is written by then.
        records.check(db, changes)
        self._keep(db, [entry for entry in entries if entry.domain_fact is not None], now)
        events = [self._stored(db, entry) for entry in entries]
        results = [PublishResult(e.channel, e.offset or None, e.epoch or None) for e in events]
        records.keep(db, changes, [event.offset for event in events])
        if key is not None:
            self._remember(db, key, results, now)
        return Appended(results, events)

    def repeated(self, db: sqlite3.Connection, key: IdempotencyKey, now: float) -> list[PublishResult] | None:
        """Return the results of the request with this key; None where there was none. Raises KeyConflict."""
        row = db.execute(
            "SELECT digest, result FROM keys WHERE user = ? AND key = ? AND expires > ?", (key.user_id, key.key, now)
        ).fetchone()
        if row is None:
            return None
        if row[0] != key.digest:
            raise KeyConflict("The idempotency key was used with another body: take a new key")
        return [replace(result, repeated=True) for result in _results.decode(row[1])]

    def append_at(
        self,
        db: sqlite3.Connection,
        end: DocumentEnd,
        versions: Sequence[Version],
        now: float,
        extras: CommitExtras = NO_EXTRAS,
    ) -> Appended:
        """Append versions of a document. Raises TipMoved where its stream has another end, EditsKnown and Moved."""
        channel = end.channel
        tip = self._still(db, end)
        if tip.offset:
            self._ids.refuse_known(db, tip.stream, versions)
        records.check(db, extras.changes)
        events = []
        for version in versions:
            rules = DeliveryRules(exclude_connection=version.exclude_connection)
            event = self._insert(db, PublicationEntry(channel, version.body, durable=True, delivery=rules))
            events.append(event)
        if events:
            numbered = ((event.offset, version) for event, version in zip(events, versions, strict=True))
            self._ids.remember(db, events[0].stream, numbered, now)
        events += [self._stored(db, entry) for entry in extras.events]
        records.keep(db, extras.changes, [event.offset for event in events])
        return Appended([], events)

    def renew(self, db: sqlite3.Connection, channel: str, end: DocumentEnd | None = None) -> StreamHead:
        """Begin the channel's next stream; return its head. Raises TipMoved where its stream has not this `end`."""
        before = self._find(db, channel) if end is None else self._still(db, end)
        tip = self._begin(db, channel, before.generation + 1)
        return StreamHead(tip.stream, channel, tip.epoch, 1, 0)

    def _still(self, db: sqlite3.Connection, end: DocumentEnd) -> _Tip:
        """Return the end of a channel's stream. Raises TipMoved where it is another one."""
        tip = self._find(db, end.channel)
        if tip.offset != end.version or end.epoch not in ("", tip.epoch):
            raise TipMoved(end.channel)
        return tip

    def _stored(self, db: sqlite3.Connection, entry: PublicationEntry) -> Stored:
        if entry.durable:
            return self._insert(db, entry)
        return Stored(entry.channel, "", 0, entry.body, delivery=entry.delivery)

    def _insert(self, db: sqlite3.Connection, entry: PublicationEntry) -> Stored:
        tip = self._find(db, entry.channel)
        tip.offset += 1
        number = db.execute(
            "INSERT INTO events (stream, offset, body) VALUES (?, ?, ?)", (tip.stream, tip.offset, packed(entry.body))
        ).lastrowid
        return Stored(entry.channel, tip.epoch, tip.offset, entry.body, tip.stream, number or 0, entry.delivery)

    def _find(self, db: sqlite3.Connection, channel: str) -> _Tip:
        tip = self._tips.pop(channel, None)  # put back at the end: the order of the dict is the order of use
        if tip is None:
            row = db.execute(
                "SELECT id, generation, (SELECT max(offset) FROM events WHERE stream = id) FROM streams"
                " WHERE channel = ? ORDER BY generation DESC LIMIT 1",
                (channel,),
            ).fetchone()
            if row is None:
                return self._begin(db, channel, 0)
            stream, generation, offset = row
            epoch = epoch_of(self._store, channel, generation)
            tip = _Tip(stream, generation, epoch, offset or 0)
        return self._cache(channel, tip)

    def _cache(self, channel: str, tip: _Tip) -> _Tip:
        """Keep the tip as the one used last; above `CACHED_TIPS` drop the one that was used longest ago."""
        self._tips[channel] = tip
        if len(self._tips) > CACHED_TIPS:
            del self._tips[next(iter(self._tips))]
        return tip

    def _begin(self, db: sqlite3.Connection, channel: str, generation: int) -> _Tip:
        stream = db.execute("INSERT INTO streams (channel, generation) VALUES (?, ?)", (channel, generation)).lastrowid
        self._tips.pop(channel, None)
        return self._cache(channel, _Tip(stream or 0, generation, epoch_of(self._store, channel, generation), 0))

    def _remember(self, db: sqlite3.Connection, key: IdempotencyKey, results: list[PublishResult], now: float) -> None:
        row = db.execute(
            "INSERT OR REPLACE INTO keys (user, key, digest, result, expires) VALUES (?, ?, ?, ?, ?)",
            (key.user_id, key.key, key.digest, msgspec.json.encode(results), now + self._key_seconds),
        ).lastrowid
        if (row or 0) % PURGE_EVERY == 0:
            # Twice as many may go as came since the last purge: the table shrinks, in steps that are never long.
            db.execute(
                "DELETE FROM keys WHERE rowid IN (SELECT rowid FROM keys WHERE expires <= ? ORDER BY expires LIMIT ?)",
                (now, 2 * PURGE_EVERY),
            )

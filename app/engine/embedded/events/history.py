"""The log of events in SQLite: appending, reading, trimming. The jobs run in the threads of `app.engine.sqlite`."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import msgspec

from app.core.position import epoch_of
from app.engine.delivery_rules import TO_EVERYBODY, DeliveryRules
from app.engine.ports import (
    IdempotencyKey,
    KeyConflict,
    Publication,
    PublicationEntry,
    PublishResult,
    TipMoved,
    Version,
)
from dossier_realtime.protocol.namespaces import frame_of, namespace_of

TRIM_STEP: Final = 1_000  # events a trim at most: bounds how long publishers wait for it
CACHED_TIPS: Final = 4_096  # channels whose end the writer need not look for in the store
PURGE_EVERY: Final = 64  # keys between two purges, each of which takes at most twice as many

_results = msgspec.json.Decoder(list[PublishResult])


class Stored(NamedTuple):
    """An event that was committed. `number` (in the whole log), `stream` and `offset` are 0 where nothing is
    kept."""

    channel: str
    epoch: str
    offset: int
    body: bytes
    stream: int = 0
    number: int = 0
    delivery: DeliveryRules = TO_EVERYBODY


class Appended(NamedTuple):
    """What a publish gets, and what it did; `events` is empty when its key had been used before."""

    results: list[PublishResult]
    events: list[Stored]


class StreamHead(NamedTuple):
    """A stream as it was found."""

    stream: int
    channel: str
    epoch: str
    oldest: int
    offset: int


class _Tip:
    """The end of a channel's stream, as the writer knows it."""

    __slots__ = ("epoch", "generation", "offset", "stream")

    def __init__(self, stream: int, generation: int, epoch: str, offset: int) -> None:
        self.stream, self.generation, self.epoch, self.offset = stream, generation, epoch, offset


Keep = Callable[[sqlite3.Connection, Sequence[PublicationEntry], float], None]
"""Keeps, with events, what they say of alerts and briefs. Raises what refuses them, before it writes anything."""


class EventLog:
    """The writer's thread's part. Its memory of tips is only a cache: after a rollback it forgets them, and of very
    many channels it keeps those that were used last."""

    def __init__(self, store: str, key_seconds: float, keep: Keep) -> None:
        self._store = store
        self._key_seconds = key_seconds
        self._keep = keep
        self._tips: dict[str, _Tip] = {}

    def forget(self) -> None:
        """The last transaction did not happen."""
        self._tips.clear()

    def append(
        self, db: sqlite3.Connection, entries: Sequence[PublicationEntry], key: IdempotencyKey | None, now: float
    ) -> Appended:
        """Commit all entries, unless `key` was used before. `now` is Unix seconds. Raises KeyConflict, and what
        `keep` refuses them with."""
        if key is not None:
            row = db.execute(
                "SELECT digest, result FROM keys WHERE user = ? AND key = ? AND expires > ?",
                (key.user_id, key.key, now),
            ).fetchone()
            if row is not None:
                if row[0] != key.digest:
                    raise KeyConflict("The idempotency key was used with another body: take a new key")
                return Appended([replace(result, repeated=True) for result in _results.decode(row[1])], [])
        self._keep(db, [entry for entry in entries if entry.domain_fact is not None], now)
        events = [
            self._insert(db, entry)
            if entry.durable
            else Stored(entry.channel, "", 0, entry.body, delivery=entry.delivery)
            for entry in entries
        ]
        results = [PublishResult(e.channel, e.offset or None, e.epoch or None) for e in events]
        if key is not None:
            self._remember(db, key, results, now)
        return Appended(results, events)

    def append_at(self, db: sqlite3.Connection, channel: str, tip: int, versions: Sequence[Version]) -> Appended:
        """Commit all versions after `tip`. Raises TipMoved."""
        if self._find(db, channel).offset != tip:
            raise TipMoved(channel)
        events = []
        for version in versions:
            rules = DeliveryRules(exclude_connection=version.exclude_connection)
            event = self._insert(db, PublicationEntry(channel, version.body, durable=True, delivery=rules))
            events.append(event)
            if version.op_id is not None:
                # An operation of several parts is known by its last version.
                db.execute(
                    "INSERT OR REPLACE INTO operations (stream, op_id, user, version) VALUES (?, ?, ?, ?)",
                    (event.stream, version.op_id, version.user_id, event.offset),
                )
        return Appended([], events)

    def renew(self, db: sqlite3.Connection, channel: str) -> StreamHead:
        """Begin the channel's next stream."""
        tip = self._begin(db, channel, self._find(db, channel).generation + 1)
        return StreamHead(tip.stream, channel, tip.epoch, 1, 0)

    def _insert(self, db: sqlite3.Connection, entry: PublicationEntry) -> Stored:
        tip = self._find(db, entry.channel)
        tip.offset += 1
        number = db.execute(
            "INSERT INTO events (stream, offset, body) VALUES (?, ?, ?)", (tip.stream, tip.offset, entry.body)
        ).lastrowid
        return Stored(entry.channel, tip.epoch, tip.offset, entry.body, tip.stream, number or 0, entry.delivery)

    def _find(self, db: sqlite3.Connection, channel: str) -> _Tip:
        tip = self._tips.pop(channel, None)
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
        """Put the tip behind those that were used before it; the one that rested longest makes room."""
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
            db.execute(
                "DELETE FROM keys WHERE rowid IN (SELECT rowid FROM keys WHERE expires <= ? ORDER BY expires LIMIT ?)",
                (now, 2 * PURGE_EVERY),
            )


def heads(db: sqlite3.Connection, store: str) -> list[StreamHead]:
    """Every stream, of a channel's streams the oldest first. Two seeks in the index each, whatever their
    length."""
    return [
        StreamHead(stream, channel, epoch_of(store, channel, generation), oldest or 1, offset or 0)
        for stream, channel, generation, oldest, offset in db.execute(
            "SELECT id, channel, generation, (SELECT min(offset) FROM events WHERE stream = id),"
            " (SELECT max(offset) FROM events WHERE stream = id) FROM streams ORDER BY generation"
        )
    ]


def last_number(db: sqlite3.Connection) -> int:
    """The number of the log's last event, 0 in an empty one."""
    (number,) = db.execute("SELECT max(number) FROM events").fetchone()
    return number or 0


def read(db: sqlite3.Connection, head: StreamHead, after: int, limit: int) -> list[Publication]:
    """At most `limit` events of a stream after an offset and up to the head, without hole; else none."""
    rows = db.execute(
        "SELECT offset, number, body FROM events WHERE stream = ? AND offset > ? AND offset <= ?"
        " ORDER BY offset LIMIT ?",
        (head.stream, after, head.offset, limit),
    ).fetchall()
    if rows and rows[0][0] != after + 1:
        return []
    return [
        Publication(head.channel, head.epoch, offset, frame_of(head.channel, body, offset), number)
        for offset, number, body in rows
    ]


def read_log(db: sqlite3.Connection, store: str, after: int, limit: int) -> list[Publication]:
    """At most `limit` events of all streams after a number, in the order in which they were committed."""
    return [
        Publication(channel, epoch_of(store, channel, generation), offset, frame_of(channel, body, offset), number)
        for number, channel, generation, offset, body in db.execute(
            "SELECT number, channel, generation, offset, body FROM events JOIN streams ON streams.id = stream"
            " WHERE number > ? ORDER BY number LIMIT ?",
            (after, limit),
        )
    ]


def trim(db: sqlite3.Connection, stream: int, last: int, until: int) -> int:
    """Drop a stream's oldest events, none after offset `last` or number `until`, in one small step; how many
    went."""
    (channel,) = db.execute("SELECT channel FROM streams WHERE id = ?", (stream,)).fetchone()
    document = namespace_of(channel).name == "document"
    if document:
        # The text is made again from a snapshot and all that came after it: nothing behind the next one may go.
        (last,) = db.execute(
            "SELECT coalesce(max(version), 0) FROM snapshots WHERE stream = ? AND version <= ?", (stream, last)
        ).fetchone()
    gone = db.execute(
        "DELETE FROM events WHERE number IN (SELECT number FROM events"
        " WHERE stream = ? AND offset <= ? AND number <= ? ORDER BY offset LIMIT ?)",
        (stream, last, until, TRIM_STEP),
    ).rowcount
    if document and gone:
        (kept,) = db.execute("SELECT min(offset) FROM events WHERE stream = ?", (stream,)).fetchone()
        db.execute("DELETE FROM operations WHERE stream = ? AND version < ?", (stream, kept))
        db.execute(
            "DELETE FROM snapshots WHERE stream = ? AND version <"
            " (SELECT max(version) FROM snapshots WHERE stream = ? AND version < ?)",
            (stream, stream, kept),
        )
    return gone


def trim_retired(db: sqlite3.Connection, stream: int, last: int, until: int) -> bool:
    """Trim a stream that a later one replaced; True once nothing of it is left."""
    if (
        trim(db, stream, last, until)
        or db.execute("SELECT 1 FROM events WHERE stream = ? LIMIT 1", (stream,)).fetchone()
    ):
        return False
    db.execute("DELETE FROM streams WHERE id = ?", (stream,))
    return True


class Ages:
    """Which events are older than `window` seconds, told without a wall clock.

    Now and then it marks how far the log was at a moment of the steady clock. After a restart everything
    counts as new: some is kept longer than it had to be, nothing shorter, however the wall clock jumped.
    """

    def __init__(self, window: float, number: int, steady: float) -> None:
        self._window = window
        self._marks = deque([(steady, number)])

    def mark(self, number: int, steady: float) -> None:
        """The log ends with `number`. Cheap: at most 64 marks a window are kept."""
        if steady - self._marks[-1][0] >= self._window / 64:
            self._marks.append((steady, number))

    def settled(self, steady: float) -> int:
        """The number up to which all events are older than the window, 0 if that is not known of any."""
        marks, past = self._marks, steady - self._window
        while len(marks) > 1 and marks[1][0] <= past:
            marks.popleft()
        return marks[0][1] if marks[0][0] <= past else 0

"""Publications of one process: committed by the writer's thread, delivered on the event loop."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Final

from app.core.position import StreamPosition, epoch_of
from app.engine.ages import Ages
from app.engine.clocks import Clocks
from app.engine.embedded.events import history
from app.engine.embedded.events.event_log import Appended, DocumentEnd
from app.engine.embedded.events.history import StreamHead
from app.engine.embedded.events.log_access import LogAccess
from app.engine.limits import EngineLimits
from app.engine.ports.events import (
    IdempotencyKey,
    Publication,
    PublicationEntry,
    PublishResult,
    ignore_lost,
    ignore_recorded,
)
from app.engine.ports.records import RecordChange
from dossier_realtime.protocol.namespaces import frame_of

TRIM_EVERY: Final = history.TRIM_STEP // 2  # events between two trims: history shrinks faster than it grows


class _Channel:
    """The head of a channel that was ever published on, as far as the loop has seen it."""

    __slots__ = ("epoch", "offset", "oldest", "stream", "trim_at")

    def __init__(self, head: StreamHead, kept: int) -> None:
        self.stream, self.epoch, self.oldest, self.offset = head.stream, head.epoch, head.oldest, head.offset
        self.trim_at = max(self.offset, self.oldest - 1 + kept) + TRIM_EVERY

    @property
    def position(self) -> StreamPosition:
        return StreamPosition(self.epoch, self.offset, self.oldest)


class EmbeddedBroker:
    """`ports.Broker` on one SQLite file. `joined` is the set of the channels that this node receives."""

    def __init__(
        self, access: LogAccess, found: tuple[list[StreamHead], int], limits: EngineLimits, clocks: Clocks
    ) -> None:
        """Take the heads of all streams and the number of the log's last event (`found`)."""
        self._writer, self._reader, self._log, self._store = access.writer, access.reader, access.log, access.store
        self._kept, self._steady, self._now = limits.history_events, clocks.steady, clocks.unix
        self._document_bytes = limits.document_bytes
        self.joined: set[str] = set()
        self._deliver: Callable[[Sequence[Publication]], None] = lambda publications: None
        streams, self._number = found
        self._ages = Ages(limits.history_seconds, self._number, clocks.steady())
        self._channels: dict[str, _Channel] = {}
        self._long: set[str] = set()  # channels that keep more than they must
        self._retired: dict[int, int] = {}  # streams that a renewal replaced, and their last offset
        for head in streams:
            self._begin(head)

    def start(
        self,
        deliver: Callable[[Sequence[Publication]], None],
        lost: Callable[[Sequence[str]], None] = ignore_lost,
        record: Callable[[Sequence[Publication]], None] = ignore_recorded,
    ) -> None:
        self._deliver = deliver  # nothing is lost while the one process runs, and everything is delivered

    async def publish(
        self,
        entries: Sequence[PublicationEntry],
        key: IdempotencyKey | None = None,
        changes: Sequence[RecordChange] = (),
    ) -> list[PublishResult]:
        append = partial(self._log.append, entries=tuple(entries), key=key, now=self._now(), changes=tuple(changes))
        return (await self._writer.submit(append, self.appended)).results

    async def repeated(self, key: IdempotencyKey) -> list[PublishResult] | None:
        # In the writer's thread: a publish with this key that was called before has been committed by then.
        return await self._writer.submit(partial(self._log.repeated, key=key, now=self._now()))

    async def join(self, channel: str) -> StreamPosition:
        self.joined.add(channel)
        return self._position(channel)

    async def leave(self, channel: str) -> None:
        self.joined.discard(channel)

    async def position(self, channel: str) -> StreamPosition:
        return self._position(channel)

    async def has_events(self, channel: str) -> bool:
        known = self._channels.get(channel)
        return known is not None and known.offset > 0

    def is_begun(self, channel: str) -> bool:
        return channel in self._channels

    async def read(self, channel: str, after: int, limit: int) -> list[Publication]:
        known = self._channels.get(channel)
        if known is None or not known.oldest - 1 <= after < known.offset:
            return []
        # Up to the head of now: what is committed but not yet delivered comes as a delivery.
        head = StreamHead(known.stream, channel, known.epoch, known.oldest, known.offset)
        return await self._reader.run(partial(history.read, head=head, after=after, limit=limit))

    async def renew_epoch(self, channel: str, head: StreamPosition | None = None) -> None:
        end = None if head is None else DocumentEnd(channel, head.offset, head.epoch)
        await self._writer.submit(partial(self._log.renew, channel=channel, end=end), self._begin)

    async def channels(self) -> Collection[str]:
        return {name for name, known in self._channels.items() if known.offset}

    async def commits_after(self, commit: int, limit: int) -> list[Publication]:
        return await self._reader.run(partial(history.read_log, store=self._store, after=commit, limit=limit))

    def upkeep(self) -> None:
        """Trim what became old meanwhile; to be called about once a minute."""
        self._ages.mark(self._number, self._steady())
        for channel in self._long:
            self._trim(channel)
        until = self._ages.settled(self._steady())
        for stream, last in self._retired.items():
            self._writer.post(
                partial(history.trim_retired, stream=stream, last=last, until=until),
                partial(self._trimmed_retired, stream),
            )

    # On the event loop, in the order of the commits

    def appended(self, appended: Appended) -> None:
        """Deliver what a job of the log has committed."""
        publications = []
        for channel, epoch, offset, body, stream, number, delivery in appended.events:
            if offset:
                known = self._channels.get(channel)
                if known is None:
                    self._begin(StreamHead(stream, channel, epoch, 1, 0))
                    known = self._channels[channel]
                known.offset = offset
                self._number = number
                if offset >= known.trim_at:
                    known.trim_at = offset + TRIM_EVERY
                    self._long.add(channel)
                    self._trim(channel)
            frame = frame_of(channel, body, offset)
            publications.append(Publication(channel, epoch, offset, frame, number, delivery))
        if appended.events:
            self._ages.mark(self._number, self._steady())
        if publications:
            self._deliver(publications)

    def _begin(self, head: StreamHead) -> None:
        before = self._channels.get(head.channel)
        if before is not None:
            self._retired[before.stream] = before.offset
        self._channels[head.channel] = _Channel(head, self._kept)
        self._long.discard(head.channel)
        if head.offset - head.oldest >= self._kept:
            self._long.add(head.channel)

    def _position(self, channel: str) -> StreamPosition:
        known = self._channels.get(channel)
        return StreamPosition(epoch_of(self._store, channel, 0), 0) if known is None else known.position

    def _trim(self, channel: str) -> None:
        known = self._channels[channel]
        last, until = known.offset - self._kept, self._ages.settled(self._steady())
        self._writer.post(
            partial(history.trim, stream=known.stream, last=last, until=until, document_bytes=self._document_bytes),
            partial(self._trimmed, channel, known.stream),
        )

    def _trimmed(self, channel: str, stream: int, count: int) -> None:
        known = self._channels[channel]
        if known.stream == stream:
            known.oldest += count
            if known.offset - known.oldest < self._kept:
                self._long.discard(channel)
            elif count:
                self._trim(channel)  # a step of long versions removes few: publishers have their turn in between

    def _trimmed_retired(self, stream: int, gone: bool) -> None:
        if gone:
            self._retired.pop(stream, None)  # two upkeeps may have found it empty

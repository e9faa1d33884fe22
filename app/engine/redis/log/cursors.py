"""The channels that a node receives: delivered in the order of their offsets, whatever comes in which order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, KeysView, Sequence
from contextvars import Context, copy_context
from typing import Final, NamedTuple

import structlog

from app.engine.ports.errors import Unavailable
from app.engine.ports.events import Publication
from app.engine.redis.connection import CALL_SECONDS
from app.engine.redis.log.history import ChannelHead, LogReader
from app.engine.redis.log.marks import DeliveryMarks
from app.engine.redis.log.store_state import StoreState
from app.engine.redis.log.stored_event import HeadHint, NumberedEvent

HINT_SECONDS: Final = 0.01
"""The time in which a missing event may still come by a hint before it is read from the log."""

_PAGE: Final = 500
_RETRY_SECONDS: Final = 0.25

_log = structlog.get_logger("redis")

Deliver = Callable[[Sequence[Publication]], None]


class _Own(NamedTuple):
    """The part that the author of an event has in it: the context of his call, and what tells him that it is done."""

    context: Context
    reached: Callable[[], None]


class _Waiting(NamedTuple):
    event: NumberedEvent
    own: _Own | None = None  # None: another node's, or one that was read before this node knew that it is its own
    is_read: bool = False


class ChannelCursor:
    """The place up to which one channel was delivered: an offset of a generation."""

    __slots__ = ("channel", "commit", "generation", "joining", "known", "offset", "refill", "waiting")

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self.generation, self.offset = 0, 0
        self.commit = 0  # the number of the last commit that was delivered; 0: none since it was joined
        self.known = (0, 0)  # the generation and offset that the channel has come to, as far as is known
        self.joining: asyncio.Future[None] | None = asyncio.get_running_loop().create_future()
        self.waiting: dict[tuple[int, int], _Waiting] = {}
        self.refill: asyncio.Task[None] | None = None

    @property
    def place(self) -> tuple[int, int]:
        return self.generation, self.offset

    def move(self, event: NumberedEvent) -> None:
        """Go on to the place of an event."""
        self.generation, self.offset, self.commit = event.generation, event.offset, event.commit

    def is_next(self, event: NumberedEvent) -> bool:
        """Return whether the event comes right after the last one that was delivered."""
        if event.generation > self.generation:
            return event.offset == 1
        return event.generation == self.generation and event.offset == self.offset + 1


class ChannelCursors:
    """All joined channels of a node, and the one way to its subscribers.

    Each commit of this node leaves here once: by `deliver`; or by `record`, where subscribers have it by their
    positions or their places are void. It was delivered before its answer came where it was read from the log. Such
    reads are remembered as long as any answer is awaited.
    """

    def __init__(self, store: StoreState, reader: LogReader) -> None:
        self._store, self._reader = store, reader
        self.marks = DeliveryMarks(reader)
        self._cursors: dict[str, ChannelCursor] = {}
        self.joined: KeysView[str] = self._cursors.keys()
        self.deliver: Deliver = lambda publications: None
        self.lost: Callable[[Sequence[str]], None] = lambda channels: None
        """Called with channels that went on elsewhere than this node had delivered: events between are lost."""
        self.record: Deliver = lambda publications: None
        """Called with commits of this node that are not to be delivered: for its journal."""
        self.has_unanswered: Callable[[], bool] = lambda: False
        """Return whether this node may have committed something whose place it does not know yet."""
        self._read: set[tuple[str, int]] = set()  # store and number of commits that were read and delivered meanwhile

    def find(self, channel: str) -> ChannelCursor | None:
        """Return the place of a channel that is joined or is being joined."""
        return self._cursors.get(channel)

    def begin(self, channel: str) -> ChannelCursor:
        """Hold back what comes of a channel from now on, until `settle`."""
        cursor = self._cursors[channel] = ChannelCursor(channel)
        return cursor

    def settle(self, cursor: ChannelCursor, head: ChannelHead) -> None:
        """Deliver what comes after `head`: from the next turn of the loop on, when the caller has its position."""
        place = head.generation, head.offset
        (cursor.generation, cursor.offset), cursor.commit = place, 0
        self._bypass(cursor)  # its author waits for it, and the journal
        self.marks.joined(cursor.channel, *place)
        if cursor.joining is not None:
            if not cursor.joining.done():
                cursor.joining.set_result(None)
            cursor.joining = None
        asyncio.get_running_loop().call_soon(self._advance, cursor)

    def end(self, channel: str) -> None:
        """Deliver nothing more of a channel, but to those who wait for an event of their own."""
        cursor = self._cursors.pop(channel, None)
        if cursor is None:
            return
        self.marks.forget(channel)
        if cursor.refill is not None:
            cursor.refill.cancel()
        if cursor.joining is not None and not cursor.joining.done():
            cursor.joining.set_exception(Unavailable("The channel could not be joined: try again in a few seconds"))
            cursor.joining.exception()  # retrieved: there may be nobody else who joins
        for waiting in list(cursor.waiting.values()):
            if waiting.own is not None:
                self._send([waiting.event], waiting.own.context)
                waiting.own.reached()

    def own(self, events: Sequence[NumberedEvent], context: Context, done: Callable[[], None]) -> None:
        """Deliver what this node has committed, as one batch where nothing of others comes first, then call `done`.

        What its subscribers have already goes to the journal alone.
        """
        events = self._without_past(events, context)
        blocked = self._blocked(events)
        if not blocked:
            if events:
                self._send(events, context)
            for event in events:
                self._passed(event)
            done()
            for channel in {event.event.channel for event in events}:
                if (cursor := self._cursors.get(channel)) is not None and cursor.waiting:
                    self._advance(cursor)
            return
        left = 1

        def reached() -> None:
            nonlocal left
            left -= 1
            if not left:
                done()

        for event in events:
            cursor = self._cursors.get(event.event.channel)
            if cursor is None or not event.offset:
                self._send([event], context)
                continue
            left += 1
            cursor.waiting[event.generation, event.offset] = _Waiting(event, _Own(context, reached))
        for channel in {event.event.channel for event in events}:
            if (cursor := self._cursors.get(channel)) is not None:
                self._advance(cursor)
        reached()

    def hint(self, channel: str, found: Iterable[NumberedEvent | HeadHint]) -> None:
        """Take what another node's hint says of a channel."""
        cursor = self._cursors.get(channel)
        if cursor is None:
            return
        passing: list[NumberedEvent] = []
        for one in found:
            if isinstance(one, HeadHint):
                self._head(cursor, (one.generation, one.offset))
            elif not one.offset:
                passing.append(one)
            elif (one.generation, one.offset) > cursor.place:
                cursor.waiting.setdefault((one.generation, one.offset), _Waiting(one))
        if passing and cursor.joining is None:
            self._advance(cursor)
            self._send(passing, copy_context())
        else:
            self._advance(cursor)

    def places(self, channels: Sequence[str]) -> list[tuple[int, int]]:
        """Return the places of channels; (0, 0) for those that are being joined."""
        found = (self._cursors.get(channel) for channel in channels)
        return [(0, 0) if cursor is None or cursor.joining is not None else cursor.place for cursor in found]

    def compare(self, channel: str, head: ChannelHead) -> None:
        """Take the head of a joined channel as the log has it: what lies before it and was not delivered is read."""
        cursor = self._cursors.get(channel)
        if cursor is not None and cursor.joining is None:
            self._head(cursor, (head.generation, head.offset))
            self._advance(cursor)

    async def reach(self, channel: str, head: ChannelHead) -> None:
        """Return when a joined channel was delivered up to this head of it, or when its log has lost that place."""
        cursor, place = self._cursors.get(channel), (head.generation, head.offset)
        if cursor is None:
            return
        self.compare(channel, head)
        try:
            async with asyncio.timeout(CALL_SECONDS):
                while not self._has_reached(cursor, place):
                    if cursor.refill is None or cursor.refill.done():
                        return
                    await asyncio.wait({cursor.refill}, timeout=HINT_SECONDS)  # it may go on for what came since
        except TimeoutError:
            _log.warning("redis_channel_behind", behind=place[1] - cursor.offset)

    def renew(self, channel: str, generation: int) -> None:
        """Go on in another epoch of a channel, from its beginning."""
        cursor = self._cursors.get(channel)
        if cursor is not None and cursor.joining is None and generation > cursor.generation:
            self._advance(cursor)
            cursor.generation, cursor.offset = generation, 0
            self._advance(cursor)

    def void(self) -> None:
        """Take all places of joined channels as void: the store is another one. They go on at its heads."""
        channels = list(self._cursors)
        for cursor in self._cursors.values():
            self.marks.forget(cursor.channel)
            cursor.known = (0, 0)
            for place in list(cursor.waiting):
                self._pass_by(cursor, place)
            if cursor.joining is None:
                cursor.joining = asyncio.get_running_loop().create_future()
                if cursor.refill is not None:
                    cursor.refill.cancel()
                cursor.refill = asyncio.get_running_loop().create_task(self._join_again(cursor))
        if channels:
            self.lost(channels)

    async def head(self, channel: str) -> ChannelHead:
        """Return the head of a channel in the store that this node knows. Raises Unavailable."""
        while True:
            store, (head,) = await self._reader.heads([channel])
            if store == self._store.store:
                return head
            await self._store.open()

    async def _join_again(self, cursor: ChannelCursor) -> None:
        while self._cursors.get(cursor.channel) is cursor:
            try:
                head = await self.head(cursor.channel)
            except Unavailable:
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            self.settle(cursor, head)
            return

    def close(self) -> None:
        """End all reading."""
        for channel in list(self._cursors):
            self.end(channel)

    def _head(self, cursor: ChannelCursor, place: tuple[int, int]) -> None:
        cursor.known = max(cursor.known, place)
        if place[0] > cursor.generation and place[1] == 0:
            cursor.generation, cursor.offset = place[0], 0

    def _has_reached(self, cursor: ChannelCursor, place: tuple[int, int]) -> bool:
        is_void = self._cursors.get(cursor.channel) is not cursor or cursor.joining is not None
        return is_void or cursor.place >= place

    def _blocked(self, events: Sequence[NumberedEvent]) -> bool:
        ahead: dict[str, int] = {}
        for event in events:
            channel = event.event.channel
            cursor = self._cursors.get(channel)
            if cursor is None or not event.offset:
                continue
            if cursor.joining is not None:
                return True
            if channel in ahead:
                if event.offset != ahead[channel] + 1:
                    return True
            elif not cursor.is_next(event):
                return True
            ahead[channel] = event.offset
        return False

    def _advance(self, cursor: ChannelCursor) -> None:
        """Deliver all that waits and comes next; begin to read where something is missing."""
        if cursor.joining is not None:
            return
        while cursor.waiting:
            batch: list[_Waiting] = []
            for waiting in self._next(cursor):
                if batch and _context(waiting) is not _context(batch[0]):
                    break
                batch.append(waiting)
                del cursor.waiting[waiting.event.generation, waiting.event.offset]
                cursor.move(waiting.event)
                self.marks.delivered(waiting.event)
            if not batch:
                break
            self._send_batch(batch)
        self._bypass(cursor)
        if cursor.waiting or cursor.known > cursor.place:
            self._read_missing(cursor)

    def _next(self, cursor: ChannelCursor) -> Iterable[_Waiting]:
        while True:
            waiting = cursor.waiting.get((cursor.generation, cursor.offset + 1))
            if waiting is None:
                waiting = next((one for one in cursor.waiting.values() if cursor.is_next(one.event)), None)
            if waiting is None:
                return
            yield waiting

    def _passed(self, event: NumberedEvent) -> None:
        cursor = self._cursors.get(event.event.channel)
        if cursor is not None and event.offset:
            cursor.move(event)
            self.marks.delivered(event)
            cursor.waiting.pop(cursor.place, None)

    # Commits of this node that are not delivered

    def forget_read(self) -> None:
        """Forget what was read while answers were awaited: all came."""
        self._read.clear()

    def _without_past(self, events: Sequence[NumberedEvent], context: Context) -> Sequence[NumberedEvent]:
        """Return the events that are still to be delivered; the journal gets the others, if it has not got them."""
        past = [event for event in events if event.offset and self._is_past(event)]
        if not past:
            return events
        missing = [event for event in past if self._number(event) not in self._read]
        if missing:
            self._send(missing, context, self.record)
        return [event for event in events if event not in past]

    def _is_past(self, event: NumberedEvent) -> bool:
        if self._number(event) in self._read or event.store not in ("", self._store.store):
            return True
        cursor = self._cursors.get(event.event.channel)
        return cursor is not None and cursor.joining is None and (event.generation, event.offset) <= cursor.place

    def _number(self, event: NumberedEvent) -> tuple[str, int]:
        """Return the number of an event's commit; each store counts anew."""
        return event.store or self._store.store, event.commit

    def _bypass(self, cursor: ChannelCursor) -> None:
        """Let go of what waits and lies behind the place of a channel."""
        for place in sorted(place for place in cursor.waiting if place <= cursor.place):
            self._pass_by(cursor, place)

    def _pass_by(self, cursor: ChannelCursor, place: tuple[int, int]) -> None:
        """Let go of what waits at a place: this node's own is recorded, and its author is answered."""
        event, own, _ = cursor.waiting.pop(place)
        if own is not None:
            self._send([event], own.context, self.record)
            own.reached()

    def _send_batch(self, batch: Sequence[_Waiting]) -> None:
        if self.has_unanswered():
            self._read.update(self._number(waiting.event) for waiting in batch if waiting.is_read)
        self._send([waiting.event for waiting in batch], _context(batch[0]) or copy_context())
        for waiting in batch:
            if waiting.own is not None:
                waiting.own.reached()

    def _send(self, events: Sequence[NumberedEvent], context: Context, to: Deliver | None = None) -> None:
        publications = [event.publication(self._store) for event in events]
        try:
            context.run(to or self.deliver, publications)
        except Exception as wrong:  # a fault in one delivery must not cost another its ack
            asyncio.get_running_loop().call_exception_handler(
                {"message": "delivery of a commit failed", "exception": wrong}
            )

    # Reading what is missing

    def _read_missing(self, cursor: ChannelCursor) -> None:
        if cursor.refill is None or cursor.refill.done():
            cursor.refill = asyncio.get_running_loop().create_task(self._refill(cursor))

    async def _refill(self, cursor: ChannelCursor) -> None:
        await asyncio.sleep(HINT_SECONDS)
        while self._cursors.get(cursor.channel) is cursor and (cursor.waiting or cursor.known > cursor.place):
            before = cursor.place
            try:
                events = await self._reader.events(cursor.channel, *before, _PAGE)
                if not events and cursor.place == before:
                    await self._skip(cursor)
            except Unavailable:
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            if self._cursors.get(cursor.channel) is not cursor:  # a cancellation may have been taken for a failure
                return
            for event in events:
                place = event.generation, event.offset
                if place > cursor.place:
                    cursor.waiting.setdefault(place, _Waiting(event, is_read=True))
            self._advance(cursor)
            await asyncio.sleep(0)

    async def _skip(self, cursor: ChannelCursor) -> None:
        """Go on where the log does: the next event is not kept any more, or the epoch is another one."""
        _, (head,) = await self._reader.heads([cursor.channel])
        if head.generation > cursor.generation:
            cursor.generation, cursor.offset = head.generation, 0
        elif head.oldest > cursor.offset + 1:
            cursor.offset = head.oldest - 1
            self.lost([cursor.channel])
        else:
            cursor.known = min(cursor.known, (head.generation, head.offset))
            for place in [place for place in cursor.waiting if place > (head.generation, head.offset)]:
                self._pass_by(cursor, place)  # of a store that has lost it


def _context(waiting: _Waiting) -> Context | None:
    return None if waiting.own is None else waiting.own.context

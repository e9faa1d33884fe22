"""The outgoing side of a connection: one bounded queue, joined into one `send` a tick of the loop.

A frame is built once and shared by every queue that holds it. Nothing is awaited to deliver, and nothing is unbounded:
a queue past its bound first drops each `ConflatableFrame` that a later one replaced, then the connection. One frame
at a time may be longer than the bound by itself (the text of a long document); its size does not count against the
bound.

The owner hears of an end in a later turn of the loop, never inside `push`: code that sends in the middle of its work
finds everything unchanged.
"""

from __future__ import annotations

import ssl
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from app.node.sockets.long_frames import LongFrame
from app.node.sockets.queued_frames import ConflatableFrame, UnrecordedFrame

if TYPE_CHECKING:
    import asyncio
    import socket
    from collections.abc import Callable, Iterable, Sequence

    from app.node.sockets.flusher import Flusher
    from app.node.sockets.queued_frames import Frame

_MAX_CHUNK: Final = 1 << 16  # bytes handed to the kernel in one call
_TEXT = 0x81  # the first byte of a whole text frame
_CLOSE = 0x88  # the first byte of a close frame
_BUSY = (BlockingIOError, InterruptedError, ssl.SSLWantWriteError, ssl.SSLWantReadError)


@dataclass(frozen=True, slots=True)
class OutboxLimits:
    """The bounds past which a reader counts as too slow.

    `stall_timeout`: seconds in which the peer may take nothing of a long frame.
    """

    max_bytes: int = 1 << 20
    max_messages: int = 1000
    stall_timeout: float = 30.0


class Owner(Protocol):
    """The owner of an outbox. It hears of an end once, in a turn of the loop of its own."""

    def too_slow(self) -> None:
        """Handle a queue past its bound with nothing left to replace; the frames that waited are dropped."""

    def wire_lost(self) -> None:
        """Handle the loss of the socket; nothing more can be sent."""

    def replaced_frames(self, places: Sequence[int]) -> None:
        """Handle messages that were dropped for later ones of the same key.

        `places` are theirs among the messages that wait, counted back from the newest, which is 0.
        """


class _NoOwner:
    """The owner of an outbox that sends nothing more."""

    def wire_lost(self) -> None: ...

    def too_slow(self) -> None: ...

    def replaced_frames(self, places: Sequence[int]) -> None: ...


_NO_OWNER = _NoOwner()


class Outbox:
    """The frames that wait for one connection."""

    __slots__ = (
        "_bytes",
        "_chunk",
        "_dirty",
        "_exempt",
        "_flusher",
        "_limits",
        "_long",
        "_loop",
        "_overflowed",
        "_owner",
        "_queue",
        "_rest",
        "_sock",
        "_watching",
        "dropped",
        "on_empty",
        "taken",
        "taken_late",
    )

    def __init__(
        self,
        sock: socket.socket,
        loop: asyncio.AbstractEventLoop,
        flusher: Flusher,
        limits: OutboxLimits,
        owner: Owner,
    ) -> None:
        self._sock: socket.socket | None = sock
        self._loop = loop
        self._flusher = flusher
        self._limits = limits
        self._owner = owner
        self._queue: deque[Frame] = deque()
        self._rest: deque[memoryview] = deque()  # what is under way; must go first, unchanged (TLS insists)
        self._chunk: Sequence[Frame] = ()  # the frames that `_rest` is the end of
        self._bytes = 0
        self._long: LongFrame | None = None  # the frame that is longer than the bound
        self._exempt = 0  # its bytes, as far as they wait
        self._dirty = False
        self._watching = False
        self._overflowed = False
        self.dropped = 0  # messages that were queued and never wholly handed to the kernel
        self.taken = 0  # bytes that the kernel has taken
        self.taken_late = 0  # those of them for which it had to wait: the peer has made room
        self.on_empty: Callable[[], None] | None = None

    @property
    def waiting(self) -> int:
        """The number of bytes that the kernel has not taken yet."""
        return self._bytes

    @property
    def waiting_messages(self) -> int:
        """The number of frames that have not been handed to the kernel."""
        return len(self._queue)

    @property
    def holds_long(self) -> bool:
        """True while a frame that is longer than the bound waits or is under way."""
        return self._long is not None

    def push(self, frame: Frame) -> None:
        """Queue a frame. It never blocks and never calls the owner, which hears of an overflow in a later turn."""
        if self._sock is None or (self._overflowed and frame[0] != _CLOSE):
            self.dropped += _is_message(frame)
            return
        if len(frame) > self._limits.max_bytes and self._long is None:
            frame = self._long = LongFrame((frame,)) if isinstance(frame, bytes) else frame
            self._exempt = len(frame)
        self._queue.append(frame)
        self._bytes += len(frame)
        if self._is_over():
            self._relieve()
        elif not self._dirty and not self._watching:
            self._dirty = True
            self._flusher.add(self)

    def room(self, frames: Sequence[bytes], most: int) -> int:
        """Return the number of the frames, at least one, that can be queued at once.

        With them no more than `most` bytes wait, and neither bound is passed.
        """
        most = min(most, self._limits.max_bytes)
        waiting, places = self._bytes, self._limits.max_messages - len(self._queue)
        for count, frame in enumerate(frames):
            waiting += len(frame)
            if waiting > most or count >= places:
                return max(1, count)
        return len(frames)

    def flush(self) -> None:
        """Hand as much to the kernel as it takes, and report the frames that were written."""
        self.hand_over()
        self._flusher.report_written()

    def hand_over(self) -> None:
        """Hand as much to the kernel as it takes; the caller reports by `Flusher.report_written`."""
        self._dirty = False
        sock = self._sock
        if sock is None or self._watching:
            return
        while self._queue or self._rest:
            data = (self._rest or self._gather())[0][:_MAX_CHUNK]
            try:
                count = sock.send(data)
            except _BUSY:
                count = 0
            except OSError:
                owner = self._owner
                self.abandon()
                self._loop.call_soon(owner.wire_lost)
                return
            self._took(count)
            if count < len(data):
                self._watching = True
                self._loop.add_writer(sock.fileno(), self._writable)
                return
        if self.on_empty is not None:
            self.on_empty()

    def _took(self, count: int) -> None:
        self.taken += count
        self._bytes -= count
        if self._chunk[0] is self._long:
            self._exempt -= count
        rest = self._rest
        if count < len(rest[0]):
            rest[0] = rest[0][count:]
            return
        rest.popleft()
        if not rest:
            self._flusher.note_written(self._chunk)
            self._long = None if self._chunk[0] is self._long else self._long
            self._chunk = ()

    def finish(self, last: bytes) -> None:
        """Drop the frames that wait, except one that is under way, and queue `last` as the last one."""
        if self._sock is None:
            return
        self._drop_queue()
        self._queue.append(last)
        self._bytes += len(last)
        self.flush()

    def abandon(self) -> None:
        """Stop sending; the owner closes the socket."""
        sock, self._sock = self._sock, None
        if sock is None:
            return
        if self._watching:
            self._loop.remove_writer(sock.fileno())
        self.dropped += _messages(self._queue) + _messages(_unfinished(self._chunk, sum(map(len, self._rest))))
        self._queue.clear()
        self._rest.clear()
        self._chunk = ()
        self._long, self._exempt, self._bytes = None, 0, 0
        # Both refer to this outbox: such a reference cycle would keep all of them until the next collection.
        self._owner, self.on_empty = _NO_OWNER, None

    def _gather(self) -> deque[memoryview]:
        """Take the next frames out of the queue: a long one, or as many short ones as fit into one call."""
        queue = self._queue
        frame = queue.popleft()
        if isinstance(frame, LongFrame):
            self._chunk = (frame,)
            self._rest.extend(map(memoryview, frame.parts))
            return self._rest
        frames, size = [frame], len(frame)
        while queue and isinstance(following := queue[0], bytes) and size + len(following) <= _MAX_CHUNK:
            size += len(following)
            frames.append(following)
            queue.popleft()
        self._chunk = frames
        self._rest.append(memoryview(frame if len(frames) == 1 else b"".join(frames)))
        return self._rest

    def _is_over(self) -> bool:
        return self._bytes - self._exempt > self._limits.max_bytes or len(self._queue) > self._limits.max_messages

    def _drop_queue(self) -> None:
        self.dropped += _messages(self._queue)
        self._queue.clear()
        self._bytes = sum(map(len, self._rest))
        if not self._chunk or self._chunk[0] is not self._long:
            self._long, self._exempt = None, 0

    def _writable(self) -> None:
        assert self._sock is not None  # noqa: S101  the watch ends when the socket goes
        self._loop.remove_writer(self._sock.fileno())
        self._watching = False
        before = self.taken
        self.flush()
        self.taken_late += self.taken - before

    def _relieve(self) -> None:
        if not self._watching:
            # Within one tick a queue may pass its bound although the kernel would have taken all of it: only bytes
            # that the kernel refuses make a slow reader.
            self.flush()
            if not self._watching:
                return
        # From the newest to the oldest: of the frames with one key the first that is met is the one to keep.
        kept: deque[Frame] = deque()
        dropped: list[int] = []
        keys: set[tuple[str, ...]] = set()
        place = 0
        for frame in reversed(self._queue):
            if not isinstance(frame, ConflatableFrame):
                kept.appendleft(frame)
            elif frame.key in keys:
                dropped.append(place)
            else:
                keys.add(frame.key)
                kept.appendleft(frame)
            place += _is_message(frame)
        if dropped:
            self._queue = kept
            self._bytes = sum(map(len, self._rest)) + sum(map(len, kept))
            self._owner.replaced_frames(dropped)
        if self._is_over():
            self._overflowed = True
            self._drop_queue()
            self._loop.call_soon(self._owner.too_slow)


def _messages(frames: Iterable[Frame]) -> int:
    return sum(map(_is_message, frames))


def _is_message(frame: Frame) -> bool:
    return frame[0] == _TEXT and not isinstance(frame, UnrecordedFrame)


def _unfinished(frames: Sequence[Frame], left: int) -> list[Frame]:
    """Return the frames that are not wholly sent, of frames sent in this order of which `left` bytes remain."""
    unfinished = []
    for frame in reversed(frames):
        if left <= 0:
            break
        unfinished.append(frame)
        left -= len(frame)
    return unfinished

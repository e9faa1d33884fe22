"""Flushes of all outboxes that got frames in one tick of the loop, at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from app.node.sockets.queued_frames import TimedFrame
from app.telemetry.stalls import at_turn_end

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from app.node.sockets.queued_frames import Frame

_MAX_FLUSHES_PER_TURN: Final = 500  # outboxes; the others are flushed in the next turn of the loop
_FLUSHES_PER_CLOCK_READ: Final = 50


class Flushable(Protocol):
    """A queue that hands its frames to the kernel."""

    def flush(self) -> None:
        """Hand over, and report the frames that were written."""

    def hand_over(self) -> None:
        """Hand over; the caller reports by `Flusher.report_written`."""


class Flusher:
    """The outboxes that wait for the end of the tick; of very many, some in each turn.

    `delivered` is called for published frames that the kernel took, once for all that were accepted at one time: with
    the seconds since then, the time (steady clock) and the number of receivers.
    """

    __slots__ = ("_at_turn_end", "_counts", "_delivered", "_dirty", "_loop", "_written")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, delivered: Callable[[float, float, int], None] | None = None
    ) -> None:
        self._loop = loop
        self._at_turn_end = at_turn_end(loop)
        self._delivered = delivered
        self._dirty: list[Flushable] = []
        # The frames that the kernel took since the last report, and for how many outboxes in a row. A broadcast gives
        # all outboxes the same frames: comparing neighbours makes one record of a thousand.
        self._written: list[Sequence[Frame]] = []
        self._counts: list[int] = []

    def add(self, outbox: Flushable) -> None:
        """Flush the outbox before the next tick ends."""
        if not self._dirty:
            self._at_turn_end(self._run)
        self._dirty.append(outbox)

    def flush(self) -> None:
        """Flush the outboxes that were added, now, in the middle of a tick."""
        dirty, self._dirty[:] = self._dirty[:_MAX_FLUSHES_PER_TURN], self._dirty[_MAX_FLUSHES_PER_TURN:]
        for outbox in dirty:
            outbox.flush()

    def _run(self) -> None:
        dirty, self._dirty = self._dirty[:_MAX_FLUSHES_PER_TURN], self._dirty[_MAX_FLUSHES_PER_TURN:]
        if self._dirty:
            self._loop.call_soon(self._run)
        for start in range(0, len(dirty), _FLUSHES_PER_CLOCK_READ):
            for outbox in dirty[start : start + _FLUSHES_PER_CLOCK_READ]:
                outbox.hand_over()
            self.report_written()

    def note_written(self, frames: Sequence[Frame]) -> None:
        """Note that the kernel took all of these frames of one outbox."""
        if self._written and self._written[-1] == frames:
            self._counts[-1] += 1
        else:
            self._written.append(frames)
            self._counts.append(1)

    def report_written(self) -> None:
        """Report the delivery times of the frames that were noted, with one read of the clock for all of them."""
        if not self._written:
            return
        now, written = self._loop.time(), zip(self._written, self._counts, strict=True)
        self._written, self._counts = [], []
        if self._delivered is None:
            return
        # Of people who write together each outbox gets other frames: its own answers, and the others' edits.
        receivers: dict[float, int] = {}
        for frames, count in written:
            for frame in frames:
                if isinstance(frame, TimedFrame) and frame.accepted:
                    receivers[frame.accepted] = receivers.get(frame.accepted, 0) + count
        for accepted, many in receivers.items():
            self._delivered(now - accepted, now, many)

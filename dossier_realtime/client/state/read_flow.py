"""Back-pressure: reading pauses while a subscription is full of recovered events that its user is consuming."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

PAUSE_READING_AT = 256  # waiting recovered events of one subscription, from which on the socket is not read
RESUME_READING_AT = 128  # waiting recovered events, below which reading goes on
STALLED_AFTER_SECONDS = 30.0  # without progress, after which a full subscription does not pause reading any more


class FlowReader(Protocol):
    """A subscription with waiting recovered events."""

    @property
    def backlog(self) -> int:
        """The number of recovered events that wait."""

    @property
    def taken(self) -> int:
        """The number of events that its user has consumed, in all."""


class ReadFlow:
    """The set of full subscriptions. `changed` is called when `full` may have changed. Pure: time is an argument."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._full: dict[FlowReader, tuple[int, float | None]] = {}
        self._stalled: set[FlowReader] = set()

    @property
    def full(self) -> bool:
        """True while a subscription whose user consumes events is full."""
        return bool(self._full)

    def look(self, reader: FlowReader) -> None:
        """Update for a reader that got or consumed an event, or has ended."""
        before = self.full
        if reader.backlog < RESUME_READING_AT:
            self._full.pop(reader, None)
            self._stalled.discard(reader)
        elif reader.backlog >= PAUSE_READING_AT and reader not in self._full and reader not in self._stalled:
            self._full[reader] = (reader.taken, None)
        if before != self.full:
            self._changed()

    def is_stalled(self, reader: FlowReader) -> bool:
        """Return True for a reader that is full and whose user consumes nothing."""
        return reader in self._stalled

    def tick(self, now: float) -> None:
        """Mark readers without progress for `STALLED_AFTER_SECONDS` as stalled."""
        for reader, (taken, since) in list(self._full.items()):
            if since is None or reader.taken != taken:
                self._full[reader] = (reader.taken, now)
            elif now >= since + STALLED_AFTER_SECONDS:
                del self._full[reader]
                self._stalled.add(reader)

    def deadline(self) -> float | None:
        """Return the time of the next `tick`; None while nothing is full. A time in the past means at once."""
        due = [0.0 if since is None else since + STALLED_AFTER_SECONDS for _, since in self._full.values()]
        return min(due, default=None)

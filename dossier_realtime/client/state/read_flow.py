"""Back-pressure: the socket is not read while a subscription is full of recovered events that its user is taking."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

PAUSE_READING_AT = 256  # recovered events that wait for one subscription, from which on nothing more is read
RESUME_READING_AT = 128
STALLED_AFTER_SECONDS = 30.0  # seconds; a full subscription that took nothing for so long holds nobody else up any more


class FlowReader(Protocol):
    """A subscription whose recovered events wait. `taken` counts what its user took."""

    @property
    def backlog(self) -> int:
        """How many recovered events wait."""

    @property
    def taken(self) -> int:
        """How many events its user has taken, in all."""


class ReadFlow:
    """The full subscriptions. `changed` is called when `full` may have. Pure: time is an argument."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._full: dict[FlowReader, tuple[int, float | None]] = {}
        self._stalled: set[FlowReader] = set()

    @property
    def full(self) -> bool:
        """Return whether a subscription that is being read has enough."""
        return bool(self._full)

    def look(self, reader: FlowReader) -> None:
        """Look at a reader that has got or taken an event, or has ended."""
        before = self.full
        if reader.backlog < RESUME_READING_AT:
            self._full.pop(reader, None)
            self._stalled.discard(reader)
        elif reader.backlog >= PAUSE_READING_AT and reader not in self._full and reader not in self._stalled:
            self._full[reader] = (reader.taken, None)
        if before != self.full:
            self._changed()

    def is_stalled(self, reader: FlowReader) -> bool:
        """Return whether the reader is full and its user takes nothing."""
        return reader in self._stalled

    def tick(self, now: float) -> None:
        """Give up on those that took nothing for `STALLED_AFTER_SECONDS`."""
        for reader, (taken, since) in list(self._full.items()):
            if since is None or reader.taken != taken:
                self._full[reader] = (reader.taken, now)
            elif now >= since + STALLED_AFTER_SECONDS:
                del self._full[reader]
                self._stalled.add(reader)

    def deadline(self) -> float | None:
        """When `tick` is to be called next; None while nothing is full. A time in the past: at once."""
        due = [0.0 if since is None else since + STALLED_AFTER_SECONDS for _, since in self._full.values()]
        return min(due, default=None)

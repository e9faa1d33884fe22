"""Deadlines of many connections in one heap: one entry each, which is examined only when it is due."""

from __future__ import annotations

import heapq
from itertools import count
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.core.instant import Instant

_RETRY_SECONDS = 1.0  # after a tick that raised


class Timed(Protocol):
    """An object with a deadline."""

    @property
    def deadline(self) -> float:
        """The time of the next `tick`, on the steady clock; infinity for none."""

    def tick(self, at: Instant) -> None:
        """Do the work that is due; the deadline may have moved."""


class Timers:
    """The heap of deadlines.

    Moving a deadline later does not touch the heap; an entry popped too early is pushed again. `nearer` is called when
    an entry is due before all others.
    """

    def __init__(self, nearer: Callable[[], None] | None = None) -> None:
        self._nearer = nearer
        self._heap: list[tuple[float, int, Timed]] = []
        self._due: dict[Timed, float] = {}
        self._order = count()

    def watch(self, timed: Timed) -> None:
        """Call `tick` at the deadline. Call this again when the deadline has come nearer."""
        deadline = timed.deadline
        if deadline < self._due.get(timed, float("inf")):
            self._push(timed, deadline)

    def forget(self, timed: Timed) -> None:
        """Remove the object; its entry stays in the heap and is skipped when it is popped."""
        self._due.pop(timed, None)

    @property
    def first(self) -> float:
        """The time of the first entry, on the steady clock; infinity for none."""
        return self._heap[0][0] if self._heap else float("inf")

    def run(self, at: Instant) -> None:
        """Run all deadlines that are due."""
        while self.is_due(at):
            self.run_next(at)

    def is_due(self, at: Instant) -> bool:
        """Return whether an entry is due."""
        return bool(self._heap) and self._heap[0][0] <= at.steady

    def run_next(self, at: Instant) -> None:
        """Run the first entry, which must be due."""
        when, _, timed = heapq.heappop(self._heap)
        if self._due.get(timed) != when:
            return  # forgotten, or an earlier entry stands for it
        del self._due[timed]
        try:
            if timed.deadline <= at.steady:
                timed.tick(at)
        except BaseException:
            self._push(timed, at.steady + _RETRY_SECONDS)  # its deadline must not be lost
            raise
        if timed.deadline > at.steady:
            self.watch(timed)

    def _push(self, timed: Timed, when: float) -> None:
        self._due[timed] = when
        entry = (when, next(self._order), timed)
        heapq.heappush(self._heap, entry)
        if self._nearer is not None and self._heap[0] is entry:
            self._nearer()

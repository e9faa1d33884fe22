"""Deadlines of many connections in one heap: one entry each, looked at only when it is due."""

from __future__ import annotations

import heapq
from itertools import count
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from app.core.instant import Instant


class Timed(Protocol):
    """Something that time happens to."""

    @property
    def deadline(self) -> float:
        """When it wants to be looked at, on the steady clock; infinity: never again."""

    def tick(self, at: Instant) -> None:
        """It is due, or was; the deadline may have moved."""


class Timers:
    """A deadline that moves back costs nothing: the entry is looked at too early and put back."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timed]] = []
        self._due: dict[Timed, float] = {}
        self._order = count()

    def watch(self, timed: Timed) -> None:
        """Look at it at its deadline; also to be called when the deadline has come nearer."""
        deadline = timed.deadline
        if deadline < self._due.get(timed, float("inf")):
            self._due[timed] = deadline
            heapq.heappush(self._heap, (deadline, next(self._order), timed))

    def forget(self, timed: Timed) -> None:
        """Look at it no more."""
        self._due.pop(timed, None)

    def run(self, at: Instant) -> None:
        """Look at everything that is due."""
        while self.is_due(at):
            self.run_next(at)

    def is_due(self, at: Instant) -> bool:
        """Return whether an entry is due."""
        return bool(self._heap) and self._heap[0][0] <= at.steady

    def run_next(self, at: Instant) -> None:
        """Look at the first entry, which is due."""
        when, _, timed = heapq.heappop(self._heap)
        if self._due.get(timed) != when:
            return  # forgotten, or an earlier entry stands for it
        del self._due[timed]
        if timed.deadline <= at.steady:
            timed.tick(at)
        if timed.deadline > at.steady:
            self.watch(timed)

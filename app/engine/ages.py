"""The age of events, without a wall clock."""

from __future__ import annotations

from collections import deque
from typing import Final

_MARKS_A_WINDOW: Final = 64  # an event counts as old at most one part of 64 too late


class Ages:
    """The number up to which events are older than `window` seconds.

    Marks record how far the log was at moments of the steady clock. After a restart every event counts as new: events
    may be kept longer than `window`, never shorter, however the wall clock jumped meanwhile.
    """

    def __init__(self, window: float, number: int, steady: float) -> None:
        self._window = window
        self._marks = deque([(steady, number)])

    def mark(self, number: int, steady: float) -> None:
        """Record that the log ends with `number`. A mark is kept only once in a 64th of the window."""
        if steady - self._marks[-1][0] >= self._window / _MARKS_A_WINDOW:
            self._marks.append((steady, number))

    def settled(self, steady: float) -> int:
        """Return the number up to which all events are older than the window, 0 if none is known to be."""
        marks, past = self._marks, steady - self._window
        while len(marks) > 1 and marks[1][0] <= past:
            marks.popleft()
        return marks[0][1] if marks[0][0] <= past else 0

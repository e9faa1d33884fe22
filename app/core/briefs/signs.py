"""The last sign that a brief of an external program is being served, on the steady clock. Pure.

A brief that waits while its type is served is in a queue; one whose type nobody serves is silent, and so is one whose
own worker reports no more (docs/protocol.md#workers).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple


class Signs(NamedTuple):
    """Steady seconds. `listening`: since when this process could hear anything without a break.

    `known`: since when it knows of the brief. `served`: the last claim of, or report on, a brief of its type.
    `reported`: the last claim of, or report on, itself. None: not yet.
    """

    listening: float
    known: float | None = None
    served: float | None = None
    reported: float | None = None


def last_sign(signs: Signs, *, claimed: bool) -> float:
    """Return when a brief gave its last sign of life; it is not silent before this process could have heard it."""
    told = (signs.reported,) if claimed else (signs.known, signs.served)
    return max(signs.listening, *(signs.listening if at is None else at for at in told))


class RecentSigns:
    """The times of the last signs, by name, in steady seconds; those of more than `seconds` ago are forgotten.

    A forgotten sign is older than silence, and so says no more than none.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._at)

    def take(self, name: str, now: float) -> None:
        """Keep a sign that came now."""
        self._at[name] = now
        self._at.move_to_end(name)
        while (first := next(iter(self._at))) != name and now - self._at[first] > self._seconds:
            del self._at[first]

    def last(self, name: str) -> float | None:
        """Return the time of the last sign; None where none is remembered."""
        return self._at.get(name)

    def drop(self, name: str) -> None:
        """Forget the sign of one that has ended."""
        self._at.pop(name, None)


class ServedTurns:
    """The order in which users were served last; of many users, those who wait longest are taken as new ones."""

    def __init__(self, most: int) -> None:
        self._most, self._count = most, 0
        self._last: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._last)

    def take(self, user: str) -> None:
        """Keep that a user was served now."""
        self._count += 1
        self._last[user] = self._count
        self._last.move_to_end(user)
        if len(self._last) > self._most:
            self._last.popitem(last=False)

    def last(self, user: str) -> int:
        """Return when a user was served last: a higher number is later, 0 is never."""
        return self._last.get(user, 0)

"""The queue for recordings: a bound on those that are made at once, one per user, and the place of each that waits.

Each recording costs a process and its memory: without a bound, a few tabs could exhaust the machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")

MAX_CONCURRENT = 2  # jobs that run at once, of all users
MAX_WAITING = 40  # jobs of all users
MAX_WAITING_PER_USER = 3


class RecordingQueueFullError(Exception):
    """Raised when no place is left; `own`: because this user already has too many waiting."""

    def __init__(self, *, own: bool) -> None:
        super().__init__("own" if own else "all")
        self.own = own


@dataclass(eq=False, slots=True)
class _Place:
    person: str
    tell: Callable[[int], None]
    turn: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    told: int = 0


class RecordingQueue:
    """A first-in, first-out queue with one running job per user: a user's next job waits while others go ahead."""

    def __init__(
        self, at_once: int = MAX_CONCURRENT, waiting: int = MAX_WAITING, per_user: int = MAX_WAITING_PER_USER
    ) -> None:
        self._at_once = at_once
        self._bound = waiting
        self._of_one = per_user
        self._waiting: list[_Place] = []
        self._busy: list[str] = []

    @property
    def waiting(self) -> int:
        """The number of jobs that wait."""
        return len(self._waiting)

    async def run(self, person: str, work: Callable[[], Awaitable[T]], tell: Callable[[int], None]) -> T:
        """Run the work when its turn has come. `tell` is called with the place, from 1, whenever it changes.

        Work that is cancelled, waiting or running, gives its place to the next. Raises RecordingQueueFullError, and
        the exceptions of the work.
        """
        if len(self._waiting) >= self._bound:
            raise RecordingQueueFullError(own=False)
        if sum(place.person == person for place in self._waiting) >= self._of_one:
            raise RecordingQueueFullError(own=True)
        place = _Place(person, tell)
        self._waiting.append(place)
        self._advance()
        try:
            await place.turn
        except asyncio.CancelledError:
            if place in self._waiting:
                self._waiting.remove(place)
            elif not place.turn.cancelled():
                self._busy.remove(person)  # its turn had come before it was cancelled
            self._advance()
            raise
        try:
            return await work()
        finally:
            self._busy.remove(person)
            self._advance()

    def _advance(self) -> None:
        self._waiting = [place for place in self._waiting if not place.turn.cancelled()]
        for place in list(self._waiting):
            if len(self._busy) >= self._at_once:
                break
            if place.person not in self._busy:
                self._waiting.remove(place)
                self._busy.append(place.person)
                place.turn.set_result(None)
        for number, place in enumerate(self._waiting, 1):
            if place.told != number:
                place.told = number
                place.tell(number)

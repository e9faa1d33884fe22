"""A moment on both clocks, and the moments at which a process at rest wakes."""

from __future__ import annotations

from math import floor
from typing import NamedTuple


class Instant(NamedTuple):
    """A moment on both clocks.

    `steady` never jumps (monotonic seconds): every duration is measured on it. `wall` (Unix seconds) labels messages
    and judges tokens, and may jump.
    """

    steady: float
    wall: float

    @property
    def timestamp(self) -> int:
        """Unix time in whole seconds, as messages carry it."""
        return int(self.wall)


def until_next_second(now: float) -> float:
    """Return the seconds from `now` (steady seconds) until the next whole second, of those half a second away.

    All that is done once a second is done at one moment, so a process at rest wakes once for all of it.
    """
    return floor(now + 0.5) + 1.0 - now

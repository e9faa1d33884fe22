"""A moment on both clocks."""

from __future__ import annotations

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

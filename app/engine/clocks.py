"""The clocks of an engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.core.instant import Instant


@dataclass(frozen=True, slots=True)
class Clocks:
    """Seconds, as functions: `steady` since some moment, `unix` since 1970."""

    steady: Callable[[], float]
    unix: Callable[[], float]


def engine_clocks(clock: Callable[[], Instant]) -> Clocks:
    """Return the clocks of an engine that is opened now.

    Its Unix time is the wall clock's at this moment, carried on by the steady clock: a later jump of the wall clock
    neither ends nor prolongs the times for which keys, sessions and revocations are kept.
    """
    start = clock()
    return Clocks(lambda: clock().steady, lambda: start.wall + (clock().steady - start.steady))

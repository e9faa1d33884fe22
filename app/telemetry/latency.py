"""The time of deliveries in the last minute: quantiles of the observations, to five per cent.

Durations fall into buckets each of which is a sixteenth of an octave wide. Without observations in the minute there is
no figure.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import NamedTuple

from .minute import MinuteSlots

_STEPS = 16  # buckets an octave: neighbours differ by 4.5 %
_SHORTEST = 1e-6  # seconds; what is shorter counts as this long


class Spread(NamedTuple):
    """Quantiles of so many durations, in seconds. `p50` and `p95` are at most 4.5 % above the true ones."""

    observed: int
    p50: float
    p95: float
    longest: float


class LastMinute:
    """The durations of the last minute, to ten seconds."""

    __slots__ = ("_slots",)

    def __init__(self) -> None:
        self._slots = MinuteSlots(_Slot)

    def observe(self, seconds: float, now: float, count: int = 1) -> None:
        """Count `count` durations of so many seconds that ended at `now` (steady seconds)."""
        slot = self._slots.current(now)
        slot.counts[math.ceil(_STEPS * math.log2(max(seconds, _SHORTEST)))] += count
        slot.longest = max(slot.longest, seconds)

    def spread(self, now: float) -> Spread | None:
        """Return the quantiles of the minute before `now` (steady seconds); None where nothing was observed in it."""
        fresh = self._slots.fresh(now)
        counts = sum((slot.counts for slot in fresh), Counter[int]())
        total = counts.total()
        if not total:
            return None
        longest = max(slot.longest for slot in fresh)
        p50, p95 = (min(longest, _quantile(counts, math.ceil(share * total))) for share in (0.5, 0.95))
        return Spread(total, p50, p95, longest)

    def figures(self, now: float) -> dict[str, float]:
        """Return the minute as operators receive it: the count, and where it is not 0 the durations in ms."""
        spread = self.spread(now)
        if spread is None:
            return {"deliveries_minute": 0}
        took = {"p50": spread.p50, "p95": spread.p95, "max": spread.longest}
        milliseconds = {f"delivery_{name}_ms": round(1000 * seconds, 3) for name, seconds in took.items()}
        return {"deliveries_minute": spread.observed} | milliseconds


class _Slot:
    """Ten seconds: how many durations fell into each bucket, and the longest one."""

    __slots__ = ("counts", "longest")

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()
        self.longest = 0.0


def _quantile(counts: Counter[int], rank: int) -> float:
    """Return the upper bound of the bucket that holds the duration of this rank, in seconds."""
    for bucket in sorted(counts):
        rank -= counts[bucket]
        if rank <= 0:
            return float(2.0 ** (bucket / _STEPS))
    raise ValueError("the rank is above the count of durations")

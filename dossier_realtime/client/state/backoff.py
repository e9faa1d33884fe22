"""Back-off with full jitter: a random delay below a bound that doubles. Pure: randomness is an argument."""

from __future__ import annotations

from dataclasses import dataclass

_MAX_DOUBLINGS = 32  # beyond every sensible cap; keeps the power small after days of failure


@dataclass(slots=True)
class Backoff:
    """Delays in seconds below a bound that doubles from `base` to `cap`; the whole range spreads many clients."""

    base: float = 0.5
    cap: float = 30.0
    attempts: int = 0

    def delay(self, jitter: float) -> float:
        """Return the next delay in seconds. `jitter` is a random number, 0 ≤ jitter < 1."""
        bound = min(self.cap, self.base * (1 << min(self.attempts, _MAX_DOUBLINGS)))
        self.attempts += 1
        return bound * jitter

    def reset(self) -> None:
        """Begin at `base` again."""
        self.attempts = 0

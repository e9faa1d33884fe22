"""A circuit breaker: a service that failed often in a row is left alone for a while. Pure; times are steady seconds."""

from __future__ import annotations


class CircuitBreaker:
    """Closed until `failures` in a row; then open for `seconds`; then one call tries whether it works again."""

    def __init__(self, failures: int, seconds: float) -> None:
        self._limit, self._seconds = failures, seconds
        self._failures = 0
        self._opened_at: float | None = None
        self._trying_since: float | None = None

    def allows(self, now: float) -> bool:
        """Return whether a call may be made now; a call that may must be followed by `succeeded` or `failed`."""
        if self._opened_at is None:
            return True
        if now - self._opened_at < self._seconds:
            return False
        if self._trying_since is not None and now - self._trying_since < self._seconds:
            return False  # the one that tries has not answered
        self._trying_since = now
        return True

    def succeeded(self) -> None:
        """Close the circuit."""
        self._failures, self._opened_at, self._trying_since = 0, None, None

    def failed(self, now: float) -> None:
        """Count a failure; open the circuit at the limit, and again where a trial failed."""
        self._failures += 1
        if self._failures >= self._limit or self._opened_at is not None:
            self._opened_at, self._trying_since = now, None

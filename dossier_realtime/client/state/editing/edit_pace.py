"""The pace of a user's edits: typing is sent as one operation an interval, within the server's limit. Pure.

The limit belongs to the user, over all documents and connections, so the documents of one client share a pace. Times
are seconds on a steady clock. Source: docs/protocol.md#pace-of-edits.
"""

from __future__ import annotations

from dossier_realtime.protocol.responses import RateLimits, RateLimitWarningPayload

EDIT_INTERVAL_SECONDS = 0.12  # between two operations in one document: 500 a minute, of 600 that are allowed
_RESERVE = 0.9  # of what is left of a limit, that is used: another connection of the user may edit too
_THROTTLED_FACTOR = 3.0  # an interval so many times as long as the shortest one is felt by its user


class EditPace:
    """The edits of one client in the present window of the server's limit, and the interval that keeps within it.

    `interval`: the shortest time between two operations in one document, in seconds. It shrinks with a limit above the
    default one; 0 sends every edit at once, as soon as the one before is confirmed.
    """

    def __init__(self, interval: float = EDIT_INTERVAL_SECONDS) -> None:
        self._shortest = self._configured = interval
        self._limit = self._budget = 600
        self._window = 60.0
        self._ends = float("-inf")  # of the present window
        self._used = 0  # edits of the user in it, as far as known
        self._own = 0  # of them, those of this client
        self._warned = False

    def limited(self, limits: RateLimits | None) -> None:
        """Take the limits of the session, as `auth_success` names them."""
        if limits is None:
            return
        self._limit, self._window = max(limits.edit, 1), float(max(limits.window, 1))
        self._budget = self._limit
        self._shortest = min(self._configured, 1.2 * self._window / self._limit)

    def sent(self, now: float) -> None:
        """Count an edit."""
        self._roll(now)
        self._used += 1
        self._own += 1

    def warned(self, warning: RateLimitWarningPayload, now: float) -> None:
        """Take a warning: what is left of the window is spread over it, and later windows get a smaller share."""
        if warning.rate_class == "edit":
            self._restrain(warning.current_rate, warning.limit, now + warning.reset_in)

    def exceeded(self, retry_after: float, now: float) -> None:
        """Take the refusal of an edit: nothing is left of the window."""
        self._restrain(self._limit, self._limit, now + retry_after)

    def interval(self, now: float) -> float:
        """Return the time to keep between two operations in one document."""
        if not self._configured:
            return 0.0
        self._roll(now)
        steady = self._shortest
        if self._budget < self._limit:
            steady = max(steady, self._window / (_RESERVE * self._budget))
        if self._used * 2 <= self._limit or now >= self._ends:
            return steady
        left = max(_RESERVE * (self._limit - self._used), 1.0)
        return max(steady, (self._ends - now) / left)

    def is_throttled(self, now: float) -> bool:
        """Return True while the limit makes edits wait so long that their user notices."""
        return self.interval(now) > _THROTTLED_FACTOR * self._shortest

    def _restrain(self, used: int, limit: int, ends: float) -> None:
        share = self._own / max(used, self._own, 1)
        self._budget = min(self._budget, max(int(limit * share), 1))
        self._used, self._ends, self._warned = max(used, self._used), ends, True

    def _roll(self, now: float) -> None:
        if now < self._ends:
            return
        if not self._warned:
            self._budget = min(self._limit, 2 * self._budget)  # the user's other connections have become quiet
        self._ends, self._used, self._own, self._warned = now + self._window, 0, 0, False

"""Rate limits per user and class: fixed windows of 60 s from the first message (docs/protocol.md#rate-windows)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from dossier_realtime.protocol.commands import EditOperation, MoveCursor, Ping
from dossier_realtime.protocol.responses import RateClass as MessageClass
from dossier_realtime.protocol.responses import (
    RateLimitExceeded,
    RateLimitExceededPayload,
    RateLimits,
    RateLimitWarning,
    RateLimitWarningPayload,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Quota = Literal["channels", "stored"]
RateClass = MessageClass | Literal["read"] | Quota
"""`read` is for HTTP calls that change nothing; `channels` begun and bytes `stored` are quotas of a day."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Messages a window, by class; of `bytes` and `stored` bytes."""

    general: int = 100
    edit: int = 600
    cursor: int = 1200
    ping: int = 60
    read: int = 600
    bytes: int = 16 << 20
    channels: int = 1000
    stored: int = 64 << 20

    def of(self, rate_class: RateClass) -> int:
        """Return the limit of one class."""
        return int(getattr(self, rate_class))


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict of the limiter on one message.

    `warn`: this message reached 95 % of the limit. `first_refusal`: the first one past it in this window. `abuse`: so
    many were refused that the connection is to end. `reset_in`: whole seconds until a new window. `never`: it costs
    more than a whole window allows, so that waiting does not help.
    """

    allowed: bool
    limit: int = 0
    count: int = 0
    reset_in: int = 0
    warn: bool = False
    first_refusal: bool = False
    abuse: bool = False
    never: bool = False

    def warning(self, rate_class: MessageClass) -> RateLimitWarning:
        """Return the message that goes with `warn`."""
        payload = RateLimitWarningPayload(
            current_rate=self.count, limit=self.limit, reset_in=self.reset_in, rate_class=rate_class
        )
        return RateLimitWarning(payload=payload)

    def exceeded(self, rate_class: MessageClass) -> RateLimitExceeded:
        """Return the message that goes with `first_refusal`."""
        payload = RateLimitExceededPayload(retry_after=self.reset_in, limit=self.limit, rate_class=rate_class)
        return RateLimitExceeded(payload=payload)


_ALLOWED = Verdict(True)
RAISED_FACTOR = 10  # times as much is allowed to a user whose limits are raised: a ceiling stays
_MAX_RAISED = 1_000  # users at once, of whom the one whose raised limits end first gives way


class RateWindow(NamedTuple):
    """A user's open window of one class, at or past the warning: what was `counted` of `limit`, and what was refused.

    `resets_in`: seconds until a new window.
    """

    user_id: str
    rate_class: RateClass
    counted: int
    limit: int
    refused: int
    resets_in: int


class _Window:
    __slots__ = ("count", "limit", "refused", "started")

    def __init__(self, started: float) -> None:
        self.started = started
        self.count = 0
        self.refused = 0
        self.limit = 0  # that the last message was judged by; 0 before the first


@dataclass(slots=True)
class RateLimiter:
    """Counts messages. Bounded: windows that ended are dropped as new ones open.

    A user's limits can be raised for a while. What was counted stays counted: within a window the limit is another one.
    """

    limits: Limits = field(default_factory=Limits)
    roles: Mapping[str, Limits] = field(default_factory=dict)
    window: float = 60.0
    warning_ratio: float = 0.95
    abuse: int = 200
    _windows: dict[tuple[str, RateClass], _Window] = field(default_factory=dict)
    _raised: dict[str, float] = field(default_factory=dict)

    def limits_of(self, role: str) -> Limits:
        """Return the limits that hold for a role."""
        return self.roles.get(role, self.limits)

    def limit_of(self, user_id: str, role: str, rate_class: RateClass, steady: float) -> int:
        """Return what a user of this role may spend in a window of one class, as it is now."""
        limit = self.limits_of(role).of(rate_class)
        return limit * RAISED_FACTOR if self._raised and self._is_raised(user_id, steady) else limit

    def announced(self, role: str) -> RateLimits:
        """Return the limits that hold for a role, as `auth_success` carries them."""
        limits = self.limits_of(role)
        return RateLimits(limits.general, limits.edit, limits.cursor, limits.ping, int(self.window), bytes=limits.bytes)

    def spend(self, user_id: str, role: str, rate_class: RateClass, steady: float, cost: int = 1) -> Verdict:
        """Count a message at a time on the steady clock; return the verdict.

        A message that costs more than is left is refused whole, and takes nothing.
        """
        key = (user_id, rate_class)
        window = self._windows.get(key)
        if window is None or steady - window.started >= self.window:
            if window is not None:
                del self._windows[key]  # so that insertion order stays the order of starts
            self._drop_ended(steady)
            window = self._windows[key] = _Window(steady)
        limit = window.limit = self.limit_of(user_id, role, rate_class, steady)
        if window.count + cost > limit:
            window.refused += 1
            return Verdict(
                False,
                limit,
                window.count,
                self._reset_in(window, steady),
                first_refusal=window.refused == 1,
                abuse=window.refused >= self.abuse,
                never=cost > limit,
            )
        before, window.count = window.count, window.count + cost
        if before < self._warned_from(limit) <= window.count:
            return Verdict(True, limit, window.count, self._reset_in(window, steady), warn=True)
        return _ALLOWED

    def give_back(self, user_id: str, rate_class: RateClass, cost: int) -> None:
        """Take back what was counted for nothing, as far as its window is still there."""
        window = self._windows.get((user_id, rate_class))
        if window is not None:
            window.count = max(0, window.count - cost)

    def spent(self, user_id: str, rate_class: RateClass, steady: float) -> tuple[float, int]:
        """Return the age in seconds of the window that is open, and what was counted in it; (0, 0) where none is."""
        window = self._windows.get((user_id, rate_class))
        open_ = window is not None and steady - window.started < self.window
        return (steady - window.started, window.count) if window is not None and open_ else (0.0, 0)

    def reopen(self, user_id: str, rate_class: RateClass, spent: tuple[float, int], steady: float) -> None:
        """Go on with a window from `spent`. Call it for the oldest first, before anything is counted."""
        age, count = spent
        if 0 <= age < self.window:
            window = self._windows[user_id, rate_class] = _Window(steady - age)
            window.count = count

    def begin(self, user_id: str, rate_class: RateClass, steady: float) -> None:
        """Begin a window that nodes share, at its start; what was counted here in another one is void."""
        self._windows.pop((user_id, rate_class), None)
        self._drop_ended(steady)
        self._windows[user_id, rate_class] = _Window(steady)

    def count_elsewhere(self, user_id: str, rate_class: RateClass, cost: int) -> None:
        """Count what other nodes may spend in the open window, or less than was counted before."""
        window = self._windows.get((user_id, rate_class))
        if window is not None:
            window.count = max(0, window.count + cost)

    def counts(self, steady: float) -> dict[tuple[str, RateClass], tuple[int, int]]:
        """Return (accepted, refused) of every window that is open."""
        return {k: (w.count, w.refused) for k, w in self._windows.items() if steady - w.started < self.window}

    def standing(self, steady: float) -> Iterator[RateWindow | None]:
        """Yield one item for each window: what stands at or past the warning in an open one, else None.

        It reads a copy, so that a caller may wait between two items.
        """
        for (user_id, rate_class), window in list(self._windows.items()):
            is_open = window.limit > 0 and steady - window.started < self.window
            if is_open and (window.refused or window.count >= self._warned_from(window.limit)):
                resets_in = self._reset_in(window, steady)
                yield RateWindow(user_id, rate_class, window.count, window.limit, window.refused, resets_in)
            else:
                yield None

    def raise_limit(self, user_id: str, seconds: float, steady: float) -> None:
        """Allow the user `RAISED_FACTOR` times as much in every class for so long from now on; 0 ends it."""
        self._raised.pop(user_id, None)
        if seconds > 0:
            self._raised = {who: until for who, until in self._raised.items() if until > steady}
            if len(self._raised) >= _MAX_RAISED:
                del self._raised[min(self._raised, key=self._raised.__getitem__)]
            self._raised[user_id] = steady + seconds

    def raised_limits(self, steady: float) -> dict[str, float]:
        """Return the users whose limits are raised, each with the seconds that are left."""
        return {who: until - steady for who, until in self._raised.items() if until > steady}

    def _warned_from(self, limit: int) -> int:
        return math.ceil(limit * self.warning_ratio)

    def _is_raised(self, user_id: str, steady: float) -> bool:
        until = self._raised.get(user_id)
        return until is not None and until > steady

    def _reset_in(self, window: _Window, steady: float) -> int:
        left = math.ceil(window.started + self.window - steady)  # rounding may make it a hair longer than the window
        return max(1, min(left, math.ceil(self.window)))

    def _drop_ended(self, steady: float) -> None:
        # Two for each that opens: the table shrinks faster than it grows, and no call pays for all.
        for _ in range(2):
            oldest = next(iter(self._windows), None)
            if oldest is None or steady - self._windows[oldest].started < self.window:
                return
            del self._windows[oldest]


def class_of(command: object) -> MessageClass:
    """Return the class that a client's message counts in."""
    match command:
        case Ping():
            return "ping"
        case EditOperation():
            return "edit"
        case MoveCursor():
            return "cursor"
        case _:
            return "general"

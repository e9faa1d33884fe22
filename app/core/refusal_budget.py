"""The number of refusals of one client before it has to wait (only the time on the wire changes).

A refusal costs the sender nothing, and the service an answer, a journal entry and a place in the loop. So a client that
is refused often is not read for a while, and TCP holds it back. Each refusal is still answered, in order.
"""

from __future__ import annotations

from dataclasses import dataclass

_MAX_CLIENTS = 4_096  # counted at once
_MIN_LEFT = 0.9  # of the budget, left to a client that was refused a few times only


@dataclass(frozen=True, slots=True)
class RefusalLimits:
    """Refusals after which a pause begins, and the longest one in seconds."""

    per_second: int = 50
    longest_pause: float = 0.5

    @property
    def first_pause(self) -> float:
        """Return the seconds of the first pause."""
        return self.longest_pause / 10


class RefusalBudget:
    """The refusals of one client: so many a second, and after them pauses that double until calm returns."""

    __slots__ = ("_at", "_left", "_limits", "_pause", "_until")

    def __init__(self, limits: RefusalLimits, steady: float) -> None:
        self._limits = limits
        self._left = float(limits.per_second)
        self._at = steady
        self._until = steady
        self._pause = limits.first_pause

    def refused(self, steady: float) -> None:
        """Count one refusal, at a time on the steady clock.

        Where the budget is spent, a pause begins, and with it another budget.
        """
        left, pause = self._as_of(steady)
        self._at = max(steady, self._at)
        if left >= 1:
            self._left, self._pause = left - 1, pause
        else:
            self._left = float(self._limits.per_second)
            self._until = min(max(self._until, steady) + pause, steady + self._limits.longest_pause)
            self._pause = min(2 * pause, self._limits.longest_pause)

    def spend(self, steady: float) -> None:
        """Begin the longest pause: the client was ended for what it sent, and is not to begin anew by returning."""
        self._at = max(steady, self._at)
        self._pause = self._limits.longest_pause
        self._until = steady + self._limits.longest_pause

    def pause(self, steady: float) -> float:
        """Return for how many seconds nothing more is to be read: 0.0 within the budget, never above the longest."""
        return max(0.0, self._until - steady)

    def is_often(self, steady: float) -> bool:
        """Return whether the client was refused so often of late that others go before it."""
        left, pause = self._as_of(steady)
        return steady < self._until or pause > self._limits.first_pause or left < _MIN_LEFT * self._limits.per_second

    def is_calm(self, steady: float) -> bool:
        """Return whether the budget is as that of a client that was never refused: it can be forgotten."""
        left, pause = self._as_of(steady)
        return steady >= self._until and pause <= self._limits.first_pause and left >= self._limits.per_second

    def _as_of(self, steady: float) -> tuple[float, float]:
        """Return the refusals that are left, and the next pause: each second without a refusal halves it."""
        passed = max(0.0, steady - self._at)
        calm = int(max(0.0, steady - max(self._at, self._until)))
        pause = max(self._limits.first_pause, self._pause / 2 ** min(calm, 30))
        return min(float(self._limits.per_second), self._left + passed * self._limits.per_second), pause


class RefusalBudgets:
    """The budgets of many clients by their name: an address, a user.

    Budgets that are whole again are forgotten, and beyond the bound the one that was asked for the longest ago.
    """

    def __init__(self, limits: RefusalLimits, most: int = _MAX_CLIENTS) -> None:
        self._limits = limits
        self._most = most
        self._budgets: dict[str, RefusalBudget] = {}

    def __len__(self) -> int:
        return len(self._budgets)

    def of(self, client: str, steady: float) -> RefusalBudget:
        """Return the budget of a client, a whole one where none is known."""
        budget = self._budgets.pop(client, None) or RefusalBudget(self._limits, steady)
        self._budgets[client] = budget  # the last one: the first is the one that was asked for the longest ago
        for _ in range(2):
            oldest, its = next(iter(self._budgets.items()))
            if oldest != client and (its.is_calm(steady) or len(self._budgets) > self._most):
                del self._budgets[oldest]
        return budget

    def pause(self, client: str, steady: float) -> float:
        """Return for how many seconds nothing more of the client is to be read."""
        budget = self._budgets.get(client)
        return 0.0 if budget is None else budget.pause(steady)

    def is_often(self, client: str, steady: float) -> bool:
        """Return whether a client was refused so often of late that others go before it."""
        budget = self._budgets.get(client)
        return budget is not None and budget.is_often(steady)

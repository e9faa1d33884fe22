"""Settings of channels, quotas and rates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from app.core.ratelimit import Quota, RateClass, RateLimiter
from dossier_realtime.protocol.classification import ChannelSettings


class ChannelSettingsStore(Protocol):
    """Settings of single channels.

    They survive restarts; every node knows them before `put` returns on its own node.
    """

    def start(self, changed: Callable[[str, ChannelSettings], None]) -> None:
        """Begin. `changed` is called on the event loop for every channel at start, then for every change."""

    async def put(self, channel: str, settings: ChannelSettings) -> None:
        """Set durably. Raises Unavailable."""


class Spent(NamedTuple):
    """A user's share of a day's quota that is spent, since that day began (Unix seconds)."""

    user_id: str
    kind: Quota
    since: float
    amount: int


class QuotaStore(Protocol):
    """The spent quotas of users for their day, over all nodes.

    They survive restarts, but for the last `put` before a crash.
    """

    is_shared: bool
    """Other nodes may spend for the same users."""

    @property
    def found(self) -> Sequence[Spent]:
        """Return the state when the engine was opened, the oldest day first."""

    def start(self, heard: Callable[[Sequence[Spent]], None]) -> None:
        """Begin. `heard` is called on the event loop with what other nodes spent of users who spend here too."""

    def put(self, spent: Sequence[Spent]) -> None:
        """Replace the stored state of these users and kinds, without waiting."""

    async def settle(self) -> None:
        """Return when what was put before is stored, and `heard` was told what others spent of it.

        Raises Unavailable; what was put is stored later then.
        """


class RateStore(Protocol):
    """The user's budget over all connections and nodes.

    `limiter` judges messages on this node, without waiting; where several nodes share the budget, a node
    judges only what it has been given to spend. Every node is ordered to raise a user's limits, and what it is given
    for that user grows alike.
    """

    limiter: RateLimiter

    def covered(self, user_id: str, role: str, rate_class: RateClass, steady: float, cost: int = 1) -> bool:
        """Return True where `limiter` may judge messages of this role and cost now: always, where there is one node.

        Ask in the turn of the loop in which it judges: what it counts of other nodes is set by the role's limit.
        """

    async def cover(self, user_id: str, role: str, rate_class: RateClass, cost: int = 1) -> None:
        """Ask for more to spend; afterwards `covered` holds. It never fails: in an outage a node judges alone."""

"""The rates of a user that several nodes share: a message is judged once this node was given enough to spend.

Source: docs/protocol.md#rate-windows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.core.instant import Instant
    from app.core.ratelimit import RateClass
    from app.engine.ports.limits import RateStore
    from dossier_realtime.protocol.authorization import Identity

_CLASSES: Final[tuple[RateClass, ...]] = ("bytes", "general", "edit", "cursor", "ping")


class SharedBudgets:
    """The classes of messages over the socket. Where there is one node, all of them are covered at any time."""

    def __init__(self, rates: RateStore, clock: Callable[[], Instant]) -> None:
        self._rates, self._clock = rates, clock

    def are_covered(self, identity: Identity) -> bool:
        """Return whether a message of any class may be judged now: its class is known only when it was judged."""
        steady, covered = self._clock().steady, self._rates.covered
        return all(covered(identity.user_id, identity.role, one, steady) for one in _CLASSES)

    async def cover(self, identity: Identity) -> None:
        """Ask for more until all classes are covered: connections spend one while another one is asked for."""
        while not self.are_covered(identity):
            for one in _CLASSES:
                if not self._rates.covered(identity.user_id, identity.role, one, self._clock().steady):
                    await self._rates.cover(identity.user_id, identity.role, one)

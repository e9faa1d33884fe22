"""The node that writes a brief: the one that it was asked on, and after that node's end any other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from app.core.briefs.takeover import NodeLook, has_ended, looked
from app.engine.ports.errors import Unavailable

if TYPE_CHECKING:
    from app.core.briefs.job import BriefJob
    from app.core.instant import Instant
    from app.engine.ports.sessions import NodeStore

LIVING_SECONDS: Final = 15.0
"""A node that has not reported for so long writes no briefs; it reports once a second."""


class BriefOwners:
    """The nodes of the service, as far as briefs are theirs. `nodes` None: no other node can use the store."""

    def __init__(
        self,
        node: str,
        nodes: NodeStore | None,
        clock: Callable[[], Instant],
        living_seconds: float = LIVING_SECONDS,
    ) -> None:
        self.node = node
        self._nodes, self._clock, self._seconds = nodes, clock, living_seconds
        self._before: NodeLook | None = None
        self._last: NodeLook | None = None

    def is_mine(self, job: BriefJob) -> bool:
        """Return whether this node writes a brief."""
        return job.node in ("", self.node)

    def is_ours(self, job: BriefJob) -> bool:
        """Return whether this node may write a brief: its own, or one of a node that has ended by its last looks."""
        if self._nodes is None or self.is_mine(job):
            return True
        return self._last is not None and has_ended(job.node, self._before, self._last, self._seconds)

    async def may_begin(self, job: BriefJob) -> bool:
        """Return whether this node may begin a brief now: its node may have come back since the last look.

        Raises Unavailable.
        """
        return self.is_mine(job) or (self.is_ours(job) and job.node not in await self._living())

    async def look(self) -> frozenset[str]:
        """Look for the other nodes, and return those that live. Raises Unavailable, and no node has ended then."""
        if self._nodes is None:
            return frozenset()
        at = self._clock().steady
        try:
            living, leases = await self._living(), await self._nodes.others()
        except Unavailable:
            self._before = self._last = None
            raise
        self._before, self._last = self._last, looked(self._last, at, living, leases, self._seconds)
        return living

    async def _living(self) -> frozenset[str]:
        if self._nodes is None:
            return frozenset()
        now = self._clock().wall
        found = await self._nodes.nodes()
        return frozenset(one.node for one in found if now - one.at < self._seconds) - {self.node}

"""The node that writes a brief: the one that it was asked on, and after that node's end any other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from app.core.briefs.job import BriefJob
    from app.engine.ports.sessions import NodeStore

LIVING_SECONDS: Final = 15.0
"""A node that has not reported for so long writes no briefs; it reports once a second."""


class BriefOwners:
    """The nodes of the service, as far as briefs are theirs. `now` is Unix seconds."""

    def __init__(self, node: str, nodes: NodeStore, now: Callable[[], float]) -> None:
        self.node = node
        self._nodes, self._now = nodes, now

    def is_mine(self, job: BriefJob) -> bool:
        """Return whether this node writes a brief."""
        return job.node in ("", self.node)

    async def living(self) -> frozenset[str]:
        """Return the other nodes that live. Raises Unavailable."""
        now = self._now()
        found = await self._nodes.nodes()
        return frozenset(one.node for one in found if now - one.at < LIVING_SECONDS) - {self.node}

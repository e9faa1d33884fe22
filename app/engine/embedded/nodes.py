"""The nodes of an engine in one process: the one that there is."""

from __future__ import annotations

from collections.abc import Callable

from app.engine.ports.sessions import NodeRecord

_KEPT_SECONDS = 60.0


class EmbeddedNodes:
    """`ports.NodeStore` in memory."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._known: dict[str, NodeRecord] = {}

    def report(self, record: NodeRecord) -> None:
        self._known[record.node] = record

    async def nodes(self) -> list[NodeRecord]:
        from_ = self._now() - _KEPT_SECONDS
        self._known = {name: record for name, record in self._known.items() if record.at >= from_}
        return [self._known[name] for name in sorted(self._known)]

    async def others(self) -> int:
        return 0

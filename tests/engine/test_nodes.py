"""The nodes of an embedded engine."""

from __future__ import annotations

import asyncio

from app.engine.embedded.nodes import EmbeddedNodes
from app.engine.ports.sessions import NodeRecord


def test_a_node_is_known_by_its_last_report_for_a_minute() -> None:
    wall = [1_000.0]

    async def names() -> list[tuple[str, int]]:
        return [(record.node, record.at) for record in await nodes.nodes()]

    nodes = EmbeddedNodes(lambda: wall[0])
    nodes.report(NodeRecord("b", 1_000, {"ready": 1.0}))
    nodes.report(NodeRecord("a", 990, {}))
    nodes.report(NodeRecord("b", 1_001, {"ready": 0.0}))
    assert asyncio.run(names()) == [("a", 990), ("b", 1_001)]
    wall[0] = 1_051.0
    assert asyncio.run(names()) == [("b", 1_001)]

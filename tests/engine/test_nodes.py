"""The nodes that an engine knows."""

from __future__ import annotations

import asyncio

from app.engine.ports.sessions import NodeRecord
from tests.engine.conftest import Clock, Opener


def test_a_node_is_known_by_its_last_report_for_a_minute(opened: Opener, clock: Clock) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            began = clock().timestamp
            engine.nodes.report(NodeRecord("b", began, {"ready": 1.0}))
            engine.nodes.report(NodeRecord("a", began - 20, {}))
            engine.nodes.report(NodeRecord("b", began + 20, {"ready": 0.0}))
            known = [(record.node, record.at) for record in await engine.nodes.nodes()]
            assert known == [("a", began - 20), ("b", began + 20)]
            clock.passed += 60
            assert [record.node for record in await engine.nodes.nodes()] == ["b"]
            assert await engine.nodes.others() == 0  # reports of one name or another make no node

    asyncio.run(scenario())

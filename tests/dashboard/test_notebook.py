"""The same pages, in an event loop that is somebody else's."""

from __future__ import annotations

import asyncio

import pytest

from dashboard import Dashboard
from tests.harness import tokens
from tests.harness.eventually import eventually_async
from tests.harness.service import Service


def test_a_notebook_watches_like_any_other(service: Service) -> None:
    async def watch() -> None:
        dashboard = Dashboard(service.http, tokens.operator())
        try:
            shown = dashboard.overview()
            await eventually_async(lambda: dashboard.state.live and dashboard.state.nodes)
            assert list(dashboard.state.nodes) == ["test"]
            assert tokens.operator().partition(".")[0] not in repr(shown)
            assert not shown.served
            with pytest.raises(ValueError, match="take one of overview, presence"):
                dashboard.page("nowhere")
        finally:
            await dashboard.close()

    asyncio.run(watch())

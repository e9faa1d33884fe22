"""What the log says of writes that nobody waited for."""

from __future__ import annotations

import asyncio
import gc

import pytest
from tornado.websocket import WebSocketClosedError

from dashboard.tabs import forgive_closed_tabs


@pytest.mark.parametrize(("wrong", "told"), [(WebSocketClosedError(), 0), (ValueError("a fault"), 1)])
def test_a_closed_tab_is_forgiven_and_nothing_else_is(
    wrong: Exception, told: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def write() -> None:
        raise wrong

    async def scene() -> None:
        forgive_closed_tabs(asyncio.get_running_loop())
        task = asyncio.ensure_future(write())
        await asyncio.wait([task])
        del task
        gc.collect()

    asyncio.run(scene())
    assert sum("never retrieved" in record.message for record in caplog.records) == told

"""A connection that ended is freed by its reference counts, without a collection of cycles, which stops the loop."""

from __future__ import annotations

import asyncio
import gc
import weakref
from pathlib import Path

import pytest

from tests.harness import tokens
from tests.harness.eventually import eventually_async
from tests.harness.in_process import running
from tests.harness.wire import Client

CHANNELS = ("dossier:country:SA", "document:d", "workspace:w")
ROOM: dict[str, object] = {"presence.grace": 0}
WAYS = ("closed by the client", "reset", "a binary frame", "ended by the service")


@pytest.mark.parametrize("way", WAYS)
def test_a_connection_that_ended_needs_no_collection(tmp_path: Path, way: str) -> None:
    async def play() -> None:
        async with running(tmp_path / "data", ROOM) as service:
            client = await Client.connect(service, tokens.token("mona", "write:*"))
            for channel in CHANNELS:
                await client.subscribe(channel, include_presence=True)
            (connection,) = [weakref.ref(one) for one in service.node.registry.connections.values()]
            gc.disable()
            try:
                match way:
                    case "closed by the client":
                        await client.close()
                    case "reset":
                        client.raw.reset()
                    case "a binary frame":
                        await client.raw.send(b"\x82\x80\0\0\0\0")  # a binary frame
                    case _:
                        connection_now = connection()
                        assert connection_now is not None
                        service.node.disconnects.disconnect([connection_now], "ended", service.node.clock())
                        del connection_now
                await eventually_async(lambda: connection() is None, "the connection is freed")
            finally:
                gc.enable()
                await client.drop()

    asyncio.run(play())

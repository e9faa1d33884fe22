"""A TCP proxy of our own between clients and service: it delays, stalls and resets connections."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Self

from tests.harness.wire import Reachable

_CHUNK = 1 << 16


class Proxy:
    """Forwards to `to`, byte for byte. `port` is its own; `connections` counts those it ever took.

    `delay`: seconds that each chunk waits on its way, in either direction; chunks never overtake each other.
    """

    def __init__(self, to: Reachable, *, delay: float = 0.0) -> None:
        self.delay = delay
        self.port = 0
        self.connections = 0
        self._to = to
        self._server: asyncio.Server | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._pairs: dict[asyncio.Task[None], tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = {}

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        tasks = list(self._pairs)
        self.reset()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """Where WebSocket clients connect to."""
        return f"ws://127.0.0.1:{self.port}/v1"

    def stall(self) -> None:
        """Hold every byte back, and lose none: what a dead radio link looks like."""
        self._flowing.clear()

    def flow(self) -> None:
        """Forward again, what was held back first."""
        self._flowing.set()

    def reset(self) -> int:
        """Tear every connection down with RST, on both sides; how many there were."""
        for pair in self._pairs.values():
            for writer in pair:
                _reset(writer)
        return len(self._pairs)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.connections += 1
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to.port)
        except OSError:
            _reset(writer)
            return
        self._pairs[task] = (writer, far_writer)
        try:
            await asyncio.gather(self._forward(reader, far_writer), self._forward(far_reader, writer))
        finally:
            del self._pairs[task]
            for one in (writer, far_writer):
                one.close()

    async def _forward(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await source.read(_CHUNK):
                if self.delay:
                    await asyncio.sleep(self.delay)
                await self._flowing.wait()
                sink.write(data)
                await sink.drain()
            sink.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()

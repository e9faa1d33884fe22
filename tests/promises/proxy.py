"""A TCP proxy of our own between clients and service: it delays, stalls and resets connections."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Self

from tests.harness.connections.dialling import dialled, serving
from tests.harness.wire import Reachable

_CHUNK = 1 << 16
_SMALL = 1 << 14  # bytes
_SLICES = 50  # a second, in which a limited line forwards


class Proxy:
    """Forwards to `to`, byte for byte. `port` is its own; `connections` counts those it ever took.

    `delay`: seconds that each chunk waits on its way, in either direction; chunks never overtake each other.
    `rate`: bytes a second that each connection takes from the service; 0: as many as there are. With it the proxy's
    own buffers are small, so that what is not taken waits at the service. `passed` counts bytes from the service.
    """

    def __init__(self, to: Reachable, *, delay: float = 0.0, rate: int = 0) -> None:
        self.delay, self.rate = delay, rate
        self.passed = 0
        self.port = 0
        self.connections = 0
        self._to = to
        self._serving = serving(self._serve)
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._answering = asyncio.Event()
        self._answering.set()
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()

    async def __aenter__(self) -> Self:
        self.port = await self._serving.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.reset()
        await self._serving.__aexit__(None, None, None)

    @property
    def url(self) -> str:
        """The address for WebSocket clients."""
        return f"ws://127.0.0.1:{self.port}/v1"

    def stall(self) -> None:
        """Hold every byte back, and lose none: what a dead radio link looks like."""
        self._flowing.clear()

    def mute(self) -> None:
        """Hold back what the service sends, and nothing that clients send."""
        self._answering.clear()

    def flow(self) -> None:
        """Forward again, what was held back first."""
        self._flowing.set()
        self._answering.set()

    def reset(self) -> int:
        """Tear every connection down with RST, on both sides; how many there were."""
        for pair in self._pairs:
            for writer in pair:
                _reset(writer)
        return len(self._pairs)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            far_reader, far_writer = await self._dial()
        except OSError:
            _reset(writer)
            return
        pair = writer, far_writer
        self._pairs.add(pair)
        try:
            await asyncio.gather(
                self._forward(reader, far_writer, self._flowing),
                self._forward(far_reader, writer, self._answering, self.rate),
            )
        finally:
            self._pairs.discard(pair)
            far_writer.close()

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if not self.rate:
            return await asyncio.open_connection("127.0.0.1", self._to.port)
        sock = await dialled(self._to.port, receive_buffer=_SMALL)
        return await asyncio.open_connection(sock=sock, limit=_SMALL)

    async def _forward(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, gate: asyncio.Event, rate: int = 0
    ) -> None:
        with suppress(OSError):  # also what a socket says that was torn down meanwhile
            while data := await source.read(rate // _SLICES or _CHUNK):
                if self.delay:
                    await asyncio.sleep(self.delay)
                if rate:
                    await asyncio.sleep(len(data) / rate)
                    self.passed += len(data)
                await self._flowing.wait()
                await gate.wait()
                sink.write(data)
                await sink.drain()
            sink.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()

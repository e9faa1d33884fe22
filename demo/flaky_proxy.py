"""A TCP proxy in front of the service that can cut or stall its connections."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from urllib.parse import urlsplit, urlunsplit

_CHUNK_BYTES = 1 << 16
_STALLED_RECEIVE_BYTES = 1 << 13  # a small kernel buffer makes the service feel a stall soon


class FlakyProxy:
    """A proxy for one participant. Connect to `url`; bytes pass unchanged, TLS included."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._parts = parts
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "wss" else 80)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()  # both ends of every connection
        self._flows = asyncio.Event()
        self._flows.set()
        self._up = True
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = ""

    async def open(self) -> None:
        """Listen on a free port of the loopback."""
        self._up = True
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = urlunsplit(self._parts._replace(netloc=f"{self._host}:{port}"))

    async def close(self) -> None:
        """End every connection and stop listening."""
        self.cut()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def cut(self) -> None:
        """Reset every connection and accept none until `restore`."""
        self._up = False
        self._flows.set()
        for writer in tuple(self._writers):
            writer.transport.abort()

    def restore(self) -> None:
        """Accept connections again."""
        self._up = True

    def stall(self) -> None:
        """Stop reading from the service until `cut`: its messages wait in the service's send buffers."""
        self._flows.clear()
        for writer in self._writers:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _STALLED_RECEIVE_BYTES)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  the server runs this in a task of its own
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if not self._up:
            writer.transport.abort()
            return
        self._writers.add(writer)
        with suppress(OSError):
            up_reader, up_writer = await asyncio.open_connection(self._host, self._port)
            self._writers.add(up_writer)
            there = asyncio.create_task(_pump(reader, up_writer))
            await _pump(up_reader, writer, self._flows)
            there.cancel()
            await asyncio.wait([there])
            self._end(up_writer)
        self._end(writer)

    def _end(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event | None = None) -> None:
    """Forward bytes while the gate is open, until one side ends."""
    with suppress(OSError):
        while data := await reader.read(_CHUNK_BYTES):
            if gate is not None:
                await gate.wait()
            writer.write(data)
            await writer.drain()
        writer.write_eof()

"""A balancer before several nodes: it asks each once a second for `/readyz`, as that of deploy/ does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from typing import Self

import httpx

from tests.harness.service import Service

_CHECK_SECONDS = 1.0
_CHUNK = 1 << 16
_ABSENT = (httpx.HTTPError, OSError)


class Balancer:
    """Forwards each connection to the next node that was ready when it was asked last; `port` is its own."""

    def __init__(self, nodes: Sequence[Service]) -> None:
        self._nodes, self._next = nodes, count()
        self._ready = list(nodes)
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        self._checking = asyncio.create_task(self._check())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._checking.cancel()
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(self._checking, *self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        """The address for WebSocket clients."""
        return f"ws://127.0.0.1:{self.port}/v1"

    async def _check(self) -> None:
        async with httpx.AsyncClient(trust_env=False, headers={"Host": "localhost"}) as client:
            while True:
                for node in self._nodes:
                    with suppress(*_ABSENT):
                        answer = await client.get(f"{node.http}/readyz")
                        if answer.status_code == 200:
                            if node not in self._ready:
                                self._ready.append(node)
                            continue
                    if node in self._ready:
                        self._ready.remove(node)
                await asyncio.sleep(_CHECK_SECONDS)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        turns = list(self._ready) or self._nodes
        try:
            there, back = await asyncio.open_connection("127.0.0.1", turns[next(self._next) % len(turns)].port)
        except OSError:
            writer.transport.abort()
            return
        for one, other in ((reader, back), (there, writer)):
            task = asyncio.create_task(_forward(one, other))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    except OSError:
        writer.transport.abort()
    finally:
        writer.close()

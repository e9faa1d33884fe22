"""The seconds for the head of a request are its client's: those in which the service lets it wait do not count."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import tornado.netutil
import tornado.web

from app.web.transport.connection_quota import ConnectionQuota
from app.web.transport.http_server import LimitedServer
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import HANG_SECONDS
from tests.harness.wire import Raw

HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class _Page(tornado.web.RequestHandler):
    def get(self) -> None:
        self.finish(b"served")


class _BusyTurns:
    """Turns that no request gets while the service is busy."""

    def __init__(self) -> None:
        self.waiting = asyncio.Event()
        self.is_free = asyncio.Event()

    def admit(self, lane: int) -> bool:
        return True

    async def wait(self, *, lane: int) -> None:
        self.waiting.set()
        await self.is_free.wait()


@dataclass(frozen=True, slots=True)
class _Place:
    port: int
    turns: _BusyTurns


@asynccontextmanager
async def _serving(head_seconds: float) -> AsyncIterator[_Place]:
    turns: Any = _BusyTurns()
    server = LimitedServer(tornado.web.Application([("/", _Page)]), None, ConnectionQuota(), turns, head_seconds)
    (listening,) = tornado.netutil.bind_sockets(0, "127.0.0.1")
    server.add_sockets([listening])
    try:
        yield _Place(listening.getsockname()[1], turns)
    finally:
        server.stop()
        await server.close_all_connections()


@pytest.mark.parametrize("begun", [b"", HEAD[:-2]], ids=["nothing", "half a head"])
@asynchronous
async def test_a_head_that_came_waits_for_its_turn_as_long_as_it_takes(begun: bytes) -> None:
    """A client that sends less than a head is closed meanwhile, after its seconds."""
    async with _serving(head_seconds=0.1) as place:
        sent = socket.create_connection(("127.0.0.1", place.port))
        sent.sendall(HEAD)  # before the loop accepts it: its seconds begin with the head
        sent.setblocking(False)
        whole = Raw(*await asyncio.open_connection(sock=sent))
        async with asyncio.timeout(HANG_SECONDS):
            await place.turns.waiting.wait()
        slow = await Raw.open(place)
        await slow.send(begun)
        assert (await slow.response()).status == 0, "it was closed, later than the other one would have been"
        place.turns.is_free.set()
        assert (await whole.response()).body == b"served"
        assert await whole.ended() == b"", "and so is one that sends no other request"
        await whole.close()
        await slow.close()

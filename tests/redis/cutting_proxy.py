"""A TCP proxy that loses what a test says it loses: answers, or all that a pub/sub connection hears."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from tests.harness.connections.dialling import serving


class CuttingProxy:
    """Between clients and a server on the loopback.

    `lose_answers`: what the server says is dropped from now on, and the connection closed once a request with these
    bytes has been passed on. `deaf`: connections that subscribed hear nothing more, and stand. `hold_answer_to`: what
    the server says on a connection waits, from a request with these bytes on, until `go_on` is set; `held` is set when
    there is something that waits.
    """

    def __init__(self, port: int) -> None:
        self._server = port
        self.port = 0
        self.lose_answer_to = b""
        self.lost_answers = 0
        self.hold_answer_to = b""
        self.held, self.go_on = asyncio.Event(), asyncio.Event()
        self._holding: set[int] = set()
        self.is_cut = self.cuts_after_loss = False
        """No connection is made any more; and: that begins with the next answer that is lost."""
        self.before_request: Callable[[bytes], Awaitable[None]] | None = None
        """Awaited with what a client sent, before it is passed on."""
        self._deaf: set[int] = set()
        self._subscribed: set[int] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._count = 0

    def deafen(self) -> None:
        """Let the pub/sub connections of now hear nothing more; new ones hear."""
        self._deaf |= self._subscribed

    def cut(self) -> None:
        """End all connections, and let none be made."""
        self.is_cut = True
        for one in self._writers:
            one.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._count += 1
        number = self._count
        if self.is_cut:
            return
        try:
            answers, requests = await asyncio.open_connection("127.0.0.1", self._server)
        except OSError:
            return
        self._writers |= {writer, requests}
        try:
            both = self._pass_requests(number, reader, requests, writer), self._pass_answers(number, answers, writer)
            await asyncio.gather(*both)
        except OSError:
            pass  # the connection is closed all the same
        finally:
            self._writers -= {writer, requests}
            requests.close()

    async def _pass_requests(
        self, number: int, reader: asyncio.StreamReader, requests: asyncio.StreamWriter, client: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(1 << 16):
            if self.before_request is not None:
                await self.before_request(data)
            if b"SUBSCRIBE" in data:
                self._subscribed.add(number)
            if self.hold_answer_to and self.hold_answer_to in data:
                self.hold_answer_to = b""
                self._holding.add(number)
            if self.lose_answer_to and self.lose_answer_to in data:
                self.lose_answer_to = b""
                self.lost_answers += 1
                self._deaf.add(number)
                requests.write(data)
                await requests.drain()
                self.is_cut = self.cuts_after_loss
                await asyncio.sleep(0.1)  # the server carries it out, and its answer is dropped
                for one in (client, *(self._writers if self.is_cut else ())):
                    one.close()
                return
            requests.write(data)
            await requests.drain()
        requests.close()

    async def _pass_answers(self, number: int, answers: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        while data := await answers.read(1 << 16):
            if number in self._holding and not self.go_on.is_set():
                self.held.set()
                await self.go_on.wait()
            if number not in self._deaf:
                client.write(data)
                await client.drain()
        client.close()


@asynccontextmanager
async def cutting_proxy(port: int) -> AsyncIterator[CuttingProxy]:
    """Run a proxy before the server on a port of the loopback."""
    proxy = CuttingProxy(port)
    async with serving(proxy._serve) as proxy.port:
        yield proxy

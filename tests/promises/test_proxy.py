"""The proxy does to connections what it says, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.promises.proxy import Proxy


class _Echo:
    port = 0


@asynccontextmanager
async def _proxied() -> AsyncIterator[Proxy]:
    """A proxy before a server that sends everything back."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    echo = _Echo()
    echo.port = server.sockets[0].getsockname()[1]
    async with server, Proxy(echo) as proxy:
        yield proxy


async def _forwards_every_byte(proxy: Proxy) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    sent = bytes(range(256)) * 4_000
    writer.write(sent)
    writer.write_eof()
    assert await reader.read() == sent
    writer.close()


async def _holds_back_while_it_stalls_and_loses_nothing(proxy: Proxy) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    proxy.stall()
    writer.write(b"held")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(4), 0.1)
    proxy.flow()
    assert await reader.readexactly(4) == b"held"
    writer.close()


async def _delays_and_keeps_the_order(proxy: Proxy) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    proxy.delay = 0.05
    started = asyncio.get_running_loop().time()
    for number in range(5):
        writer.write(bytes([number]))
    assert await reader.readexactly(5) == bytes(range(5))
    assert asyncio.get_running_loop().time() - started >= 0.1  # there and back
    writer.close()


async def _resets_what_is_open_and_takes_new_connections(proxy: Proxy) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"x")
    await reader.readexactly(1)
    assert proxy.reset() == 1
    with pytest.raises(ConnectionResetError):
        await reader.readexactly(1)
    writer.close()
    await _forwards_every_byte(proxy)
    assert proxy.connections == 2


@pytest.mark.parametrize(
    "behaviour",
    [
        _forwards_every_byte,
        _holds_back_while_it_stalls_and_loses_nothing,
        _delays_and_keeps_the_order,
        _resets_what_is_open_and_takes_new_connections,
    ],
)
def test_the_proxy(behaviour: Callable[[Proxy], Awaitable[None]]) -> None:
    async def run() -> None:
        async with _proxied() as proxy:
            await behaviour(proxy)

    asyncio.run(run())

"""A caller that gives up, at whichever turn of the loop, leaves no socket of the harness open."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import NamedTuple

import pytest

from tests.harness.connections.dialling import dialled
from tests.harness.connections.giving_up import nothing_unclosed
from tests.harness.wire import Raw
from tests.promises.load_clients import Peer
from tests.promises.proxy import Proxy

TURNS = 12  # of the loop; a connection to this machine takes two or three


class Port(NamedTuple):
    port: int


@pytest.fixture
def silent() -> Iterator[Port]:
    """Return an address that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        yield Port(server.getsockname()[1])


async def _a_socket(to: Port) -> None:
    with await dialled(to.port):
        pass


async def _a_raw_client(to: Port) -> None:
    await (await Raw.open(to)).close()


async def _a_raw_client_with_a_small_buffer(to: Port) -> None:
    await (await Raw.open(to, receive_buffer=4096)).close()


async def _a_client_of_a_crowd(to: Port) -> None:
    await Peer.open(to)


async def _a_login(to: Port) -> None:
    await Peer.connect(to, "a token")


@pytest.mark.parametrize(
    "connect",
    [
        _a_socket,
        _a_raw_client,
        _a_raw_client_with_a_small_buffer,
        _a_client_of_a_crowd,
        _a_login,
    ],
)
def test_no_socket_is_left_open(silent: Port, connect: Callable[[Port], Awaitable[None]]) -> None:
    async def given_up(turns: int) -> None:
        task = asyncio.ensure_future(connect(silent))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with nothing_unclosed():
        for turns in range(TURNS):
            asyncio.run(given_up(turns))


@pytest.mark.parametrize("rate", [0, 1000], ids=["proxy", "limited"])
def test_a_proxy_that_ends_while_it_dials_leaves_no_socket_open(
    silent: Port, rate: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def ended(turns: int) -> None:
        async with Proxy(silent, rate=rate) as proxy:
            with await dialled(proxy.port):
                for _ in range(turns):
                    await asyncio.sleep(0)

    with nothing_unclosed():
        for turns in range(TURNS):
            asyncio.run(ended(turns))
    assert caplog.records == []

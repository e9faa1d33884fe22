"""A FakeServer and a client for one test, run to the end on a loop of its own; nothing may be left behind."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Any

from dossier_realtime.client import Backoff, DossierRealtimeClient, TokenSource
from dossier_realtime.client.testing import FakeServer
from tests.harness.eventually import HANG_SECONDS

PROMPT = 0.01  # seconds; the back-off's first bound, so that a test that loses connections need not wait

Scene = Callable[[FakeServer, DossierRealtimeClient], Awaitable[Any]]


def client_of(server: FakeServer, token: TokenSource = "token", **options: Any) -> DossierRealtimeClient:
    """Return a client that reconnects at once."""
    return DossierRealtimeClient(token, server.url, backoff=Backoff(base=PROMPT, cap=PROMPT), **options)


def play(scene: Scene, **options: Any) -> None:
    """Run a scene with a connected client; then close it, and see that no task is left."""

    async def whole() -> None:
        async with FakeServer() as server:
            async with client_of(server, **options) as client:
                await scene(server, client)
            await nothing_is_left(server)

    run(whole())


def run(work: Any) -> None:
    """`asyncio.run`, within a bound that guards against a hang."""

    async def bounded() -> None:
        async with asyncio.timeout(HANG_SECONDS):
            await work

    asyncio.run(bounded())
    gc.collect()  # an unclosed socket warns here, where it belongs


async def nothing_is_left(server: FakeServer) -> None:
    """Wait until the server has lost every client; then no task but the test's own may live."""
    await server.wait_until(lambda: not server.connections)
    await no_task_is_left()


async def no_task_is_left() -> None:
    """See that only the test's own tasks live."""
    await settle()
    mine = asyncio.current_task()
    left = [task for task in asyncio.all_tasks() if task is not mine and "bounded" not in repr(task.get_coro())]
    assert left == []


async def settle() -> None:
    """Let everything that is ready run: Tornado ends its connections in a few turns of the loop."""
    for _ in range(20):
        await asyncio.sleep(0)


class Inbox(asyncio.Queue[Any]):
    """A callback that keeps what it is called with."""

    def __call__(self, said: Any) -> None:
        self.put_nowait(said)

    async def take(self, count: int) -> list[Any]:
        """Wait for so many."""
        return [await self.get() for _ in range(count)]

    async def first(self, kind: type[Any]) -> Any:
        """Wait for the first of a kind, dropping others."""
        while not isinstance(said := await self.get(), kind):
            pass
        return said

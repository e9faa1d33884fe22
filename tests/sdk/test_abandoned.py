"""A client or a call that is given up while its connection is made leaves no socket behind when its loop ends."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from dossier_realtime import DossierRealtimeClient, Publisher
from dossier_realtime.client.io import abandoned
from dossier_realtime.client.io.http_calls import HttpCalls
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service

EVENT = {"type": "system_notice", "channel": "global", "payload": {"message": "m", "message_ar": "م"}}
FIRST_TURNS = 40  # of the loop, met one by one; how many follow depends on the machine
MAX_TURNS = 10_000_000  # in which the service has answered, if it ever does

Scene = Callable[[Service, Callable[[Awaitable[object]], Awaitable[None]]], Coroutine[Any, Any, None]]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("abandoned") / "data") as running:
        yield running


async def _connects(service: Service, given_up: Callable[[Awaitable[object]], Awaitable[None]]) -> None:
    client = DossierRealtimeClient(service.token("u-1"), service.url)
    await given_up(client.connect())
    await client.close()


async def _enters(service: Service, given_up: Callable[[Awaitable[object]], Awaitable[None]]) -> None:
    async with AsyncExitStack() as stack:
        await given_up(stack.enter_async_context(DossierRealtimeClient(service.token("u-1"), service.url)))


async def _calls(service: Service, given_up: Callable[[Awaitable[object]], Awaitable[None]]) -> None:
    calls = HttpCalls(service.token("u-1"), service.http)
    await given_up(calls.call("GET", "/v1/tasks"))
    await calls.close()


async def _publishes(service: Service, given_up: Callable[[Awaitable[object]], Awaitable[None]]) -> None:
    async with Publisher(service.token("u-1", "write:*"), service.http) as publisher:
        await given_up(publisher.publish([EVENT]))


@pytest.mark.parametrize("scene", [_connects, _enters, _calls, _publishes])
def test_no_socket_is_left_to_the_garbage_collector(
    service: Service, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(abandoned, "ABANDONED_SECONDS", HANG_SECONDS)  # the service answers, on a loaded machine late
    gc.collect()  # what other tests have left is theirs
    turns, finished = 0, False
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        while not finished and turns < MAX_TURNS:  # until a caller gives up that has its answer

            async def given_up(awaited: Awaitable[object], turns: int = turns) -> None:
                nonlocal finished
                task = asyncio.ensure_future(awaited)
                for _ in range(turns):
                    await asyncio.sleep(0)
                finished = task.done()
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

            asyncio.run(scene(service, given_up))
            turns = turns + 1 if turns < FIRST_TURNS else turns * 3 // 2
        gc.collect()
    assert [str(warning.message) for warning in seen] == []
    assert finished

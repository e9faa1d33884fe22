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
from dossier_realtime.client.io.http_calls import HttpCalls
from tests.harness.service import Service

EVENT = {"type": "system_notice", "channel": "global", "payload": {"message": "m", "message_ar": "م"}}
TURNS = 40
"""Of the loop, until the caller gives up: more than a login takes, so each step of the way is met."""

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
def test_no_socket_is_left_to_the_garbage_collector(service: Service, scene: Scene) -> None:
    gc.collect()  # what other tests have left is theirs
    finished = 0
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for turns in range(TURNS):

            async def given_up(awaited: Awaitable[object], turns: int = turns) -> None:
                nonlocal finished
                task = asyncio.ensure_future(awaited)
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                (outcome,) = await asyncio.gather(task, return_exceptions=True)
                finished += not isinstance(outcome, asyncio.CancelledError)

            asyncio.run(scene(service, given_up))
        gc.collect()
    assert [str(warning.message) for warning in seen] == []
    assert finished < TURNS

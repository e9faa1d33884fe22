"""A client or a call that is given up while its connection is made leaves no socket behind when its loop ends."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import pytest

from dossier_realtime import DossierRealtimeClient, Publisher
from dossier_realtime.client.io import unfinished
from dossier_realtime.client.io.http_calls import HttpCalls
from tests.harness.connections.giving_up import GivenUp, give_up_at_every_turn, nothing_unclosed
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service

EVENT = {"type": "system_notice", "channel": "global", "payload": {"message": "m", "message_ar": "م"}}

Scene = Callable[[Service, GivenUp], Coroutine[Any, Any, None]]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("abandoned") / "data") as running:
        yield running


async def _connects(service: Service, given_up: GivenUp) -> None:
    client = DossierRealtimeClient(service.token("u-1"), service.url)
    await given_up(client.connect())
    await client.close()


async def _enters(service: Service, given_up: GivenUp) -> None:
    async with AsyncExitStack() as stack:
        await given_up(stack.enter_async_context(DossierRealtimeClient(service.token("u-1"), service.url)))


async def _calls(service: Service, given_up: GivenUp) -> None:
    calls = HttpCalls(service.token("u-1"), service.http)
    await given_up(calls.call("GET", "/v1/tasks"))
    await calls.close()


async def _publishes(service: Service, given_up: GivenUp) -> None:
    async with Publisher(service.token("u-1", "write:*"), service.http) as publisher:
        await given_up(publisher.publish([EVENT]))


@pytest.mark.parametrize("scene", [_connects, _enters, _calls, _publishes])
def test_no_socket_is_left_to_the_garbage_collector(
    service: Service, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unfinished, "END_SECONDS", HANG_SECONDS)  # the service answers, on a loaded machine late
    with nothing_unclosed():
        give_up_at_every_turn(partial(scene, service))

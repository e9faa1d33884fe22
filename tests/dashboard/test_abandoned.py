"""Calls of the dashboard that end with it, at whichever turn of the loop, leave no socket open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from dashboard.live.audit import Audit
from dashboard.live.feed import Feed
from dashboard.live.service_api import ServiceApi
from dashboard.site.oidc import Provider
from dashboard.state.store import DashboardState
from dossier_realtime.client.io import unfinished
from tests.dashboard import identity_provider
from tests.dashboard.test_oidc import described
from tests.harness import tokens
from tests.harness.connections.giving_up import GivenUp, give_up_at_every_turn, nothing_unclosed
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service

TURNS = (*range(60), *(60 * 3**power // 2**power for power in range(1, 12)))
"""Turns of the loop after which work is cancelled that never ends by itself: while it connects, and later."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("abandoned") / "data") as running:
        yield running


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait as long as it takes: the service answers, on a loaded machine late."""
    monkeypatch.setattr(unfinished, "END_SECONDS", HANG_SECONDS)


def test_a_call_that_is_given_up(service: Service) -> None:
    async def scene(given_up: GivenUp) -> None:
        async with ServiceApi(service.http) as api:
            await given_up(api.call("GET", "/v1/info", tokens.operator()))

    with nothing_unclosed():
        give_up_at_every_turn(scene)


def test_a_call_under_way_when_the_dashboard_ends(service: Service) -> None:
    async def scene(turns: int) -> None:
        async with ServiceApi(service.http) as api:
            call = asyncio.ensure_future(api.call("GET", "/v1/info", tokens.operator()))
            for _ in range(turns):
                await asyncio.sleep(0)
        await call

    with nothing_unclosed():
        for turns in TURNS[1:]:  # it has begun
            asyncio.run(scene(turns))


def test_a_login_that_is_given_up_while_the_provider_is_asked(provider: identity_provider.Provider) -> None:
    async def scene(given_up: GivenUp) -> None:
        asking = Provider(described(provider))
        await given_up(asking.endpoints())
        await asking.close()

    with nothing_unclosed():
        give_up_at_every_turn(scene)


async def _feed(api: ServiceApi) -> None:
    await Feed(api, tokens.operator(), DashboardState()).run()


async def _audit(api: ServiceApi) -> None:
    await Audit(api, tokens.operator(), DashboardState(), lambda: True).run()


@pytest.mark.parametrize("work", [_feed, _audit])
def test_work_that_ends_with_the_dashboard(
    service: Service, work: Callable[[ServiceApi], Coroutine[Any, Any, None]]
) -> None:
    async def scene(turns: int) -> None:
        async with ServiceApi(service.http) as api:
            task = asyncio.ensure_future(work(api))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])

    with nothing_unclosed():
        for turns in TURNS:
            asyncio.run(scene(turns))

"""Quotas over nodes in an outage: what could not be settled is settled after it, though its user spends no more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from app.core.ratelimit import RateLimiter
from app.engine.ports.errors import Unavailable
from app.engine.ports.limits import Spent
from app.services import quotas as service
from app.services.quotas import Quotas
from tests.engine.conftest import Clock
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import HANG_SECONDS


class _FailingStore:
    """A store of several nodes, whose first calls fail."""

    is_shared = True
    found: Sequence[Spent] = ()

    def __init__(self, failures: int) -> None:
        self._failures = failures
        self._put: list[Spent] = []
        self.settled: asyncio.Queue[list[Spent]] = asyncio.Queue()

    def start(self, heard: Callable[[Sequence[Spent]], None]) -> None:
        pass

    def put(self, spent: Sequence[Spent]) -> None:
        self._put += spent

    async def settle(self) -> None:
        put, self._put = self._put, []
        if self._failures:
            self._failures -= 1
            raise Unavailable("away")
        if put:
            self.settled.put_nowait(put)


@asynchronous
@pytest.mark.parametrize("failures", [1, 3])
async def test_what_an_outage_kept_from_being_settled_is_settled_after_it(
    failures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "KEEP_SECONDS", 0)
    store = _FailingStore(failures)
    quotas = Quotas(RateLimiter(), Clock(), store)
    await quotas.charge("u1", "editor", channels=1, stored=10)
    running = asyncio.create_task(quotas.run())
    try:
        async with asyncio.timeout(HANG_SECONDS):
            settled = await store.settled.get()
    finally:
        running.cancel()
    assert {(one.user_id, one.kind, one.amount) for one in settled} == {("u1", "channels", 1), ("u1", "stored", 10)}
    assert not quotas._unsettled, "no trace of the outage is left"

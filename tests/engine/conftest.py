"""Every test here runs on every backend of the engine."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from app.core.instant import Instant
from app.core.ratelimit import RateLimiter
from app.engine.build import open_engine
from app.engine.limits import EngineLimits
from app.engine.options import EngineOptions
from app.engine.ports.engine import Engine
from app.engine.redis import bus, connection
from app.engine.redis.log import cursors, lane
from tests.harness.eventually import HANG_SECONDS
from tests.harness.redis_server import RedisServer
from tests.redis.cluster import cluster_url, redis_cluster

BACKENDS = ("embedded", "redis", "cluster")
"""The engines to run on."""

REDIS_SUITES = {
    "test_alert_store",
    "test_brief_store",
    "test_broker",
    "test_document_store",
    "test_nodes",
    "test_presence_store",
    "test_record_store",
    "test_stores",
}
"""The suites whose parts the Redis engine has."""

Opener = Callable[..., AbstractAsyncContextManager[Engine]]


class Clock:
    """The real clocks, and what a test adds to them. A test stops them for what has to be done in no time."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.jumped = 0.0
        self._stands_at: Instant | None = None

    def __call__(self) -> Instant:
        real = self._stands_at or Instant(time.monotonic(), time.time())
        return Instant(real.steady + self.passed, real.wall + self.passed + self.jumped)

    def stop(self) -> None:
        """Stand still, but for what the test adds."""
        self._stands_at = Instant(time.monotonic(), time.time())

    def go_on(self) -> None:
        """Go with the real clocks again."""
        self._stands_at = None


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def servers_of_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RedisServer]]:
    """Return a cluster for all tests of this process; each takes a prefix of its own."""
    with redis_cluster(tmp_path_factory.mktemp("cluster")) as servers:
        yield servers


@pytest.fixture
def opened(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock, backend: str, monkeypatch: pytest.MonkeyPatch
) -> Opener:
    """Return an opener of engines, to be used with `async with`; a second call reopens the same store."""
    for of_redis in (bus, connection, cursors, lane):  # a call may take as long as it does on this machine
        monkeypatch.setattr(of_redis, "CALL_SECONDS", HANG_SECONDS)
    monkeypatch.setattr(bus, "MAX_CONFIRM_SECONDS", HANG_SECONDS)
    monkeypatch.setattr(connection.asked, "__defaults__", (HANG_SECONDS,))  # it had the limit before
    setting = backend
    if backend == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        setting = server.url
    elif backend == "cluster":
        setting = cluster_url(request.getfixturevalue("servers_of_cluster"))
    options = EngineOptions(prefix=tmp_path.name)

    @asynccontextmanager
    async def open_one(**limits: float) -> AsyncIterator[Engine]:
        kept = EngineLimits(**limits)  # type: ignore[arg-type]  # some are whole numbers
        engine = await open_engine(setting, tmp_path, limits=kept, rates=RateLimiter(), clock=clock, options=options)
        try:
            yield engine
        finally:
            await engine.close()

    return open_one


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test of the guarantees on every backend that has the part."""
    if "opened" in metafunc.fixturenames:
        suite = metafunc.module.__name__.rpartition(".")[2]
        shared = [pytest.param(one, marks=pytest.mark.long) for one in BACKENDS[1:] if suite in REDIS_SUITES]
        metafunc.parametrize("backend", ["embedded", *shared])  # the others start servers

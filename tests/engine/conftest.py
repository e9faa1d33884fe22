"""Every test here runs on every backend of the engine."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from app.core.instant import Instant
from app.core.ratelimit import RateLimiter
from app.engine.build import open_engine
from app.engine.limits import EngineLimits
from app.engine.ports.engine import Engine

BACKENDS = ("embedded",)
"""The values of `storage.engine` to run on."""

Opener = Callable[..., AbstractAsyncContextManager[Engine]]


class Clock:
    """The real clocks, and what a test adds to them."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.jumped = 0.0

    def __call__(self) -> Instant:
        return Instant(time.monotonic() + self.passed, time.time() + self.passed + self.jumped)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=BACKENDS)
def opened(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Opener:
    """Return an opener of engines, to be used with `async with`; a second call reopens the same store."""

    @asynccontextmanager
    async def open_one(**limits: float) -> AsyncIterator[Engine]:
        kept = EngineLimits(**limits)  # type: ignore[arg-type]  # some are whole numbers
        engine = await open_engine(request.param, tmp_path, limits=kept, rates=RateLimiter(), clock=clock)
        try:
            yield engine
        finally:
            await engine.close()

    return open_one

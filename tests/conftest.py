"""Shared by every test: hypothesis profiles, printed measurements, and an event loop for pytest-tornado."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tornado.ioloop import IOLoop

# A helper's assertion that fails shows its values, as a test's does. A package that is imported cannot be named.
pytest.register_assert_rewrite(
    *(f"tests.{folder.name}" for folder in Path(__file__).parent.iterdir() if folder.is_dir())
)

pytest_plugins = ["tests.harness.measurements", "tests.harness.xdist_groups", "tests.harness.redis_server"]

# A loaded machine is slow, not wrong: no deadline. A change is judged by the same examples every time it is tested;
# `thorough` looks for new ones, and what it finds becomes a test of its own.
settings.register_profile("ci", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", deadline=None, print_blob=True, max_examples=5_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture
def io_loop() -> Iterator[IOLoop]:
    """Return a fresh loop for one test; pytest-tornado's own fixture calls functions that Tornado has deprecated."""
    asyncio_loop = asyncio.new_event_loop()
    asyncio.set_event_loop(asyncio_loop)
    loop = IOLoop.current()
    yield loop
    asyncio_loop.run_until_complete(asyncio_loop.shutdown_asyncgens())
    asyncio.set_event_loop(None)
    loop.close(all_fds=True)


@pytest.fixture(autouse=True, scope="module")
def leaks_are_said_here() -> Iterator[None]:
    """Collect garbage when a file's tests and fixtures have ended.

    An unclosed socket or file in a cycle is a warning, thus an error, when it is collected: here, and not in a test of
    another file that happens to run at that time.
    """
    yield
    gc.collect()


@pytest.fixture
def no_collection() -> Iterator[None]:
    """Collect no garbage in a test that compares CPU times: how long that takes depends on the tests before."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """Give every test the usual umask: commands that run inside a test make theirs stricter, for good."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(autouse=True, scope="session")
def usual_priority() -> Iterator[None]:
    """Keep the priority of the process.

    Commands that give way to others lower it for good; services and browsers started afterwards would have it too.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "nice", lambda by: 0)
        yield

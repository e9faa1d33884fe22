"""A start that fails behind its stores: what it opened is closed, so that the next one finds everything free."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from app import bootstrap
from app.configuration.config import Config, load
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import eventually_async
from tests.harness.redis_server import RedisServer
from tests.harness.service import as_environment
from tests.harness.tokens import SECRET


class BrokenPartError(Exception):
    pass


def _broken(*arguments: object, **named: object) -> None:
    raise BrokenPartError


def _asked(settings: Mapping[str, object]) -> Config:
    return load(None, {"DOSSIER_AUTH__SECRET": SECRET, **as_environment(settings)})


def _left() -> set[str]:
    """Return what is at work in this process beside the test: threads, but for those that a loop keeps; tasks."""
    threads = {thread.name for thread in threading.enumerate() if not thread.name.startswith("asyncio_")}
    return threads | {task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()}


@asynchronous
@pytest.mark.parametrize("part", ["ChannelPolicy", "brief_jobs", "Node", "PortListeners", "register_gauges", "Service"])
@pytest.mark.parametrize("engine", ["embedded", "redis"])
async def test_what_was_opened_is_closed(
    engine: str, part: str, redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = redis_server.url if engine == "redis" else engine
    settings = {
        "storage.engine": url,
        "storage.redis_prefix": tmp_path.name,
        "storage.data": str(tmp_path / "data"),
        "journal.checkpoint_file": str(tmp_path / "checkpoints"),
        "node.id": "test",
        "server.port": 0,
    }
    before = _left()
    with monkeypatch.context() as patch:
        patch.setattr(bootstrap, part, _broken)
        with pytest.raises(BrokenPartError):
            await bootstrap.build(_asked(settings))
    await eventually_async(lambda: _left() <= before)
    service = await bootstrap.build(_asked(settings))
    await service.start()
    assert service.port
    await service.stop()
    await eventually_async(lambda: _left() <= before)

"""The writer's memory of channels is bounded, and their numbers go on nevertheless."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.engine.embedded.events import event_log
from app.engine.embedded.events.event_log import EventLog
from tests.engine.conftest import Opener
from tests.engine.events import event

_TIPS = 50


def test_the_writer_keeps_the_ends_of_few_channels_and_numbers_go_on(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs: list[EventLog] = []
    begin = EventLog.__init__

    def begun(log: EventLog, *parts: Any) -> None:
        logs.append(log)
        begin(log, *parts)

    monkeypatch.setattr(EventLog, "__init__", begun)
    monkeypatch.setattr(event_log, "CACHED_TIPS", _TIPS)
    names = [f"dossier:country:c{n}" for n in range(4 * _TIPS)]

    async def scene() -> None:
        async with opened() as engine:
            engine.broker.start(lambda publications: None)
            for offset in (1, 2, 3):
                for name in names:
                    (result,) = await engine.broker.publish([event(offset, name)])
                    assert result.offset == offset
                assert len(logs[-1]._tips) == _TIPS  # entries, not bytes
            # One that is used again and again is never looked for in the store.
            for name in names:
                await engine.broker.publish([event(4, name), event(offset, "workspace:hot")])
                assert "workspace:hot" in logs[-1]._tips
            # A new generation of a channel that was forgotten is another epoch, and begins at 1.
            before = await engine.broker.position(names[0])
            await engine.broker.renew_epoch(names[0])
            (result,) = await engine.broker.publish([event(1, names[0])])
            assert result.offset == 1
            assert result.epoch != before.epoch

    asyncio.run(scene())

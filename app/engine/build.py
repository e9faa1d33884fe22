"""From the setting `storage.engine` to an engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app.core.instant import Instant
from app.core.ratelimit import RateLimiter
from app.engine.embedded.engine import open_embedded
from app.engine.limits import EngineLimits
from app.engine.ports import Engine, EngineRefused


async def open_engine(
    setting: str, data: Path, *, limits: EngineLimits, rates: RateLimiter, clock: Callable[[], Instant]
) -> Engine:
    """Open the engine that the setting names; `data` is the folder for what is kept. Raises EngineRefused."""
    if setting == "embedded":
        return await open_embedded(data, limits=limits, rates=rates, clock=clock)
    if setting.startswith(("redis://", "rediss://")):
        raise EngineRefused('The Redis engine is not built in this version: set storage.engine to "embedded"')
    raise EngineRefused('storage.engine names no engine: set it to "embedded"')

"""Opening the engine that the setting `storage.engine` names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app.core.instant import Instant
from app.core.ratelimit import RateLimiter
from app.engine.embedded.engine import open_embedded
from app.engine.embedded.storage.copying import copy_store
from app.engine.embedded.storage.rows import EmbeddedRows
from app.engine.embedded.storage.schema import FILE as STORE
from app.engine.limits import EngineLimits
from app.engine.moving.move import RowStore
from app.engine.options import DEFAULT_OPTIONS, EngineOptions
from app.engine.ports.engine import Engine
from app.engine.ports.errors import EngineError
from app.engine.redis.addresses import SCHEMES
from app.engine.redis.engine import open_redis
from app.engine.redis.moving.rows import RedisRows

__all__ = ["STORE", "copy_store", "open_engine", "open_rows"]


async def open_engine(
    setting: str,
    data: Path,
    *,
    limits: EngineLimits,
    rates: RateLimiter,
    clock: Callable[[], Instant],
    recorded: int = 0,
    options: EngineOptions = DEFAULT_OPTIONS,
) -> Engine:
    """Open the engine that the setting names, in the folder `data`.

    `recorded` is the last commit that the journal holds, so far as it is known. Raises EngineError.
    """
    if setting == "embedded":
        return await open_embedded(data, limits=limits, rates=rates, clock=clock, recorded=recorded)
    if setting.startswith(SCHEMES):
        return await open_redis(setting, limits=limits, rates=rates, clock=clock, recorded=recorded, options=options)
    raise EngineError('storage.engine names no engine: set it to "embedded", or to an address like redis://host:6379/0')


def open_rows(setting: str, data: Path, options: EngineOptions) -> RowStore:
    """Return the store that a value of `storage.engine` names, to be moved. Raises EngineError."""
    if setting == "embedded":
        return EmbeddedRows(data)
    if setting.startswith(SCHEMES):
        return RedisRows(setting, options, EngineLimits())
    raise EngineError(f"{setting} names no engine: give embedded, or an address like redis://host:6379/0")

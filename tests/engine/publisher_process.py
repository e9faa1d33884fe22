"""A process that publishes until it is killed: `python -m tests.engine.publisher_process FOLDER ROUND`.

It opens the session `round-ROUND`, then prints one line for each acknowledged publish: its key and its offset.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from app.core.instant import Instant
from app.core.ratelimit import RateLimiter
from app.engine.build import open_engine
from app.engine.limits import EngineLimits
from app.engine.ports.engine import Engine
from app.engine.ports.sessions import SessionRecord
from tests.engine.events import event, key

IN_FLIGHT = 64


async def main(folder: Path, name: str) -> None:
    engine = await open_engine(
        "embedded",
        folder,
        limits=EngineLimits(),
        rates=RateLimiter(),
        clock=lambda: Instant(time.monotonic(), time.time()),
    )
    record = SessionRecord(f"round-{name}", "u1", "Name", "editor", "192.0.2.1", "n1", 0.0, 0)
    await engine.sessions.open(record, None, 10)
    await asyncio.gather(*(_publish(engine, f"{name}.{lane}") for lane in range(IN_FLIGHT)))


async def _publish(engine: Engine, lane: str) -> None:
    number = 0
    while True:
        number += 1
        label = f"{lane}.{number}"
        (result,) = await engine.broker.publish([event(label)], key(label))
        sys.stdout.write(f"{label} {result.offset}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))

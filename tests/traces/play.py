"""Play every trace of a folder, and our own, in each way, and print how it ended.

    python -m tests.traces.play FOLDER [--sockets 2000]

`--sockets`: how many transactions of each are played to a real service over raw sockets; 0 for all of them.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.harness.service import Service
from tests.traces import make_trace
from tests.traces.replay import Room, replay
from tests.traces.rooms import SETTINGS, RoomInMemory, RoomOverSockets
from tests.traces.trace import Trace, read


def main() -> None:
    """Print a row for each trace and each way."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--sockets", type=int, default=2_000)
    arguments = asked.parse_args()
    _say(f"{'trace':<18} {'through':<14} {'transactions':>12} {'a second':>9}  ends with its text")
    with tempfile.TemporaryDirectory() as data, Service(Path(data) / "data", SETTINGS) as service:
        for file in [make_trace.FILE, *sorted(arguments.folder.glob("*.json.gz"))]:
            trace = read(file)
            for row in asyncio.run(_rows(file.name.partition(".")[0], trace, service, arguments.sockets or None)):
                _say(row)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


async def _rows(name: str, trace: Trace, service: Service, most: int | None) -> list[str]:
    rows = [
        await _row(name, "the pure core", trace, RoomInMemory.plain(trace), None),
        await _row(name, "the SDK", trace, RoomInMemory.with_sdk(trace), None),
    ]
    over_sockets = await RoomOverSockets.opened(service, trace, name)
    return [*rows, await _row(name, "raw sockets", trace, over_sockets, most)]


async def _row(name: str, way: str, trace: Trace, room: Room, most: int | None) -> str:
    began = time.perf_counter()
    text = await replay(trace, room, most)
    taken = time.perf_counter() - began
    played = trace.transactions[:most]
    whole = len(played) == len(trace.transactions)
    wanted = trace.end if whole else await replay(trace, RoomInMemory.plain(trace), most)
    compared = "" if whole else " (as far as it was played, by the pure core)"
    verdict = "yes" if text == wanted else "NO"
    return f"{name:<18} {way:<14} {len(played):>12,} {len(played) / taken:>9,.0f}  {verdict}{compared}"


if __name__ == "__main__":
    main()

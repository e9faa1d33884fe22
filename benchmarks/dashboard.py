"""Twenty open pages at fifty events a second: what the dashboard costs, and whether the service feels it.

    .venv/bin/python -m benchmarks.dashboard [--viewers 20] [--rate 50] [--rounds 5] [--seconds 10]

In each round the service's answers to ping are timed once with no dashboard running and once with one that is watched,
in turn first and second; the figures are medians over the rounds. Viewers are plain sockets that say what a page says,
or tabs of a Chromium on this machine, which is by far the heaviest program here and in earnest runs elsewhere. Cores:
`shared`, the system puts all processes where it likes; `apart`, service, publisher and pings are on the first,
dashboard and viewers on the second.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle, product
from typing import Any

import msgspec
import psutil
from tornado.websocket import WebSocketClientConnection, websocket_connect

from benchmarks import turnover
from benchmarks.service import ROOT, Running, begin, service
from benchmarks.watch import PAGES

FIRST, SECOND = {0}, {1}  # cores, where they are pinned
_PING_INTERVAL_SECONDS = 0.005
_SETTLE_SECONDS = 3.0  # after the pages are open, or gone
_COLUMNS = (
    *("viewers", "cores", "dashboard's CPU", "RSS / PSS", "updates/s: tail, highest", "viewers' CPU"),
    *("ping p50, ms", "ping p99, ms"),
)
_ADDRESS = re.compile(r"dashboard at (http://[^/]+)/")


@dataclass(frozen=True, slots=True)
class Watched:
    """The measurements of one round with an open dashboard."""

    cpu: float
    rss: float
    pss: float
    rates: list[float]
    viewers_cpu: float


class Watch:
    """A dashboard with its viewers, started and ended for each round."""

    def __init__(self, running: Running, kind: str, viewers: int, *, apart: bool) -> None:
        self._apart = apart
        output = running.data / "dashboard.out"
        service_url = f"http://127.0.0.1:{running.port}"
        token = running.data / "dashboard.token"
        token.write_text(running.mint("dashboard", "admin:*", "--clearance", "secret", "--ttl", "86400"))
        self._dashboard = begin(
            output, "dashboard", "--port", "0", "--service", service_url, "--token-file", str(token)
        )
        self._pin(self._dashboard.pid)
        while (found := _ADDRESS.search(output.read_text())) is None:
            if self._dashboard.poll() is not None:
                raise SystemExit("the dashboard did not start; run `python run.py dashboard` to see why")
            time.sleep(0.02)
        watching = ["-m", "benchmarks.watch", "--url", found[1], "--kind", kind, "--count", str(viewers)]
        self._viewers = subprocess.Popen(  # noqa: S603  our own program
            [sys.executable, *watching], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._pin(self._viewers.pid)
        self._tell(running.mint("operator", "admin:*", "--role", "operator", "--clearance", "secret"))
        if self._hear() != "open":
            raise SystemExit("the pages did not open; see above")

    def _pin(self, pid: int) -> None:
        if self._apart:
            os.sched_setaffinity(pid, SECOND)

    def _tell(self, line: str) -> None:
        assert self._viewers.stdin is not None  # noqa: S101  a pipe
        self._viewers.stdin.write(f"{line}\n")
        self._viewers.stdin.flush()

    def _hear(self) -> str:
        assert self._viewers.stdout is not None  # noqa: S101  a pipe
        return self._viewers.stdout.readline().strip()

    def _told(self) -> list[int]:
        self._tell("count")
        return msgspec.json.decode(self._hear(), type=list[int])

    async def during(self, work: Any) -> tuple[Watched, Any]:
        """Return the measurements of the time while `work` ran."""
        dashboard, viewers = psutil.Process(self._dashboard.pid), psutil.Process(self._viewers.pid)
        before, began = await asyncio.to_thread(self._told), time.monotonic()
        cpu, of_viewers = seconds_of([dashboard]), seconds_of(family(viewers))
        result = await work
        took = time.monotonic() - began
        cpu, of_viewers = seconds_of([dashboard]) - cpu, seconds_of(family(viewers)) - of_viewers
        after = await asyncio.to_thread(self._told)
        memory = dashboard.memory_full_info()
        rates = [(then - now) / took for now, then in zip(before, after, strict=True)]
        return Watched(cpu / took, memory.rss / 2**20, memory.pss / 2**20, rates, of_viewers / took), result

    def end(self) -> None:
        """Close the pages, then the dashboard."""
        assert self._viewers.stdin is not None  # noqa: S101  a pipe
        self._viewers.stdin.close()
        self._viewers.wait(60)
        self._dashboard.terminate()
        self._dashboard.wait(30)


def family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def seconds_of(processes: Iterable[psutil.Process]) -> float:
    """Return the seconds of processor time so far."""
    total = 0.0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total


async def measure(running: Running, asked: argparse.Namespace, kind: str, *, apart: bool) -> str:
    """Measure all rounds of one row."""
    url, http = f"ws://127.0.0.1:{running.port}/v1", f"http://127.0.0.1:{running.port}"
    if apart:
        running.process.cpu_affinity(list(FIRST))
        os.sched_setaffinity(0, FIRST)
    writer = running.mint("bench", "write:*", "--role", "service", "--clearance", "secret")
    load = asyncio.create_task(turnover.publish(http, writer, asked.rate))
    watched: list[Watched] = []
    pairs: list[tuple[list[float], list[float]]] = []
    for number in range(asked.rounds):
        alone: list[float] = []
        beside: list[float] = []
        for part in ("alone", "beside") if number % 2 else ("beside", "alone"):
            if part == "alone":
                await asyncio.sleep(_SETTLE_SECONDS)
                alone = await pings(url, running.token, asked.seconds)
                continue
            watch = await asyncio.to_thread(Watch, running, kind, asked.viewers, apart=apart)
            try:
                await asyncio.sleep(_SETTLE_SECONDS)
                seen, beside = await watch.during(pings(url, running.token, asked.seconds))
            finally:
                await asyncio.to_thread(watch.end)
            watched.append(seen)
        pairs.append((alone, beside))
    load.cancel()
    if apart:
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
        running.process.cpu_affinity(list(range(os.cpu_count() or 1)))
    return row(kind, watched, pairs, apart=apart)


def row(kind: str, watched: list[Watched], pairs: list[tuple[list[float], list[float]]], *, apart: bool) -> str:
    """Return the medians over the rounds. The change of a quantile is that of each pair."""
    middle = statistics.median
    pinged = []
    for part in (0.5, 0.99):
        before = middle(share(alone, part) for alone, _ in pairs)
        after = middle(share(beside, part) for _, beside in pairs)
        change = middle(share(beside, part) / share(alone, part) for alone, beside in pairs)
        pinged.append(f"{before:.2f} → {after:.2f} ({100 * (change - 1):+.0f} %)")
    tail = [rate for seen in watched for page, rate in zip(cycle(PAGES), seen.rates, strict=False) if page == "tail"]
    highest = max(rate for seen in watched for rate in seen.rates)
    cells = [
        kind,
        "apart" if apart else "shared",
        f"{100 * middle(seen.cpu for seen in watched):.1f} %",
        f"{middle(seen.rss for seen in watched):.0f} / {middle(seen.pss for seen in watched):.0f} MiB",
        f"{middle(tail):.1f}, {highest:.1f}",
        f"{100 * middle(seen.viewers_cpu for seen in watched):.0f} %",
        *pinged,
    ]
    return f"| {' | '.join(cells)} |"


async def pings(url: str, token: str, seconds: float) -> list[float]:
    """Return the milliseconds from ping to pong, sorted."""
    socket: WebSocketClientConnection = await websocket_connect(url)
    await socket.write_message(msgspec.json.encode({"type": "auth", "payload": {"token": token}}))
    await heard(socket, "auth_success")
    times = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        at = time.perf_counter()
        await socket.write_message('{"type":"ping"}')
        await heard(socket, "pong")
        times.append(1000 * (time.perf_counter() - at))
        await asyncio.sleep(_PING_INTERVAL_SECONDS)
    socket.close()
    return sorted(times)


async def heard(socket: WebSocketClientConnection, kind: str) -> None:
    """Read until a message of that type. Raises ConnectionError at the end."""
    while (text := await socket.read_message()) is not None:
        if f'"type":"{kind}"' in str(text):
            return
    raise ConnectionError("the service closed the connection; is the token good?")


def share(times: list[float], part: float) -> float:
    """Return the quantile."""
    return times[min(len(times) - 1, int(part * len(times)))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viewers", type=int, default=20, help="open pages")
    parser.add_argument("--rate", type=int, default=50, help="events a second")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10, help="of each measurement, two a round")
    parser.add_argument("--kinds", nargs="+", choices=["sockets", "tabs"], default=["sockets", "tabs"])
    parser.add_argument("--cores", nargs="+", choices=["shared", "apart"], default=["shared", "apart"])
    asked = parser.parse_args()
    print(f"{asked.viewers} open pages, {asked.rate} events/s, {asked.rounds} rounds of 2 × {asked.seconds:g} s\n")
    print(f"| {' | '.join(_COLUMNS)} |")
    print("|---" * len(_COLUMNS) + "|", flush=True)
    for kind, cores in product(asked.kinds, asked.cores):
        with service() as running:
            print(asyncio.run(measure(running, asked, kind, apart=cores == "apart")), flush=True)


if __name__ == "__main__":
    main()

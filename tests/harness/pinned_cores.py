"""A fair place to measure in: the service has a core of its own, the clients of the test have another one.

Real strangers do not run on the server's machine. Where there are two cores, the service gets the first, the test and
those who flood the second, and the latter have the lowest priority, each of them a process. Service and test go before
whatever else runs on their cores, where the system allows it: neither is to measure what the machine is busy with.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path

from tests.harness.wire import Client

STRANGERS = 8
_LOWEST = 19
_PAUSE_SECONDS = 0.02

Flood = Callable[[int, int, int], int]
"""`flood(port, who, times)`: what one of the strangers does, until `is_over()`; returns how often it was done."""


@dataclass(frozen=True)
class Cores:
    """One core for the service and one for the clients; the same one where there is only one."""

    service: int
    clients: int

    @classmethod
    def found(cls) -> Cores:
        """Return the first and the last core that this process may use."""
        usable = sorted(os.sched_getaffinity(0))
        return cls(usable[0], usable[-1])


def pin(pid: int, core: int, nice: int = 0) -> None:
    """Keep a process, with all its threads, on one core.

    It gets that nice value or, without one, goes before everything else on this core where the system allows it.
    """
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(ProcessLookupError):
            os.sched_setaffinity(int(task.name), {core})
            if nice:
                os.setpriority(os.PRIO_PROCESS, int(task.name), nice)
            else:
                _go_first(int(task.name))


def _go_first(thread: int) -> None:
    with suppress(PermissionError):  # whatever it starts is as any other
        os.sched_setscheduler(thread, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Keep the calling thread on one core for a while, before everything else there where we may ask for it."""
    cores, policy = os.sched_getaffinity(0), os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK
    os.sched_setaffinity(0, {core})
    _go_first(0)
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
        with suppress(PermissionError):
            os.sched_setscheduler(0, policy, os.sched_param(0))


@dataclass
class _Begun:
    over: Event | None = None
    together: Barrier | None = None


_begun = _Begun()


def _begin(core: int, over: Event, together: Barrier) -> None:
    os.sched_setaffinity(0, {core})
    os.nice(_LOWEST)
    _begun.over, _begun.together = over, together


def _meet() -> None:
    assert _begun.together is not None
    _begun.together.wait()


def is_over() -> bool:
    """Return whether the flood is to end; for those who flood."""
    return _begun.over is not None and _begun.over.is_set()


class Strangers:
    """Those who flood: each in a process of its own, which begins once and floods many times."""

    def __init__(self, core: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._over = context.Event()
        together = context.Barrier(STRANGERS)
        self._pool = ProcessPoolExecutor(
            STRANGERS, mp_context=context, initializer=_begin, initargs=(core, self._over, together)
        )

    def wait(self) -> None:
        """Return once each of the processes has begun."""
        present = [self._pool.submit(_meet) for _ in range(STRANGERS)]
        for one in present:
            one.result()

    def begin(self, flood: Flood, port: int, times: int) -> list[Future[int]]:
        """Let all of them flood a port of the loopback."""
        self._over.clear()
        return [self._pool.submit(flood, port, who, times) for who in range(STRANGERS)]

    def end(self) -> None:
        """Ask them to stop."""
        self._over.set()

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown(cancel_futures=True)


@dataclass
class Beside:
    """Pings of somebody else in milliseconds, beside floods; `attempts`: what was done in these."""

    pings: list[float] = field(default_factory=list)
    attempts: int = 0

    @property
    def p50(self) -> float:
        return statistics.median(self.pings)

    @property
    def p99(self) -> float:
        return sorted(self.pings)[int(0.99 * (len(self.pings) - 1))]


async def ping(client: Client) -> float:
    """Return the milliseconds that one ping takes."""
    began = time.perf_counter()
    await client.ask({"type": "ping"}, timeout_seconds=60.0)
    return 1000 * (time.perf_counter() - began)


async def pings_beside(
    client: Client, strangers: Strangers, flood: Flood, port: int, times: int, pings: int, floods: int
) -> Beside:
    """Ping until `pings` were taken, beside at most `floods` floods of `port`, the first of them to its end."""
    beside = Beside()
    for number in range(floods):
        working = strangers.begin(flood, port, times)
        gathered = asyncio.gather(*(asyncio.wrap_future(one) for one in working))
        while not gathered.done() and (number == 0 or len(beside.pings) < pings):
            beside.pings.append(await ping(client))
            if len(beside.pings) >= pings:
                # Enough are measured. What they leave on the disk is subtracted: each one adds to the error of that.
                await asyncio.sleep(_PAUSE_SECONDS)
        strangers.end()
        beside.attempts += sum(await gathered)
        if len(beside.pings) >= pings:
            break
    return beside


@dataclass
class Rounds:
    """Pings without a flood, beside one of another service (the control), and beside one of their own, many times."""

    idle: list[Beside] = field(default_factory=list)
    control: list[Beside] = field(default_factory=list)
    flooded: list[Beside] = field(default_factory=list)

    @property
    def attempts(self) -> int:
        """The number of attempts on the service in all floods."""
        return sum(one.attempts for one in self.flooded)

    def __str__(self) -> str:
        idle, control, flooded = (_medians(rounds) for rounds in (self.idle, self.control, self.flooded))
        return (
            f"others' pings p50/p99 idle {idle[0]:.2f}/{idle[1]:.2f} ms, beside another's flood"
            f" {control[0]:.2f}/{control[1]:.2f}, flooded {flooded[0]:.2f}/{flooded[1]:.2f} of"
            f" {sum(len(one.pings) for one in self.flooded)}: p99 × {flooded[1] / idle[1]:.1f} of idle,"
            f" × {flooded[1] / control[1]:.1f} of the control (medians of {len(self.idle)} rounds)"
        )


def _medians(rounds: list[Beside]) -> tuple[float, float]:
    return statistics.median(one.p50 for one in rounds), statistics.median(one.p99 for one in rounds)

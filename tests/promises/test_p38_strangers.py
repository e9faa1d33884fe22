"""P38: what a stranger makes the service store, hold or compute is bounded, at every door and every exempt class."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.harness import tokens
from tests.harness.figures import Report, Sized
from tests.harness.service import Service
from tests.harness.wire import Client, Message, Raw, Reachable, request, upgrade

FORBIDDEN = "dossier:secret:plans"
UPDATE: Message = {
    "type": "dossier_update",
    "channel": FORBIDDEN,
    "payload": {"entity_type": "country", "entity_id": "u", "operation": "update", "fields_changed": ["x" * 100]},
}
HOST = ("Host", "localhost")
KIB, MIB = 1 << 10, 1 << 20
PINGS = 500  # of few, the 99th of a hundred is the longest: one pause of the machine
FLOODS_AT_MOST = 20  # some doors end a flood within milliseconds

Flood = Callable[[Reachable, int, int], Coroutine[Any, Any, None]]
"""`flood(service, who, times)`: what one of the strangers does."""


@asynccontextmanager
async def _session(service: Reachable, who: int) -> AsyncIterator[Client]:
    client = await Client.connect(service, tokens.token(f"stranger-{who}"), address=f"127.0.1.{who + 1}")
    try:
        with suppress(ConnectionError):
            yield client
    finally:
        await client.close()


async def refused_sends(service: Reachable, who: int, times: int) -> None:
    async with _session(service, who) as client:
        await client.send(*([UPDATE | {"x": "y" * 60_000}] * times))


async def invalid_frames(service: Reachable, who: int, times: int) -> None:
    async with _session(service, who) as client:
        await client.send(*(["[]," * 20_000] * times))


async def renewals(service: Reachable, who: int, times: int) -> None:
    async with _session(service, who) as client:
        auth = {"type": "auth", "payload": {"token": tokens.token(f"stranger-{who}")}}
        await client.send(*([auth] * times))


async def subscribes(service: Reachable, who: int, times: int) -> None:
    async with _session(service, who) as client:
        await client.send(*({"type": "subscribe", "channel": f"dossier:secret:n{n}"} for n in range(times)))


async def pings(service: Reachable, who: int, times: int) -> None:
    async with _session(service, who) as client:
        await client.send(*([{"type": "ping"}] * times))


async def silent_handshakes(service: Reachable, who: int, times: int) -> None:
    raws = [await Raw.open(service, address=f"127.0.1.{who + 1}") for _ in range(min(times, 40))]
    for raw in raws:
        await raw.send(upgrade())
    for raw in raws:
        await raw.response()
        await raw.close()


async def bodies_without_a_token(service: Reachable, who: int, times: int) -> None:
    for _ in range(times):
        raw = await Raw.open(service, address=f"127.0.1.{who + 1}")
        with suppress(ConnectionError):
            length = ("Content-Length", str(8 * MIB))
            await raw.send(request("PUT", "/v1/documents/d", HOST, length, body=b" " * 100_000))
            await raw.response()
        await raw.close()


async def paths_that_are_none(service: Reachable, who: int, times: int) -> None:
    for _ in range(times):
        raw = await Raw.open(service, address=f"127.0.1.{who + 1}")
        with suppress(ConnectionError):
            await raw.send(request("GET", f"/{who}", HOST) * 5)
            await raw.response()
        await raw.close()


async def calls_without_rights(service: Reachable, who: int, times: int) -> None:
    authorization = ("Authorization", f"Bearer {tokens.token(f'stranger-{who}')}")
    raw = await Raw.open(service, address=f"127.0.1.{who + 1}")
    with suppress(ConnectionError):
        for _ in range(times):
            await raw.send(request("GET", "/v1/sessions", HOST, authorization))
            await raw.response()
    await raw.close()


FLOODS: list[Flood] = [
    refused_sends,
    invalid_frames,
    renewals,
    subscribes,
    pings,
    silent_handshakes,
    bodies_without_a_token,
    paths_that_are_none,
    calls_without_rights,
]


def _kept(service: Service) -> int:
    """Bytes of everything under the data folder, but for the space that the journal reserves for hard times."""
    return sum(path.stat().st_size for path in service.data.rglob("*") if path.is_file() and path.name != "ballast")


async def _ping(client: Client) -> float:
    began = time.perf_counter()
    await client.ask({"type": "ping"})
    return 1000 * (time.perf_counter() - began)


def _p99(times: list[float]) -> float:
    return sorted(times)[int(0.99 * (len(times) - 1))]


@dataclass(frozen=True)
class _Beside:
    """Pings of somebody else in milliseconds, beside so many floods."""

    pings: list[float]
    floods: int

    def __str__(self) -> str:
        return f"{statistics.median(self.pings):.2f}/{_p99(self.pings):.1f} ms"


@dataclass
class _Port:
    port: int


def _flooded(flood: Flood, port: int, strangers: int, times: int) -> None:
    async def scene() -> None:
        await asyncio.gather(*(flood(_Port(port), who, times) for who in range(strangers)))

    asyncio.run(scene())


@pytest.fixture(scope="module")
def strangers_process() -> Iterator[ProcessPoolExecutor]:
    """A process for those who flood: what they compute delays nobody's ping but as any load of the machine does."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield pool


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Another service that is flooded in the same way: the control."""
    with Service(tmp_path_factory.mktemp("twin") / "s") as service:
        yield service


@pytest.mark.parametrize("flood", FLOODS, ids=[flood.__name__ for flood in FLOODS])
def test_what_a_stranger_costs_is_bounded(
    flood: Flood, tmp_path: Path, strangers_process: ProcessPoolExecutor, twin: Service, report: Report, sized: Sized
) -> None:
    """The pings of another user are measured idle, beside a flood of another service, and beside one of their own."""
    strangers, times = 8, sized(150, 2_000)

    async def pings_beside(other: Client, flooded: Service) -> _Beside:
        loop, taken, floods = asyncio.get_running_loop(), list[float](), 0
        while not floods or (len(taken) < PINGS and floods < FLOODS_AT_MOST):
            floods += 1
            work = loop.run_in_executor(strangers_process, _flooded, flood, flooded.port, strangers, times)
            while not taken or not work.done():
                taken.append(await _ping(other))
            await work
        return _Beside(taken, floods)

    async def scene() -> None:
        process = psutil.Process(service.pid)
        async with await Client.connect(service, tokens.token("other", role="service")) as other:
            idle = _Beside([await _ping(other) for _ in range(PINGS)], 0)
            control = await pings_beside(other, twin)
            disk, memory = _kept(service), process.memory_info().rss
            busy = await pings_beside(other, service)
            await other.settle()
            grown, held = _kept(service) - disk, process.memory_info().rss - memory
            stall, attempts = service.metrics()["dossier_loop_stall_seconds"], busy.floods * strangers * times
            flooded, quiet = _p99(busy.pings), _p99(idle.pings)
            report(
                f"{busy.floods} × {strangers} × {times}: disk {grown / attempts / KIB:.2f} KiB each,"
                f" RSS {held / MIB:+.1f} MiB, others' pings p50/p99 idle {idle}, beside another's flood {control},"
                f" flooded {busy} of {len(busy.pings)} (p99 × {flooded / quiet:.1f} of idle,"
                f" × {flooded / _p99(control.pings):.1f} of the control), longest turn {1000 * stall:.0f} ms"
            )
            assert grown <= attempts * KIB
            assert held <= 20 * MIB

    with Service(tmp_path / "s", {"limits.roles.service.ping": 1_000_000}) as service:
        asyncio.run(scene())
        service.stop()
        service.assert_log_clean()

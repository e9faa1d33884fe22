"""P38: what a stranger makes the service store, hold or compute is bounded, at every door and every exempt class."""

from __future__ import annotations

import asyncio
import functools
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.harness import tokens
from tests.harness.eventually import eventually_async
from tests.harness.measurements import Report, Sized
from tests.harness.pinned_cores import (
    STRANGERS,
    Beside,
    Cores,
    Rounds,
    Strangers,
    is_over,
    pin,
    ping,
    pings_beside,
    pinned,
)
from tests.harness.service import Service
from tests.harness.wire import Client, Message, Raw, Reachable, request, upgrade

FORBIDDEN = "dossier:secret:plans"
UPDATE: Message = {
    "type": "dossier_update",
    "channel": FORBIDDEN,
    "payload": {"entity_type": "country", "entity_id": "u", "operation": "update", "fields_changed": ["x" * 60]},
}
HOST = ("Host", "localhost")
KIB, MIB = 1 << 10, 1 << 20
PINGS = 500  # of few, the 99th of a hundred is the longest: one pause of the machine
FLOODS_AT_MOST = 20  # some doors end a flood within milliseconds
HANDFUL = 10  # messages between two looks at whether the flood is over

Authenticator = Callable[[Reachable, int, int], Awaitable[int]]
"""`door(service, who, times)`: what one of the strangers does, until it is over; how often it was done."""


@dataclass
class _Port:
    port: int


@asynccontextmanager
async def _session(service: Reachable, who: int) -> AsyncIterator[Client]:
    client = await Client.connect(service, tokens.token(f"stranger-{who}"), address=f"127.0.1.{who + 1}")
    try:
        with suppress(ConnectionError):
            yield client
    finally:
        await client.close()


async def _send(service: Reachable, who: int, times: int, message: Callable[[int], Message | str]) -> int:
    """Send, until as often as that, the connection ends or the flood is over; the login and the ping count too."""
    sent = 0
    async with _session(service, who) as client:
        while sent < times and client.closed is None and not is_over():
            await client.send(*(message(number) for number in range(sent, sent + HANDFUL)))
            sent += HANDFUL
        with suppress(AssertionError):  # refused, or the end
            await client.ask({"type": "ping"})
    return sent + 2


async def refused_sends(service: Reachable, who: int, times: int) -> int:
    return await _send(service, who, times, lambda _: UPDATE | {"x": "y" * 60_000})


async def invalid_frames(service: Reachable, who: int, times: int) -> int:
    return await _send(service, who, times, lambda _: "[]," * 20_000)


async def renewals(service: Reachable, who: int, times: int) -> int:
    auth = {"type": "auth", "payload": {"token": tokens.token(f"stranger-{who}")}}
    return await _send(service, who, times, lambda _: auth)


async def subscribes(service: Reachable, who: int, times: int) -> int:
    return await _send(service, who, times, lambda n: {"type": "subscribe", "channel": f"dossier:secret:n{n}"})


async def pings(service: Reachable, who: int, times: int) -> int:
    return await _send(service, who, times, lambda _: {"type": "ping"})


async def silent_handshakes(service: Reachable, who: int, times: int) -> int:
    raws = [await Raw.open(service, address=f"127.0.1.{who + 1}") for _ in range(min(times, 40))]
    for raw in raws:
        await raw.send(upgrade())
    for raw in raws:
        await raw.response()
        await raw.close()
    return len(raws)


async def bodies_without_a_token(service: Reachable, who: int, times: int) -> int:
    for done in range(times):
        if is_over():
            return done
        raw = await Raw.open(service, address=f"127.0.1.{who + 1}")
        with suppress(ConnectionError):
            length = ("Content-Length", str(8 * MIB))
            await raw.send(request("PUT", "/v1/documents/d", HOST, length, body=b" " * 100_000))
            await raw.response()
        await raw.close()
    return times


async def paths_that_are_none(service: Reachable, who: int, times: int) -> int:
    for done in range(times):
        if is_over():
            return done
        raw = await Raw.open(service, address=f"127.0.1.{who + 1}")
        with suppress(ConnectionError):
            await raw.send(request("GET", f"/{who}", HOST) * 5)
            await raw.response()
        await raw.close()
    return times


async def calls_without_rights(service: Reachable, who: int, times: int) -> int:
    authorization = ("Authorization", f"Bearer {tokens.token(f'stranger-{who}')}")
    raw, done = await Raw.open(service, address=f"127.0.1.{who + 1}"), 0
    with suppress(ConnectionError):
        while done < times and not is_over():
            await raw.send(request("GET", "/v1/sessions", HOST, authorization))
            await raw.response()
            done += 1
    await raw.close()
    return done


# Those who flood run at the lowest priority: on a busy core their first message is late.
PATIENT = {"session.auth_timeout": 300}

DOORS: list[Authenticator] = [
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


def _through(door: Authenticator, port: int, who: int, times: int) -> int:
    async def scene() -> int:
        return await door(_Port(port), who, times)

    return asyncio.run(scene())


async def _pings(client: Client, count: int) -> Beside:
    return Beside([await ping(client) for _ in range(count)])


def _kept(service: Service) -> int:
    """Bytes of everything under the data folder, but for the space that the journal reserves for hard times."""
    found = service.files()
    return sum(found[path].st_size for path in found if stat.S_ISREG(found[path].st_mode) and path.suffix != ".ballast")


async def _kept_at_rest(service: Service) -> int:
    """`_kept`, when the journal has written what it was given."""
    await eventually_async(lambda: service.metrics()["dossier_journal_waiting"] == 0)
    return _kept(service)


@pytest.fixture(scope="module")
def cores() -> Iterator[Cores]:
    found = Cores.found()
    with pinned(found.clients):
        yield found


@pytest.fixture(scope="module")
def strangers(cores: Cores) -> Iterator[Strangers]:
    found = Strangers(cores.clients)
    yield found
    found.close()


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory, cores: Cores) -> Iterator[Service]:
    """Another service that is flooded in the same way, beside the clients: the control."""
    with Service(tmp_path_factory.mktemp("twin") / "s", PATIENT) as service:
        pin(service.pid, cores.clients, 19)
        yield service


@pytest.mark.parametrize("door", DOORS, ids=[door.__name__ for door in DOORS])
def test_what_a_stranger_costs_is_bounded(
    door: Authenticator, tmp_path: Path, cores: Cores, strangers: Strangers, twin: Service, report: Report, sized: Sized
) -> None:
    """The pings of another user are measured idle, beside a flood of another service, and beside one of their own."""
    times, rounds, flood = sized(300, 2_000), Rounds(), functools.partial(_through, door)

    async def scene() -> None:
        grown = 0.0
        process = psutil.Process(service.pid)
        async with await Client.connect(service, tokens.token("other", role="service")) as other:
            await _pings(other, PINGS)
            memory = process.memory_info().rss
            for _ in range(sized(1, 5)):
                before = await _kept_at_rest(service)
                rounds.idle.append(await _pings(other, PINGS))
                of_pings = [(await _kept_at_rest(service) - before) / PINGS]
                for flooded, kept in ((twin, rounds.control), (service, rounds.flooded)):
                    before = await _kept_at_rest(service)
                    kept.append(await pings_beside(other, strangers, flood, flooded.port, times, PINGS, FLOODS_AT_MOST))
                after = await _kept_at_rest(service)
                await _pings(other, PINGS)  # of thousands beside a flood each byte of difference counts: look twice
                of_pings.append((await _kept_at_rest(service) - after) / PINGS)
                grown += after - before - max(of_pings) * len(rounds.flooded[-1].pings)
            await other.settle()
            held, metrics, attempts = process.memory_info().rss - memory, service.metrics(), rounds.attempts
            stall, pauses = metrics["dossier_loop_stall_seconds"], metrics.get("dossier_pauses_total", 0)
            report(
                f"{STRANGERS} strangers, {attempts} attempts: disk {grown / attempts / KIB:.2f} KiB each,"
                f" RSS {held / MIB:+.1f} MiB, {rounds}, longest turn {1000 * stall:.0f} ms, {pauses:.0f} pauses"
            )
            # In a short run that counts which is written once, whoever comes: a page of the store, a checkpoint.
            assert grown <= attempts * KIB + sized(MIB, 0)
            assert held <= 20 * MIB

    # One segment: where one is closed and compressed between two looks, the disk shrinks by more than a flood writes.
    with Service(
        tmp_path / "s", PATIENT | {"limits.roles.service.ping": 1_000_000, "journal.segment_mib": 1_024}
    ) as service:
        pin(service.pid, cores.service)
        asyncio.run(scene())
        service.stop()
        service.assert_log_clean()

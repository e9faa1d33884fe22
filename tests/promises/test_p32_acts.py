"""P32: an operator's act is in the journal before it is answered, whatever others do; reading costs nobody's write."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import pytest

from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import HANG_SECONDS, eventually_async
from tests.harness.in_process import running
from tests.harness.pinned_cores import Beside, Cores, Strangers, is_over, pin, ping, pinned
from tests.harness.service import Service
from tests.harness.tokens import token
from tests.harness.wire import Client
from tests.promises.conftest import Report, Sized

COUNTRY = "dossier:country:SA"
FLOODED = {"limits.general": 5_000, "limits.ping": 1_000_000, "limits.handshakes_per_second": 1_000}
"""Of an administrator in a hurry; who floods has the usual budgets of edits, bytes and refusals."""
REFUSED = 'dossier_messages_received_total{outcome="refused",type="edit_operation"}'
PINGS = 500  # of few, the 99th of a hundred is the longest: one pause of the machine
UPDATE = {"entity_type": "country", "entity_id": "SA", "operation": "update", "fields_changed": ["f" * 60]}


def _frame(number: int) -> dict[str, Any]:
    """An edit of 16 KB by somebody without any right."""
    payload = {"operation_type": "insert", "position": 0, "content": "x" * 16_000, "version": 0}
    return {"type": "edit_operation", "channel": f"document:d{number}", "payload": payload}


@dataclass
class _Port:
    port: int


def _flood(port: int, who: int, _: int) -> int:
    """Send what is refused, and come back at once when the service closes; for a process of its own."""

    async def run() -> int:
        sent = 0
        while not is_over():
            with suppress(AssertionError, OSError):
                async with await Client.connect(
                    _Port(port), token(f"mal{who}"), address=f"127.0.1.{who + 1}"
                ) as client:
                    while not is_over() and client.closed is None:
                        await client.send(*(_frame(number) for number in range(10)))
                        sent += 10
                        await client.ask({"type": "ping"})
        return sent

    return asyncio.run(run())


def _size(service: Service) -> int:
    found = service.files()  # a closed segment is compressed meanwhile
    return sum(found[path].st_size for path in found if ".journal" in path.name)


def _administrate(port: int, core: int, first: int, acts: int) -> None:
    """Revoke tokens one after the other; for a process of its own."""
    os.sched_setaffinity(0, {core})
    administrator = {"Authorization": f"Bearer {token('admin', 'admin:*', clearance='secret')}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=administrator, timeout=60) as http:
        for number in range(first, first + acts):
            answer = http.post("/v1/tokens/revoke", json={"jti": f"t{number}"})
            assert answer.status_code == 200, answer.text


async def _pings_while(neighbour: Client, work: Awaitable[object]) -> Beside:
    task, pings = asyncio.ensure_future(work), list[float]()
    while not task.done() or len(pings) < PINGS:
        pings.append(await ping(neighbour))
    await task
    return Beside(pings)


def test_a_flood_by_eight_users_costs_no_act_its_entry(tmp_path: Path, report: Report, sized: Sized) -> None:
    acts, rounds = sized(40, 100), sized(1, 3)
    cores = Cores.found()
    beside = {name: list[Beside]() for name in ("idle", "acts alone", "flooded")}
    grown = refused = 0
    revoked: list[str] = []

    async def scene(service: Service, neighbour: Client) -> None:
        nonlocal grown, refused

        def administrate() -> Awaitable[object]:
            first = len(revoked)
            revoked.extend(f"t{number}" for number in range(first, first + acts))
            return asyncio.wrap_future(office.submit(_administrate, service.port, cores.clients, first, acts))

        def flooded_since(already: float) -> Callable[[], Awaitable[bool]]:
            async def is_flooded() -> bool:
                return (await asyncio.to_thread(service.metrics))[REFUSED] > already

            return is_flooded

        await administrate()  # its process begins
        for _ in range(rounds):
            beside["idle"].append(await _pings_while(neighbour, asyncio.sleep(0)))
            beside["acts alone"].append(await _pings_while(neighbour, administrate()))
            before, already = _size(service), service.metrics()[REFUSED]
            floods = strangers.begin(_flood, service.port, 0)
            await eventually_async(flooded_since(already + 40), "the flood has begun")
            beside["flooded"].append(await _pings_while(neighbour, administrate()))
            strangers.end()
            refused += sum(await asyncio.gather(*map(asyncio.wrap_future, floods)))
            grown += _size(service) - before

    async def play(service: Service) -> None:
        async with await Client.connect(service, service.token("neighbour")) as neighbour:
            await scene(service, neighbour)

    office = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    strangers = Strangers(cores.clients)
    try:
        with Service(tmp_path / "data", FLOODED) as service:
            strangers.wait()
            pin(service.pid, cores.service)
            with pinned(cores.clients):
                asyncio.run(play(service))
    finally:
        strangers.end()
        strangers.close()
        office.shutdown(cancel_futures=True)
    headers = [entry.header for entry in service.journal()]
    assert [header.detail["subject"] for header in headers if header.kind == "act"] == revoked
    outcomes = Counter(header.detail["outcome"] for header in headers if header.kind == "outcome")
    assert outcomes == {"done": len(revoked)}
    pings = sum(len(one.pings) for one in beside["flooded"])
    assert grown <= 1_024 * (refused + pings) + 4_096 * len(revoked)
    report(f"P32 {len(revoked)} acts beside {refused} refused frames of 16 KB: all recorded")
    report(f"P32 the journal grew by {grown // (refused + pings)} bytes for each of these and of {pings} pings")
    p99 = {name: median(one.p99 for one in taken) for name, taken in beside.items()}
    said = ", ".join(f"{name} {milliseconds:.2f} ms" for name, milliseconds in p99.items())
    ratio = p99["flooded"] / p99["idle"]
    report(f"P32 a neighbour's ping p99: {said} ({ratio:.1f} x idle, medians of {rounds} rounds)")


@asynchronous
async def test_without_the_journal_nothing_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path / "data") as service:
        real = os.fsync

        def failing(descriptor: int) -> None:
            if Path(f"/proc/self/fd/{descriptor}").readlink().suffix == ".journal":
                raise OSError(28, "No space left on device")
            real(descriptor)

        monkeypatch.setattr(os, "fsync", failing)
        administrator = token("admin", "admin:*", clearance="secret")
        headers = {"Authorization": f"Bearer {administrator}"}
        address = f"http://127.0.0.1:{service.port}"
        async with httpx.AsyncClient(base_url=address, headers=headers, timeout=HANG_SECONDS) as http:
            for method, path, body in (
                ("POST", "/v1/tokens/revoke", {"jti": "t1"}),
                ("PUT", f"/v1/channels/{COUNTRY}", {"classification": "secret"}),
                ("PUT", "/v1/documents/1", {"content": "text"}),
                ("POST", "/v1/users/u1/limits/lift", {"seconds": 9}),
            ):
                answer = await http.request(method, path, json=body)
                assert (answer.status_code, answer.json()["error_code"]) == (503, "SERVICE_UNAVAILABLE"), path
        revocations = service.engine.revocations
        assert not revocations.is_revoked("u", "t1", 0)
        assert not service.node.policy.changed_channels()
        assert (await service.engine.broker.position("document:1")).offset == 0
        monkeypatch.undo()


def test_reading_costs_nobodys_write(tmp_path: Path, report: Report, sized: Sized) -> None:
    readers, events = sized(40, 100), sized(500, 10_000)
    answers = Counter[int]()
    epochs: list[str] = []
    ready: list[int] = []

    async def recover(service: Service, reader: int) -> None:
        client = await Client.connect(service, service.token(f"reader{reader}", "read:dossier:*"))
        async with client:
            await client.subscribe(COUNTRY, since={"epoch": epochs[0], "offset": 0})
            for _ in range(events):
                await client.receive("dossier_update")

    async def write(http: httpx.AsyncClient, count: int, each: int = 1) -> None:
        event = {"type": "dossier_update", "channel": COUNTRY, "payload": UPDATE}
        for _ in range(count):
            answer = await http.post("/v1/publish", json={"events": [event] * each})
            assert answer.status_code == 200, answer.text
            answers[answer.status_code] += 1
            epochs.append(answer.json()["results"][0]["epoch"])

    async def scene(service: Service) -> None:
        headers = {"Authorization": f"Bearer {token('system', 'write:dossier:*')}"}
        async with httpx.AsyncClient(base_url=service.http, headers=headers, timeout=60) as http:
            await write(http, events // 50, 50)
            async with asyncio.TaskGroup() as group:
                for reader in range(readers):
                    group.create_task(recover(service, reader))
                group.create_task(write(http, 100))
                for _ in range(20):
                    ready.append((await http.get("/readyz")).status_code)
                    await asyncio.sleep(0)
        assert service.metrics()["dossier_journal_lost"] == 0

    generous = {"limits.general": 1_000_000, "limits.handshakes_per_second": 1_000}
    with Service(tmp_path / "data", generous) as service:
        asyncio.run(scene(service))
    assert set(answers) == {200}
    assert set(ready) == {200}
    kinds = Counter(entry.header.kind for entry in service.journal())
    assert kinds["gap"] == 0
    assert kinds["replayed"] <= readers * (events // 50)
    replayed = sum(
        int(str(entry.header.detail["count"])) for entry in service.journal() if entry.header.kind == "replayed"
    )
    assert replayed >= readers * events
    report(
        f"P32 {readers} readers recovered {replayed} events in {kinds['replayed']} entries; 0 lost, 0 publishes refused"
    )

"""P32: an operator's act is in the journal before it is answered, whatever others do; reading costs nobody's write."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx
import pytest

from tests.harness.coroutine_tests import asynchronous
from tests.harness.in_process import running
from tests.harness.service import Service
from tests.harness.tokens import token
from tests.harness.wire import Client
from tests.promises.conftest import Report, Sized

COUNTRY = "dossier:country:SA"
FLOODED = {"limits.general": 5_000, "limits.ping": 5_000, "limits.handshakes_per_second": 1_000}
"""Of an administrator in a hurry; who floods has the usual budgets of edits, bytes and refusals."""
UPDATE = {"entity_type": "country", "entity_id": "SA", "operation": "update", "fields_changed": ["f" * 60]}


def _frame(number: int) -> dict[str, Any]:
    """An edit of 16 KB by somebody without any right."""
    payload = {"operation_type": "insert", "position": 0, "content": "x" * 16_000, "version": 0}
    return {"type": "edit_operation", "channel": f"document:d{number}", "payload": payload}


async def _pings(client: Client, count: int) -> list[float]:
    """Milliseconds of one ping after the other."""
    taken = []
    for _ in range(count):
        begun = time.perf_counter()
        await client.ask({"type": "ping"}, patience=60.0)
        taken.append(1000 * (time.perf_counter() - begun))
    return taken


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.journal*"))


def test_a_flood_by_eight_users_costs_no_act_its_entry(tmp_path: Path, report: Report, sized: Sized) -> None:
    acts = sized(100, 300)
    told: dict[str, list[float]] = {}
    refused = [0] * 8
    grown = [0]

    async def flood(service: Service, user: int, over: asyncio.Event) -> None:
        """Send what is refused; come back at once when the service closes."""
        while not over.is_set():
            with suppress(AssertionError, OSError):
                async with await Client.connect(service, service.token(f"mal{user}")) as client:
                    while not over.is_set():
                        for number in range(10):
                            await client.send(_frame(number))
                            refused[user] += 1
                        await client.ask({"type": "ping"})

    async def scene(service: Service) -> None:
        folder = service.data / "journal"
        async with await Client.connect(service, service.token("neighbour")) as neighbour:
            told["idle"] = await _pings(neighbour, 200)
            over = asyncio.Event()
            before = _size(folder)
            async with asyncio.TaskGroup() as group:
                for user in range(8):
                    group.create_task(flood(service, user, over))
                administrator = token("admin", "admin:*", clearance="secret")
                headers = {"Authorization": f"Bearer {administrator}"}
                async with httpx.AsyncClient(base_url=service.http, headers=headers, timeout=60) as http:
                    for number in range(acts):
                        answer = await http.post("/v1/tokens/revoke", json={"jti": f"t{number}"})
                        assert answer.status_code == 200, answer.text
                        if number % 10 == 0:
                            told.setdefault("flooded", []).extend(await _pings(neighbour, 5))
                over.set()
            grown[0] = _size(folder) - before

    with Service(tmp_path / "data", FLOODED) as service:
        asyncio.run(scene(service))
    headers = [entry.header for entry in service.journal()]
    revoked = [header.detail["subject"] for header in headers if header.kind == "act"]
    assert revoked == [f"t{number}" for number in range(acts)]
    outcomes = Counter(header.detail["outcome"] for header in headers if header.kind == "outcome")
    assert outcomes == {"done": acts}
    total = sum(refused)
    assert total >= 100
    assert grown[0] <= 1_024 * total + 4_096 * acts
    idle, flooded = (quantiles(told[name], n=100)[98] for name in ("idle", "flooded"))
    report(f"P32 {acts} acts beside {total} refused frames of 16 KB: all recorded, {grown[0] // total} bytes a frame")
    report(f"P32 a neighbour's ping p99: idle {idle:.1f} ms, flooded {flooded:.1f} ms ({flooded / idle:.1f} x)")


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
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.port}", headers=headers) as http:
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

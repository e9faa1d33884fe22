"""P1: what was acknowledged survives a power cut: events, edits of documents, and acts in the journal.

The disk forgets, tears and reorders what was not synced (tests/harness/lossy_disk.py). It needs the right to mount.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx
import pytest

from app.journal import store
from tests.harness.eventually import HANG_SECONDS, eventually_async
from tests.harness.lossy_disk import LossyDisk, Lost, usable
from tests.harness.service import Service
from tests.harness.wire import Client
from tests.promises.conftest import Report, Sized
from tests.promises.load_clients import CROWD

WRITERS = 8
SETTINGS = {**CROWD, "limits.handshakes_per_second": 10_000, "limits.connections_per_address": 10_000}


@dataclass
class Acknowledged:
    """The things that the service said it keeps: offsets by entity, texts by document, token ids of revocations."""

    events: dict[str, int] = field(default_factory=dict)
    edits: dict[str, list[str]] = field(default_factory=dict)
    acts: list[str] = field(default_factory=list)

    def total(self) -> int:
        return len(self.events) + sum(map(len, self.edits.values())) + len(self.acts)


async def publish(service: Service, kept: Acknowledged, name: str, numbers: count[int]) -> None:
    async with await Client.connect(service, service.token(name, "write:dossier:*")) as client:
        while True:
            entity = f"{name}-{next(numbers)}"
            payload = {"entity_type": "country", "entity_id": entity, "operation": "update", "fields_changed": ["x"]}
            answer = await client.ask({"type": "dossier_update", "channel": "dossier:country:SA", "payload": payload})
            if answer["type"] == "ack":
                kept.events[entity] = answer["offset"]


async def edit(service: Service, kept: Acknowledged, name: str, numbers: count[int]) -> None:
    channel = f"document:{name}"
    async with await Client.connect(service, service.token(name, "write:document:*")) as client:
        version = (await client.subscribe(channel))["document"]["version"]
        while True:
            word = f"<{next(numbers)}>"
            payload = {"operation_type": "insert", "position": 0, "version": version, "content": word, "op_id": word}
            answer = await client.ask({"type": "edit_operation", "channel": channel, "payload": payload})
            if answer["type"] == "operation_ack":
                version = answer["payload"]["version"]
                kept.edits.setdefault(channel, []).append(word)


async def act(service: Service, kept: Acknowledged, name: str, numbers: count[int]) -> None:
    headers = {"Authorization": f"Bearer {service.token('admin', 'admin:*', clearance='secret')}"}
    async with httpx.AsyncClient(base_url=service.http, headers=headers, timeout=HANG_SECONDS) as client:
        while True:
            token = f"{name}-{next(numbers)}"
            answer = await client.post("/v1/tokens/revoke", json={"jti": token})
            if answer.status_code < 300:
                kept.acts.append(token)


Work = Callable[[Service, Acknowledged, str, "count[int]"], Awaitable[None]]


async def check(service: Service, kept: Acknowledged) -> None:
    """Everything that was acknowledged is there, in its place."""
    async with await Client.connect(service, service.token("reader", "read:*", clearance="secret")) as client:
        answer = await client.subscribe("dossier:country:SA", since={"offset": 0})
        assert answer["recovered"] is True
        found: dict[str, int] = {}
        for _ in range(answer["position"]["offset"]):
            event = await client.receive("dossier_update")
            found[event["payload"]["entity_id"]] = event["offset"]
        assert {entity: found.get(entity) for entity in kept.events} == kept.events
        for channel, words in kept.edits.items():
            content = (await client.subscribe(channel))["document"]["content"]
            assert [word for word in words if word not in content] == []
    said = await asyncio.to_thread(lambda: [str(e.header.detail) for e in service.journal() if e.header.kind == "act"])
    together = "\n".join(said)
    assert [token for token in kept.acts if token not in together] == []


@pytest.mark.skipif(not usable(), reason="needs the right to mount a file system (root, and /dev/fuse)")
def test_p01_no_acknowledged_change_is_lost_in_a_power_cut(tmp_path: Path, report: Report, sized: Sized) -> None:
    cuts, share = sized(3, 20), sized(150, 600)
    with LossyDisk(tmp_path / "disk") as disk, Service(disk.folder, SETTINGS) as service:
        kept, lost = asyncio.run(_scene(service, disk, cuts, share))
        service.stop()
        kinds = [entry.header.kind for entry in service.journal()]  # written to its end now
        assert "restored" not in kinds  # a power cut begins no new epochs
        (verified,) = store.verify_folder(disk.folder / "journal").values()
        assert verified.ok, verified.fault
    writes, torn, names = (sum(column) for column in zip(*lost, strict=True))
    assert writes + torn + names > 0  # else the disk showed nothing
    report(
        f"{cuts} cuts took {writes} unsynced writes, tore {torn} and forgot {names} names: 0 lost of "
        f"{len(kept.events)} acked events, {sum(map(len, kept.edits.values()))} edits and {len(kept.acts)} acts; "
        "journal intact"
    )


async def _scene(service: Service, disk: LossyDisk, cuts: int, share: int) -> tuple[Acknowledged, list[Lost]]:
    kept, numbers, lost = Acknowledged(), count(), list[Lost]()
    for seed in range(cuts):
        names = [(publish, f"p{n}") for n in range(WRITERS)] + [(edit, f"d{n}") for n in range(2)] + [(act, "a")]
        tasks = [asyncio.create_task(work(service, kept, name, numbers)) for work, name in names]
        aim = kept.total() + share
        known = len(kept.events), len(kept.acts), len(kept.edits)

        def enough(aim: int = aim, known: tuple[int, int, int] = known) -> bool:
            failed = [task for task in tasks if task.done()]  # noqa: B023  asked before the next round
            assert not failed, failed[0].exception()
            return kept.total() >= aim and len(kept.events) > known[0] and len(kept.acts) > known[1]

        await eventually_async(enough, poll=0.005)
        lost.append(await asyncio.to_thread(disk.cut, seed))
        await asyncio.to_thread(service.kill)
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task
        await asyncio.to_thread(disk.power_on)
        await asyncio.to_thread(service.start)
        await check(service, kept)
    return kept, lost

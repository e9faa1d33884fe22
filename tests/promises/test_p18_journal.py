"""P18: one journal entry for each accepted change, however often the service is killed. (Tampering: tests/journal.)"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from dossier_realtime.recording.entry import Entry
from tests.harness.service import Service
from tests.harness.wire import Client, Message
from tests.promises.conftest import Report, Sized

ROOMY = {f"limits.{name}": 1_000_000 for name in ("general", "edit", "cursor", "ping", "read")}
LISTENED, UNHEARD, DOCUMENT = "dossier:country:SA", "workspace:quiet", "document:strategy"
ROUNDS = 4
_REFUSED: list[Message] = [
    {"type": "subscribe", "channel": "dossier:secret:X"},
    {"type": "channel_settings", "channel": "global", "payload": {"frozen": True}},
]


def _changes(number: int, version: int) -> list[Message]:
    task = {"task_id": f"t{number}", "previous_status": "pending", "new_status": "in_progress"}
    dossier = {"entity_type": "country", "entity_id": "SA", "operation": "update", "fields_changed": ["gdp"]}
    edit = {"operation_type": "insert", "position": 0, "version": version, "content": "ab", "op_id": f"o{number}"}
    settings = {"classification": ("internal", "public")[number % 2]}
    return [
        {"type": "dossier_update", "channel": LISTENED, "payload": dossier, "idempotency_key": f"k{number}"},
        {"type": "task_update", "channel": UNHEARD, "payload": task},
        {"type": "edit_operation", "channel": DOCUMENT, "payload": edit},
        {"type": "channel_settings", "channel": "relationship:r1", "payload": settings},
    ]


async def _act(service: Service, writer: int, actions: int, acked: list[int]) -> None:
    """Mixed actions, one after the other, until they are done or the service is dead."""
    rng = random.Random(writer)  # noqa: S311  a scene, no secret
    rights = ("write:dossier:country:*", "write:workspace:*", "write:document:*", "admin:relationship:*")
    client = await Client.connect(service, service.token(f"u{writer}", *rights))
    try:
        with suppress(AssertionError, ConnectionError):
            version = (await client.subscribe(DOCUMENT))["document"]["version"]
            await client.subscribe(LISTENED)
            for number in range(actions):
                if rng.random() < 0.15:
                    await client.send(rng.choice(_REFUSED))
                else:
                    answer = await client.ask(rng.choice(_changes(writer * 1_000_000 + number, version)))
                    acked.append(answer["type"] in ("ack", "operation_ack"))
    finally:
        await client.drop()


async def _round(service: Service, number: int, actions: int, *, kill: bool) -> int:
    acked: list[int] = []
    writers = [asyncio.create_task(_act(service, number * 10 + n, actions // 4, acked)) for n in range(4)]
    if kill:
        while len(acked) < actions * 2 // 3:  # noqa: ASYNC110  a bound, not an event
            await asyncio.sleep(0)
        service.kill()
    await asyncio.gather(*writers)
    return sum(acked)


def _stored(data: Path) -> dict[int, tuple[str, int]]:
    (file,) = data.glob("*.db")
    with closing(sqlite3.connect(file)) as db:
        rows = db.execute("SELECT number, channel, offset FROM events JOIN streams ON streams.id = stream")
        return {number: (channel, offset) for number, channel, offset in rows}


def test_accepted_changes_and_entries_correspond_one_to_one(tmp_path: Path, report: Report, sized: Sized) -> None:
    service = Service(tmp_path / "data", ROOMY)
    actions, acked = sized(400, 10_000) // ROUNDS * 3 // 2, 0
    for number in range(ROUNDS):
        service.start()
        acked += asyncio.run(_round(service, number, actions, kill=number < ROUNDS - 1))
    service.restart()
    service.stop()
    service.assert_log_clean()

    entries = service.journal()
    kept: list[Entry] = [entry for entry in entries if entry.header.commit]
    assert {entry.header.kind for entry in kept} <= {"fanout", "recovered"}
    journal = {entry.header.commit: (entry.header.channel, entry.header.offset) for entry in kept}
    assert len(kept) == len(journal), "a change stands in the journal twice"
    stored: dict[int, Any] = _stored(service.data)
    assert journal == stored
    assert len(stored) >= acked > actions
    kinds = [entry.header.kind for entry in entries]
    assert kinds.count("start") == ROUNDS + 1
    assert kinds.count("refused") > 0
    report(
        f"{len(stored)} changes ({acked} acknowledged), {ROUNDS - 1} kills, "
        f"{kinds.count('recovered')} recovered: one to one"
    )

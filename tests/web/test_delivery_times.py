"""What the node says of its deliveries: from the acceptance of an event to the kernel, of the last minute."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx

from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service
from tests.harness.wire import Client

CHANNEL = "dossier:country:SA"
READERS = 5
UPDATE = {
    "type": "dossier_update",
    "channel": CHANNEL,
    "payload": {"entity_type": "country", "entity_id": "SA", "operation": "update", "fields_changed": ["summary_en"]},
}


async def _report(operator: Client, *, deliveries: int) -> dict[str, Any]:
    """Wait for the node's report of so many deliveries in the last minute; reports of fewer are none of it."""
    while True:
        report = await operator.receive("ops_stats")
        values: dict[str, Any] = report["payload"]["values"]
        if values["deliveries_minute"] >= deliveries:
            return values


def test_the_last_minute_is_measured_from_the_acceptance_to_the_socket(tmp_path: Path) -> None:
    async def scene() -> None:
        operator = await Client.connect(service, tokens.operator())
        await operator.subscribe("ops:nodes")
        quiet = await _report(operator, deliveries=0)
        assert quiet["deliveries_minute"] == 0
        assert not [name for name in quiet if name.startswith("delivery_")]
        readers = [
            await Client.connect(service, service.token(f"u-{n}", "write:dossier:*", "write:document:*"))
            for n in range(READERS)
        ]
        for reader in readers:
            await reader.subscribe(CHANNEL)
        for number in range(3):
            await readers[0].send(UPDATE | {"ref": f"r-{number}"})
        for reader in readers:
            for _ in range(3):
                await reader.receive("dossier_update")
        busy = await _report(operator, deliveries=3 * READERS)
        assert busy["deliveries_minute"] == 3 * READERS
        assert 0 < busy["delivery_p50_ms"] <= busy["delivery_p95_ms"] <= busy["delivery_max_ms"]
        measured = await asyncio.to_thread(service.metrics)
        assert measured["dossier_delivery_seconds_count"] == 3 * READERS
        await readers[1].subscribe("document:d-1")
        await readers[0].subscribe("document:d-1")
        edit = {"operation_type": "insert", "position": 0, "content": "x", "version": 0}
        await readers[0].send({"type": "edit_operation", "channel": "document:d-1", "payload": edit})
        await readers[1].receive("remote_operation")
        headers = {"Authorization": f"Bearer {service.token('p', 'write:dossier:*')}"}
        async with httpx.AsyncClient(base_url=service.http, headers=headers, timeout=HANG_SECONDS) as http:
            assert (await http.post("/v1/publish", json={"events": [UPDATE]})).status_code == 200
        edited = await _report(operator, deliveries=4 * READERS + 1)  # who edits is answered, and is sent no copy
        assert edited["deliveries_minute"] == 4 * READERS + 1
        for client in (operator, *readers):
            await client.close()

    with Service(tmp_path / "s") as service:
        asyncio.run(scene())
        service.stop()
        service.assert_log_clean()

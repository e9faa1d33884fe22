"""The durability of an acknowledged change, as it is told to clients, probes and Prometheus."""

from __future__ import annotations

import json
from pathlib import Path

from tests.harness.coroutine_tests import asynchronous
from tests.harness.service import Service
from tests.harness.wire import Client


@asynchronous
async def test_the_durability_is_told_at_the_login_in_readiness_and_in_metrics(tmp_path: Path) -> None:
    with Service(tmp_path / "data") as service:
        client = await Client.connect(service, service.token("u-1", "read:global"))
        assert client.login["durability"] == "fsync"
        assert json.loads(service.get("/readyz")[1])["durability"] == "fsync"
        metrics = service.metrics()
        told = {word: metrics[f'dossier_durability{{class="{word}"}}'] for word in ("memory", "fsync", "replicated")}
        assert told == {"memory": 0, "fsync": 1, "replicated": 0}
        await client.close()

"""The journal of a node holds each of its commits once, also where its answer came late or never."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from pathlib import Path

from tests.engine.events import event
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import HANG_SECONDS, eventually_async
from tests.harness.redis_server import RedisServer
from tests.harness.service import Service
from tests.harness.wire import Client
from tests.redis.cutting_proxy import CuttingProxy, cutting_proxy
from tests.redis.nodes import opened_node

CHANNEL, OTHER = "dossier:country:sa", "dossier:country:eg"
MARKER = "late_answer"
UPDATE = {"entity_type": "country", "entity_id": "sa", "operation": "update", "fields_changed": [MARKER]}


def served(folder: Path, proxy: CuttingProxy, prefix: str) -> Service:
    engine = f"redis://127.0.0.1:{proxy.port}/0"
    return Service(folder / "data", {"storage.engine": engine, "storage.redis_prefix": prefix})


async def publish_and_hold(service: Service, proxy: CuttingProxy) -> Client:
    """Let a client publish; return when the server has committed it and the service does not know yet."""
    author = await Client.connect(service, service.token("u-1", "write:dossier:*"))
    proxy.hold_answer_to = MARKER.encode()
    await author.send({"type": "dossier_update", "channel": CHANNEL, "payload": UPDATE})
    async with asyncio.timeout(HANG_SECONDS):
        await proxy.held.wait()
    return author


def events(service: Service) -> Counter[tuple[str, int]]:
    """Return how often the journal tells of each event, by its channel and offset."""
    headers = [entry.header for entry in service.journal()]
    return Counter((one.channel, one.offset) for one in headers if one.commit)


@asynchronous
async def test_an_event_that_a_subscriber_joined_behind_is_in_the_journal(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    async with cutting_proxy(redis_server.port) as proxy:
        service = served(tmp_path, proxy, tmp_path.name)
        await asyncio.to_thread(service.start)
        try:
            author = await publish_and_hold(service, proxy)
            reader = await Client.connect(service, service.token("u-2", "read:dossier:*"))
            joined = await reader.subscribe(CHANNEL)
            assert joined["position"]["offset"] == 1
            proxy.go_on.set()
            await eventually_async(lambda: events(service) == {(CHANNEL, 1): 1})
            (entry,) = (entry for entry in service.journal() if entry.header.commit)
            assert entry.header.cause, "the journal does not say what caused it"
            assert [one for one in await reader.settle() if one["type"] == "dossier_update"] == []
            await author.close()
            await reader.close()
        finally:
            await asyncio.to_thread(service.stop)
        service.assert_log_clean()


@asynchronous
async def test_what_a_crash_took_is_completed_also_where_others_committed_behind_it(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    async with (
        cutting_proxy(redis_server.port) as proxy,
        opened_node(redis_server.url, tmp_path.name, "another") as other,
    ):
        service = served(tmp_path, proxy, tmp_path.name)
        await asyncio.to_thread(service.start)
        try:
            reader = await Client.connect(service, service.token("u-2", "read:dossier:*"))
            await reader.subscribe(OTHER)
            author = await publish_and_hold(service, proxy)
            await other.publish(event(1, OTHER))
            await eventually_async(lambda: events(service)[OTHER, 1] == 1)
            service.signal(signal.SIGKILL)
            await asyncio.to_thread(service.wait)
            proxy.go_on.set()
            await author.drop()
            await reader.drop()
            wanted = {(OTHER, 1): 1, (CHANNEL, 1): 1}
            for _ in range(2):  # completed once, and not again
                await asyncio.to_thread(service.start)
                await eventually_async(lambda: events(service) == wanted)
                await asyncio.to_thread(service.kill)
        finally:
            await asyncio.to_thread(service.stop)

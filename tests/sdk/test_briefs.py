"""Briefs on request through the SDK: followed to their end, over reconnects, against the real service too."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dossier_realtime.client import BriefFailedError, BriefGeneration, DeniedError, DossierRealtimeClient
from dossier_realtime.client.testing import FakeServer
from dossier_realtime.protocol.events import BriefComplete, BriefProgress, BriefStarted
from tests.harness.service import Service
from tests.sdk.client_harness import play
from tests.sdk.test_actions import OWN, complete


def step(request: str, progress: int) -> dict[str, object]:
    payload = {"stage": "generating", "progress": progress, "message": {"en": "Writing", "ar": "جارٍ"}}
    return {"type": "brief_generation_progress", "channel": OWN, "request_id": request, "payload": payload}


def failed(request: str) -> dict[str, object]:
    payload = {"error": {"en": "No model", "ar": "لا نموذج"}, "fallback_available": True}
    return {"type": "brief_generation_failed", "channel": OWN, "request_id": request, "payload": payload}


def test_a_brief_is_followed_over_a_reconnect_each_event_once() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        brief = await client.request_brief("meeting", "SA", entity_type="country", language="ar")
        server.publish(step("another", 5))
        server.publish(step(brief.request_id, 10))
        seen = [await anext(aiter(brief)), await anext(aiter(brief))]
        server.drop()
        server.publish(step(brief.request_id, 60))
        server.publish(complete(brief.request_id))
        seen += [event async for event in brief]
        assert [type(event) for event in seen] == [BriefStarted, BriefProgress, BriefProgress, BriefComplete]
        assert (await brief.result()).confidence_score == 0.9

    play(scene)


def test_a_brief_that_fails_says_so_with_its_fallback() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        brief = await client.request_brief("meeting", "SA")
        server.publish(failed(brief.request_id))
        with pytest.raises(BriefFailedError, match="No model") as caught:
            await brief.result()
        assert caught.value.fallback_available
        other = await client.request_brief("meeting", "AE")
        assert await other.cancel() == "cancelled"
        with pytest.raises(BriefFailedError, match="Cancelled"):
            await other.result()

    play(scene)


def test_the_service_writes_a_brief_for_the_sdk(tmp_path: Path) -> None:
    with Service(tmp_path / "data") as service:

        async def scenario() -> None:
            token = service.token("ali", "read:dossier:country:*")
            async with DossierRealtimeClient(token, service.url) as client:
                first, second = await asyncio.gather(*(_ask(client, entity) for entity in ("SA", "AE")))
                done = await asyncio.gather(first.result(), second.result())
                assert [one.brief_id for one in done] == [first.request_id, second.request_id]
                with pytest.raises(DeniedError):
                    await client.request_brief("meeting", "SA", entity_type="city")
                with pytest.raises(DeniedError, match="generator"):
                    await client.request_brief("country", "SA", generator="oracle")
                with pytest.raises(ValueError, match="language"):
                    await client.request_brief("country", "SA", language="fr")  # type: ignore[arg-type]  # the point

        asyncio.run(scenario())


async def _ask(client: DossierRealtimeClient, entity: str) -> BriefGeneration:
    return await client.request_brief("meeting", entity, entity_type="country")

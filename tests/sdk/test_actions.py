"""Acknowledging alerts and cancelling briefs: awaited like a send, and sent again until it is answered."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from dossier_realtime.client import DeniedError, DossierRealtimeClient, ErrorCode, TimedOut
from dossier_realtime.client.testing import FakeServer
from dossier_realtime.protocol.commands import AcknowledgeAlert, CancelBrief
from dossier_realtime.protocol.events import AlertState, AlertStatePayload, BriefFailed
from dossier_realtime.protocol.responses import Ack
from tests.harness.service import Service
from tests.sdk.client_harness import Inbox, play

OWN = "user:tester"


def alert(commitment: str = "c1", level: int = 1, channel: str = OWN) -> dict[str, Any]:
    payload = {
        "commitment_id": commitment,
        "mou_id": "m1",
        "title": "Report due",
        "days_until_deadline": 7,
        "responsible_department": "Agreements",
        "alert_level": level,
    }
    return {"type": "commitment_alert", "channel": channel, "priority": "high", "payload": payload}


def started(request: str = "r1", channel: str = OWN) -> dict[str, Any]:
    payload = {"type": "meeting", "entity_id": "SA", "estimated_time": 9000}
    return {"type": "brief_generation_started", "channel": channel, "request_id": request, "payload": payload}


def complete(request: str = "r1") -> dict[str, Any]:
    payload = {"brief_id": "b1", "generation_time": 9000, "confidence_score": 0.9}
    return {"type": "brief_generation_complete", "channel": OWN, "request_id": request, "payload": payload}


def test_an_acknowledgement_tells_who_has_it_in_hand() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        told = Inbox()
        client.on_event(told)
        server.publish(alert(level=2))
        assert await client.acknowledge("c1") == "tester"
        state = (await told.first(AlertState)).payload
        assert (state.state, state.acknowledged_by, state.alert_level) == ("acknowledged", "tester", 2)
        assert await client.acknowledge("c1") == "tester"
        assert told.empty(), "the answer is no event"
        first = AlertStatePayload(commitment_id="c2", state="acknowledged", acknowledged_by="sara", alert_level=1)
        server.replies[AcknowledgeAlert] = lambda said: [AlertState(payload=first, ref=said.ref)]
        assert await client.acknowledge("c2") == "sara"

    play(scene)


def test_a_cancel_tells_how_the_brief_ended() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        told = Inbox()
        client.on_event(told)
        for event in (started(), started("r2"), complete("r2")):
            server.publish(event)
        assert [await client.cancel_brief(request) for request in ("r1", "r1", "r2")] == [
            "cancelled",
            "cancelled",
            "complete",
        ]
        assert (await told.first(BriefFailed)).request_id == "r1"

    play(scene)


def test_what_did_not_come_to_the_user_is_refused() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        for asked in (client.acknowledge("c9"), client.cancel_brief("r9")):
            with pytest.raises(DeniedError) as refused:
                await asked
            assert refused.value.error_code is ErrorCode.PERMISSION_DENIED

    play(scene)


@pytest.mark.parametrize("bad", ["", "a b", "x" * 65, "ø"])
def test_a_bad_id_is_refused_before_it_is_sent(bad: str) -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        for asked in (client.acknowledge(bad), client.cancel_brief(bad)):
            with pytest.raises(ValueError, match="id"):
                await asked
        assert [*server.said(AcknowledgeAlert), *server.said(CancelBrief)] == []

    play(scene)


def test_it_is_asked_again_after_a_lost_answer() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        server.publish(alert())
        server.go_silent()
        asking = asyncio.create_task(client.acknowledge("c1"))
        await server.seen(AcknowledgeAlert)
        server.go_silent(silent=False)
        server.drop()
        assert await asking == "tester"
        assert len(server.said(AcknowledgeAlert)) == 2
        assert len([event for event in server.history[OWN] if isinstance(event, AlertState)]) == 1

    play(scene)


def test_what_nobody_answers_times_out_and_may_be_asked_again() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        server.replies[CancelBrief] = lambda said: []
        with pytest.raises(TimedOut, match="send again to be sure"):
            await client.cancel_brief("r1")
        server.replies[CancelBrief] = lambda said: [Ack(ref=said.ref, ended="failed")]
        assert await client.cancel_brief("r1") == "failed"

    play(scene, send_timeout=2)  # seconds, of which the second question needs few


def test_against_the_real_service(tmp_path: Path) -> None:
    with Service(tmp_path / "data") as service:
        asyncio.run(_against(service))
        service.assert_log_clean()


async def _against(service: Service) -> None:
    program = DossierRealtimeClient(service.token("program", "write:user:*"), service.url)
    ali = DossierRealtimeClient(service.token("ali"), service.url)
    sara = DossierRealtimeClient(service.token("sara"), service.url)
    async with program, ali, sara:
        for channel in ("user:ali", "user:sara"):
            await program.send(channel, alert("c-sdk", channel=channel))
        await program.send("user:ali", started("r-sdk", "user:ali"))
        assert await ali.acknowledge("c-sdk") == "ali"
        assert await sara.acknowledge("c-sdk") == "ali"
        with pytest.raises(DeniedError, match="No alert of this commitment came to you"):
            await program.acknowledge("c-sdk")
        with pytest.raises(DeniedError, match="only its owner"):
            await sara.cancel_brief("r-sdk")
        assert [await ali.cancel_brief("r-sdk") for _ in range(2)] == ["cancelled", "cancelled"]
        with pytest.raises(DeniedError, match="was cancelled"):
            await program.send("user:ali", started("r-sdk", "user:ali"))

"""A recording judged again: the same code decides the same, and each other decision is told."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx

from app.core.ratelimit import Limits, RateLimiter
from app.core.reevaluate import Difference, Reevaluation
from app.core.sessions.deadlines import SessionLimits
from dossier_realtime.archive import open_journal
from dossier_realtime.protocol.classification import ChannelPolicy
from dossier_realtime.recording.recording import Recording
from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service
from tests.harness.wire import Client
from tests.recording.recorded_scenario import COUNTRY, SECRET, RecordedScenario

TABLE = [("dossier:secret:*", "secret"), ("global", "public")]


def again(
    recording: Recording, *, cursor: int = 4, table: list[tuple[str, str]] = TABLE
) -> tuple[list[Difference], Reevaluation]:
    limits = Limits(cursor=cursor)
    run = Reevaluation(ChannelPolicy(table), lambda: RateLimiter(limits, warning_ratio=0.5), SessionLimits())
    return [difference for entry in recording.entries() for difference in run.take(entry)], run


def test_the_same_code_and_settings_decide_the_same(recording: Recording) -> None:
    differences, run = again(recording)
    assert differences == []
    assert (run.judged, run.skipped) == (24, 4)  # the four logins cannot be judged


def test_another_limit_is_told(recording: Recording, played: RecordedScenario) -> None:
    differences, _ = again(recording, cursor=5)
    assert [(d.session, d.recorded, d.now) for d in differences] == [(played.sessions["sara"], "rate.cursor", "")]
    assert "refused by rate.cursor, now accepted" in str(differences[0])


def test_another_classification_is_told(recording: Recording) -> None:
    differences, _ = again(recording, table=[(COUNTRY, "secret"), (SECRET, "internal")])
    assert {(d.recorded, d.now) for d in differences} == {("", "clearance"), ("", "not_subscribed"), ("clearance", "")}


def test_a_lifted_limit_is_lifted_again(tmp_path: Path) -> None:
    said = {"type": "unsubscribe", "channel": "global"}

    async def scene(service: Service) -> None:
        async with await Client.connect(service, service.token("ali")) as ali:
            for _ in range(3):
                await ali.ask(said)
            await asyncio.to_thread(lift, service)
            for _ in range(3):
                await ali.ask(said)

    def lift(service: Service) -> None:
        headers = {"Authorization": f"Bearer {tokens.operator()}", "Content-Type": "application/json"}
        url = f"{service.http}/v1/users/ali/limits/lift"
        answer = httpx.post(url, json={"seconds": 60}, headers=headers, timeout=HANG_SECONDS)
        assert answer.status_code == 200

    with Service(tmp_path / "data", {"limits.general": 2}) as service:
        asyncio.run(scene(service))
    found = open_journal(tmp_path / "data" / "journal")
    run = Reevaluation(ChannelPolicy(TABLE), lambda: RateLimiter(Limits(general=2)), SessionLimits())
    assert [difference for entry in found.entries() for difference in run.take(entry)] == []
    assert [entry.header.rule for entry in found.entries() if entry.header.kind == "refused"] == ["rate.general"]


def test_a_document_that_was_raised_is_no_longer_subscribed(tmp_path: Path) -> None:
    document = "document:d1"
    told = {"type": "presence_update", "channel": document, "payload": {"status": "busy"}}

    async def scene(service: Service) -> None:
        operator = service.token("operator", "admin:*", clearance="secret")
        async with (
            await Client.connect(service, service.token("ali", "write:document:*")) as ali,
            await Client.connect(service, operator) as owner,
        ):
            await ali.subscribe(document)
            assert (await ali.ask(told))["type"] == "ack"
            secret = {"type": "channel_settings", "channel": document, "payload": {"classification": "secret"}}
            assert (await owner.ask(secret))["type"] == "channel_settings"
            await ali.receive("unsubscribed")
            assert (await ali.ask(told))["type"] == "error"

    with Service(tmp_path / "data") as service:
        asyncio.run(scene(service))
    differences, run = again(open_journal(tmp_path / "data" / "journal", clearance="secret"))
    assert differences == []
    assert run.judged

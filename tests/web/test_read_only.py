"""Documents that are read-only for a time, over sockets and HTTP."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from tests.harness import tokens
from tests.harness.eventually import eventually
from tests.harness.service import Service
from tests.harness.wire import Client, Message
from tests.web.test_actions import call

DOC = "document:resting"
LONG = 3_600


def _edit(text: str, version: int) -> Message:
    payload = {"operation_type": "insert", "position": 0, "version": version, "content": text}
    return {"type": "edit_operation", "channel": DOC, "payload": payload}


def _settings(**payload: object) -> Message:
    return {"type": "channel_settings", "channel": DOC, "payload": payload}


def _admin() -> str:
    return tokens.token("admin", "admin:*", clearance="secret")


def test_everybody_is_told_at_the_beginning_and_at_the_end(tmp_path: Path) -> None:
    async def scene(service: Service) -> None:
        writer, admin = tokens.token("ali", "write:document:*"), _admin()
        async with await Client.connect(service, writer) as ali, await Client.connect(service, admin) as boss:
            await ali.subscribe(DOC)
            until = int(time.time()) + LONG
            answer = await boss.ask(_settings(read_only_until=until))
            assert (answer["payload"]["frozen"], answer["payload"]["read_only_until"]) == (True, until)
            state = await ali.receive("document_state")
            assert state["payload"] == {"frozen": True, "read_only_until": until}
            assert (await ali.ask(_edit("x", 0)))["error_code"] == "PERMISSION_DENIED"
            async with await Client.connect(service, writer) as late:
                document = (await late.subscribe(DOC))["document"]
                assert (document["frozen"], document["read_only_until"]) == (True, until)
                told = await late.subscribe(DOC, since={"version": 0})
                assert told["recovered"] is True
                assert (await late.receive("document_state"))["payload"]["read_only_until"] == until
            soon = int(time.time()) + 1
            while (await boss.ask(_settings(read_only_until=soon)))["type"] == "error":
                soon = int(time.time()) + 2  # this machine was slow
            assert (await ali.receive("document_state"))["payload"] == {"frozen": True, "read_only_until": soon}
            assert (await ali.receive("document_state"))["payload"] == {"frozen": False}
            assert time.time() >= soon
            assert (await ali.ask(_edit("x", 0)))["type"] == "operation_ack"
            assert (await boss.ask(_settings()))["payload"].get("read_only_until") is None

    with Service(tmp_path / "data") as service:
        asyncio.run(scene(service))
        service.stop()
        service.assert_log_clean()


def test_it_holds_over_a_restart_and_ends_then(tmp_path: Path) -> None:
    async def until_open(service: Service) -> None:
        async with await Client.connect(service, tokens.token("ali", "write:document:*")) as ali:
            if (await ali.subscribe(DOC))["document"].get("frozen"):
                assert (await ali.receive("document_state"))["payload"] == {"frozen": False}
            assert (await ali.ask(_edit("x", 0)))["type"] == "operation_ack"

    with Service(tmp_path / "data") as service:
        until = int(time.time()) + LONG
        status, answer = call(service, _admin(), "PUT", f"/v1/channels/{DOC}", {"read_only_until": until})
        assert (status, answer["settings"]["read_only_until"]) == (200, until)
        service.restart()
        status, answer = call(service, _admin(), "GET", f"/v1/channels/{DOC}")
        assert (answer["settings"]["frozen"], answer["settings"]["read_only_until"]) == (True, until)

        def rests_for_a_moment() -> bool:
            soon = {"read_only_until": int(time.time()) + 2}
            status, answer = call(service, _admin(), "PUT", f"/v1/channels/{DOC}", soon)
            assert status in (200, 400), answer
            return status == 200  # else this machine was slow, and the time had come before the call

        eventually(rests_for_a_moment)
        service.restart()
        asyncio.run(until_open(service))
        service.stop()
        service.assert_log_clean()


def test_a_wrong_time_is_refused_and_changes_nothing(service: Service) -> None:
    async def scene() -> None:
        async with await Client.connect(service, _admin()) as boss:
            for wrong in (0, int(time.time()) - 1, int(time.time()) + 400 * 86_400, 1.5, "soon", -1):
                error = await boss.ask(_settings(read_only_until=wrong))
                assert error["error_code"] == "INVALID_MESSAGE_FORMAT", wrong
                assert "$.payload.read_only_until" in error["message"]
            until = int(time.time()) + LONG
            other = {"type": "channel_settings", "channel": "dossier:mou:m", "payload": {"read_only_until": until}}
            assert (await boss.ask(other))["error_code"] == "INVALID_MESSAGE_FORMAT"
            settings = (await boss.ask(_settings()))["payload"]
            assert settings["frozen"] is False
        async with await Client.connect(service, tokens.token("ali", "write:document:*")) as ali:
            refused = await ali.ask(_settings(read_only_until=until))
            assert refused["error_code"] == "PERMISSION_DENIED"

    asyncio.run(scene())
    status, answer = call(service, _admin(), "PUT", f"/v1/channels/{DOC}", {"read_only_until": 5})
    assert (status, answer["path"]) == (400, "$.read_only_until")

"""`DELETE /v1/documents/{id}`: who has it open is told, nothing of it is read again, and it may be begun anew."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from dossier_realtime.client import ConnectionClosed, DeniedError, DossierRealtimeClient
from tests.harness.eventually import HANG_SECONDS, eventually_async
from tests.harness.service import Service
from tests.web.test_documents import committed, edit, editors, fresh


@asynccontextmanager
async def caller(service: Service, *permissions: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {service.token('caller', *permissions)}"}
    async with httpx.AsyncClient(base_url=f"{service.http}/v1", headers=headers, timeout=HANG_SECONDS) as http:
        yield http


def _path(channel: str) -> str:
    return f"/documents/{channel.partition(':')[2]}"


def test_editors_are_told_and_the_document_begins_anew(service: Service) -> None:
    async def scene() -> None:
        channel = fresh()
        async with (
            caller(service, "admin:document:*", "write:document:*") as http,
            editors(service, channel, "ali") as (ali,),
        ):
            for number in range(3):
                await committed(ali, edit(channel, number, number, str(number)))
            before = (await http.get(_path(channel))).json()
            answer = await http.delete(_path(channel), headers={"If-Match": '"3"'})
            assert (answer.status_code, answer.json()) == (200, {"document": channel[9:], "version": 3})
            told = await ali.receive("error", channel=channel)
            assert (told["error_code"], "deleted" in told["message"]) == ("SUBSCRIPTION_FAILED", True)
            await ali.receive("unsubscribed", channel=channel)
            assert (await ali.ask(edit(channel, 3, 0, "x")))["error_code"] == "PERMISSION_DENIED"
            for path in (_path(channel), f"{_path(channel)}?version=2", f"{_path(channel)}/history"):
                gone = await http.get(path)
                assert (gone.status_code, gone.json()["error_code"]) == (404, "NOT_FOUND"), path
            assert (await http.delete(_path(channel))).status_code == 404
            async with caller(service, "read:document:*") as reader:  # as for a document that never was
                assert (await reader.get(_path(channel))).status_code == 403
            again = await ali.subscribe(channel, since={"version": 3, "epoch": before["epoch"]})
            assert again["recovered"] is False
            assert again["document"].pop("epoch") != before["epoch"]
            assert again["document"] == {"version": 0, "content": "", "format": []}
            assert (await ali.ask(edit(channel, 3, 0, "late")))["error_code"] == "VERSION_CONFLICT"
            assert await committed(ali, edit(channel, 0, 0, "new")) == 1
            now = (await http.get(_path(channel))).json()
            assert (now["version"], now["content"]) == (1, "new")
            assert (await http.get(f"{_path(channel)}?version=2")).status_code == 404

    asyncio.run(scene())


def test_it_needs_the_right_to_administer_and_the_version_that_was_read(service: Service) -> None:
    async def scene() -> None:
        channel = fresh()
        async with caller(service, "write:document:*") as writer, caller(service, "admin:document:*") as admin:
            assert (await writer.put(_path(channel), json={"content": "text"})).status_code == 200
            assert (await writer.delete(_path(channel))).status_code == 403
            refused = await admin.delete(_path(channel), headers={"If-Match": '"7"'})
            assert (refused.status_code, refused.json()["version"]) == (412, 1)
            assert (await writer.get(_path(channel))).json()["content"] == "text"
            assert (await admin.delete(_path("document:never-was"))).status_code == 404

    asyncio.run(scene())


def test_the_journal_keeps_the_text_and_the_act(service: Service) -> None:
    async def scene() -> None:
        channel = fresh()
        async with caller(service, "admin:document:*", "write:document:*") as http:
            await http.put(_path(channel), json={"content": "kept for good"})
            await http.delete(_path(channel), headers={"X-Reason": "a draft"})

        def found() -> list[Any]:
            entries = [entry for entry in service.journal() if entry.header.channel == channel]
            return [
                entry
                for entry in entries
                if entry.header.kind in ("act", "outcome") or b"kept for good" in (entry.frame or b"")
            ]

        await eventually_async(lambda: [one.header.kind for one in found()][-2:] == ["act", "outcome"], found)
        act, outcome = found()[-2:]
        assert (act.header.detail["verb"], act.header.detail["reason"]) == ("delete_document", "a draft")
        assert json.loads(str(act.header.detail["before"])) == {"version": 1, "units": 13}
        assert outcome.header.detail["outcome"] == "done"
        assert any(entry.frame is not None for entry in found()), "the operation that wrote the text"

    asyncio.run(scene())


def test_an_editor_of_the_sdk_ends_with_the_reason_and_keeps_its_text(service: Service) -> None:
    async def scene() -> None:
        channel = fresh()
        token = service.token("ali", "write:document:*")
        async with caller(service, "admin:document:*") as http, DossierRealtimeClient(token, service.url) as client:
            document = client.document(channel.partition(":")[2])
            await document.ready()
            document.insert(0, "unsaved elsewhere")
            await document.wait_synced(HANG_SECONDS)
            assert (await http.delete(_path(channel))).status_code == 200
            await eventually_async(lambda: document.closed, lambda: document.text)
            assert isinstance(document.subscription.error, DeniedError | ConnectionClosed)
            assert document.text == "unsaved elsewhere"
            again = client.document(channel.partition(":")[2])
            await again.ready()
            assert (again.version, again.text) == (0, "")

    asyncio.run(scene())

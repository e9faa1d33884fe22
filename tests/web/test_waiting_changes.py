"""A change that waits is made by nobody who lost the right meanwhile: edits in a document's queue, and acts.

Each test holds one call where it stands, takes the right away, and lets the call go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from app.lifecycle import Service
from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS
from tests.harness.in_process import Gate, running
from tests.harness.wire import Client, Message

DOCUMENT = "document:d1"
WRITER = ("write:document:*",)


class Scene(NamedTuple):
    service: Service
    operator: httpx.AsyncClient
    sami: Client
    nora: Client

    async def text(self) -> str:
        found = await self.operator.get("/documents/d1")
        return str(found.json()["content"]) if found.status_code == 200 else ""


Taking = Callable[[Scene], Awaitable[httpx.Response]]


async def _revoke_user(scene: Scene) -> httpx.Response:
    return await scene.operator.post("/tokens/revoke", json={"user": "nora"})


async def _revoke_token(scene: Scene) -> httpx.Response:
    return await scene.operator.post("/tokens/revoke", json={"jti": "nora-1"})


async def _raise_level(scene: Scene) -> httpx.Response:
    return await scene.operator.put(f"/channels/{DOCUMENT}", json={"classification": "secret"})


def _caller(service: Service, token: str) -> httpx.AsyncClient:
    address = f"http://127.0.0.1:{service.port}/v1"
    return httpx.AsyncClient(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=HANG_SECONDS)


@asynccontextmanager
async def _staged(data: Path) -> AsyncIterator[Scene]:
    """Sami, who may write everything, and Nora, up to internal."""
    operator = tokens.token("operator", "admin:*", clearance="secret")
    async with running(data) as service, _caller(service, operator) as calls:
        sami = await Client.connect(service, tokens.token("sami", *WRITER, clearance="secret"))
        nora = await Client.connect(service, tokens.token("nora", *WRITER, "admin:dossier:*", jti="nora-1"))
        for client in (sami, nora):
            await client.subscribe(DOCUMENT)
        yield Scene(service, calls, sami, nora)
        await sami.close()
        await nora.close()


def _insert(text: str, op_id: str | None = None) -> Message:
    payload = {"operation_type": "insert", "position": 0, "content": text, "version": 0}
    return {"type": "edit_operation", "channel": DOCUMENT, "payload": payload | ({"op_id": op_id} if op_id else {})}


async def _reached(gate: Gate) -> None:
    await gate.wait_reached()


@pytest.mark.parametrize("take", [_revoke_user, _revoke_token, _raise_level])
def test_an_edit_behind_anothers_is_not_committed_once_its_author_lost_the_right(tmp_path: Path, take: Taking) -> None:
    async def play() -> None:
        async with _staged(tmp_path / "data") as scene:
            gate = Gate(scene.service.engine.documents, "append")
            first = asyncio.create_task(scene.sami.ask(_insert("sami ")))
            await _reached(gate)
            await scene.nora.send(_insert("nora "))
            queue = scene.service._documents._queue(DOCUMENT)
            await _until(lambda: len(queue._waiting) == 1)
            assert (await take(scene)).status_code == 200
            gate.open()
            assert (await first)["type"] == "operation_ack"
            assert (await scene.sami.ask(_insert("again ")))["type"] == "operation_ack"
            assert "nora" not in await scene.text()
            if take is _raise_level:
                await scene.nora.settle()
                assert "PERMISSION_DENIED" in [message.get("error_code") for message in scene.nora.messages]
            else:
                await scene.nora.expect_close(4501)
                assert "operation_ack" not in [message["type"] for message in scene.nora.messages]

    asyncio.run(asyncio.wait_for(play(), 2 * HANG_SECONDS))


@pytest.mark.parametrize("take", [_revoke_user, _raise_level])
@pytest.mark.parametrize("after", [False, True], ids=["before it is decided", "behind that"])
def test_an_edit_that_is_being_decided_beside_others_falls_out_and_they_do_not(
    tmp_path: Path, take: Taking, after: bool
) -> None:
    """In one batch with others' edits: these are committed and answered, in their order."""

    async def play() -> None:
        async with _staged(tmp_path / "data") as scene:
            first = Gate(scene.service.engine.documents, "append")
            opening = asyncio.create_task(scene.sami.ask(_insert("0 ")))
            await _reached(first)
            asked = [asyncio.create_task(scene.sami.ask(_insert(f"{n} ", f"s-{n}"))) for n in (1, 2)]
            await scene.nora.send(_insert("nora ", "n-1"))
            queue = scene.service._documents._queue(DOCUMENT)
            await _until(lambda: len(queue._waiting) == 3)
            queue._begin_at_once = lambda: False  # type: ignore[method-assign]  # by a task, which can be held
            second = Gate(queue, "_decide_all", after=after)
            first.open()
            await _reached(second)
            assert (await take(scene)).status_code == 200
            second.open()
            assert (await opening)["payload"]["version"] == 1
            assert [(await one)["payload"]["version"] for one in asked] == [2, 3]
            assert "nora" not in await scene.text()
            assert sorted((await scene.text()).split()) == ["0", "1", "2"]

    asyncio.run(asyncio.wait_for(play(), 2 * HANG_SECONDS))


def test_a_whole_text_that_waits_is_not_taken_from_who_was_revoked(tmp_path: Path) -> None:
    async def play() -> None:
        async with _staged(tmp_path / "data") as scene:
            token = tokens.token("nora", *WRITER, jti="nora-1")
            gate = Gate(scene.service.engine.documents, "append")
            first = asyncio.create_task(scene.sami.ask(_insert("sami ")))
            await _reached(gate)
            async with _caller(scene.service, token) as nora:
                put = asyncio.create_task(
                    nora.put("/documents/d1", json={"content": "mine"}, headers={"If-Match": '"0"'})
                )
                queue = scene.service._documents._queue(DOCUMENT)
                await _until(lambda: len(queue._waiting) == 1)
                assert (await _revoke_user(scene)).status_code == 200
                gate.open()
                assert (await put).status_code == 401
            assert (await first)["type"] == "operation_ack"
            assert await scene.text() == "sami "

    asyncio.run(asyncio.wait_for(play(), 2 * HANG_SECONDS))


@pytest.mark.parametrize("take", [_revoke_user, _revoke_token, _raise_level])
@pytest.mark.parametrize("content", ["mine", "sami "], ids=["another text", "the text as it is"])
def test_a_whole_text_whose_comparison_lasts_is_not_taken_from_who_lost_the_right(
    tmp_path: Path, take: Taking, content: str
) -> None:
    """It may last for seconds. Nor is who lost the right told that it was the text already."""

    async def play() -> None:
        async with _staged(tmp_path / "data") as scene:
            assert (await scene.sami.ask(_insert("sami ")))["type"] == "operation_ack"
            token = tokens.token("nora", *WRITER, jti="nora-1")
            gate = Gate(scene.service._documents.differences, "between", after=True)
            async with _caller(scene.service, token) as nora:
                headers = {"If-Match": '"1"'}
                put = asyncio.create_task(nora.put("/documents/d1", json={"content": content}, headers=headers))
                await _reached(gate)
                assert (await take(scene)).status_code == 200
                gate.open()
                assert (await put).status_code == (403 if take is _raise_level else 401)
            assert await scene.text() == "sami "

    asyncio.run(asyncio.wait_for(play(), 2 * HANG_SECONDS))


def test_settings_are_not_changed_by_who_was_revoked_while_that_was_recorded(tmp_path: Path) -> None:
    async def play() -> None:
        async with _staged(tmp_path / "data") as scene:
            channel = "dossier:country:SA"
            gate = Gate(scene.service.node.services.acts, "begin", after=True)
            change = {"type": "channel_settings", "channel": channel, "payload": {"presence": False}}
            await scene.nora.send(change)
            await _reached(gate)
            calls = asyncio.create_task(_revoke_user(scene))  # its own act waits at the same gate
            await _until(lambda: gate.calls == 2)
            await scene.service.engine.revocations.revoke(token_id="nora-1", user_id=None, at=0)
            gate.open()
            assert (await calls).status_code == 200
            await scene.nora.expect_close(4501)
            await scene.service.node.background.settle(HANG_SECONDS)
            assert scene.service.node.policy.settings(channel).presence

    asyncio.run(asyncio.wait_for(play(), 2 * HANG_SECONDS))


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(HANG_SECONDS):
        while not holds():  # noqa: ASYNC110  what is waited for tells nobody
            await asyncio.sleep(0.02)

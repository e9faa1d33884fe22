"""An edit and a `DELETE` of its document at once: what was acknowledged is not lost, and nothing is merged wrongly.

Each test holds one of the two where it stands in the engine, and lets the other one go first.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from app.engine.ports.errors import Unavailable
from app.lifecycle import Service
from tests.harness import tokens
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import HANG_SECONDS
from tests.harness.in_process import Gate, running
from tests.harness.redis_server import RedisServer
from tests.harness.wire import Client

T = TypeVar("T")
DOCUMENT, PATH = "document:d1", "/documents/d1"


class Node:
    """A service, a writer who has the document open there, and calls over HTTP."""

    def __init__(self, service: Service, writer: Client, http: httpx.AsyncClient) -> None:
        self.service, self.writer, self.http = service, writer, http

    async def document(self) -> tuple[int, str]:
        answer = await self.http.get(PATH)
        return (0, "") if answer.status_code == 404 else (answer.json()["version"], answer.json()["content"])

    async def edit(self, version: int, text: str) -> str:
        """Send an insert; return what it is answered with: a version, or the code of its refusal."""
        payload = {"operation_type": "insert", "position": 0, "version": version, "content": text}
        command = {"type": "edit_operation", "channel": DOCUMENT, "payload": payload | {"op_id": text.strip()}}
        answer = await self.writer.ask(command)
        return str(answer.get("error_code") or answer["payload"]["version"])


def _under_way(calls: AsyncExitStack, call: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Start a call, which ends with the test."""
    task = asyncio.create_task(call)
    calls.callback(task.cancel)
    return task


@asynccontextmanager
async def _staged(data: Path, *settings: dict[str, object]) -> AsyncIterator[list[Node]]:
    """Yield a node for each of the settings; all share a document of one version."""
    async with AsyncExitStack() as stack:
        nodes = []
        for number, asked in enumerate(settings):
            service = await stack.enter_async_context(running(data / f"node{number}", asked))
            token = tokens.token(f"writer{number}", "admin:document:*")
            headers = {"Authorization": f"Bearer {token}"}
            http = httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{service.port}/v1", headers=headers, timeout=HANG_SECONDS
            )
            writer = await stack.enter_async_context(await Client.connect(service, token))
            nodes.append(Node(service, writer, await stack.enter_async_context(http)))
        assert (await nodes[0].http.put(PATH, json={"content": "first"})).status_code == 200
        for node in nodes:
            await node.writer.subscribe(DOCUMENT)
        yield nodes


@asynchronous
async def test_a_deletion_behind_an_edit_that_was_acknowledged_is_refused(tmp_path: Path) -> None:
    async with _staged(tmp_path, {}) as (node,), AsyncExitStack() as calls:
        gate = Gate(node.service.engine.broker, "renew_epoch")
        deletion = _under_way(calls, node.http.delete(PATH))
        await gate.wait_reached()
        assert await node.edit(1, "acked ") == "2"
        gate.open()
        answer = await deletion
        assert (answer.status_code, answer.json()["version"]) == (412, 2)
        assert await node.document() == (2, "acked first")
        assert (await node.http.delete(PATH)).status_code == 200, "it may be tried again"


@pytest.mark.parametrize("is_first", [False, True], ids=["after the edit", "before the edit"])
@asynchronous
async def test_an_edit_behind_a_deletion_is_refused_and_goes_into_no_new_text(tmp_path: Path, is_first: bool) -> None:
    """`is_first`: the new text is compared while the edit is still on its way; it is then no part of the document."""
    async with _staged(tmp_path, {}) as (node,), AsyncExitStack() as calls:
        gate = Gate(node.service.engine.documents, "append")
        compared = Gate(node.service._documents.differences, "between")
        late = _under_way(calls, node.edit(1, "late "))
        await gate.wait_reached()
        assert (await node.http.delete(PATH)).status_code == 200
        if not is_first:
            gate.open()
            assert await late == "VERSION_CONFLICT"
        anew = _under_way(calls, node.http.put(PATH, json={"content": "second"}))
        await compared.wait_reached()
        assert (await node.service._documents.upcoming(DOCUMENT)).version == 0
        gate.open()
        compared.open()
        assert await late == "VERSION_CONFLICT"
        assert (await anew).status_code == 200
        assert await node.document() == (1, "second")


@asynchronous
async def test_a_text_for_the_last_version_is_taken_if_the_edit_on_its_way_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with _staged(tmp_path, {}) as (node,), AsyncExitStack() as calls:
        documents = node.service.engine.documents
        through, failures = documents.append, [Unavailable("the disk is full")]

        async def append(*arguments: Any) -> object:
            if failures:
                raise failures.pop()
            return await through(*arguments)

        monkeypatch.setattr(documents, "append", append)
        gate = Gate(documents, "append")
        compared = Gate(node.service._documents.differences, "between")
        late = _under_way(calls, node.edit(1, "late "))
        await gate.wait_reached()
        put = _under_way(calls, node.http.put(PATH, json={"content": "second"}, headers={"If-Match": '"1"'}))
        await compared.wait_reached()
        gate.open()
        assert await late == "SERVICE_UNAVAILABLE"
        compared.open()
        assert (await put).status_code == 200
        assert await node.document() == (2, "second")


@pytest.mark.long
@asynchronous
async def test_a_node_that_has_not_heard_of_the_deletion_merges_nothing_into_the_new_text(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    shared: dict[str, object] = {"storage.engine": redis_server.url, "storage.redis_prefix": tmp_path.name}
    settings = [shared | {"node.id": f"n{number}"} for number in range(2)]
    async with _staged(tmp_path, *settings) as (first, second), AsyncExitStack() as calls:
        held = Gate(first.service.engine.documents, "append")
        late = _under_way(calls, first.edit(1, "late "))
        await held.wait_reached()
        assert (await second.http.delete(PATH)).status_code == 200
        assert (await second.http.put(PATH, json={"content": "second"})).status_code == 200  # version 1, of another
        held.open()
        assert await late == "VERSION_CONFLICT"
        assert await second.document() == (1, "second")
        gate = Gate(second.service.engine.broker, "renew_epoch")
        deletion = _under_way(calls, second.http.delete(PATH))
        await gate.wait_reached()
        await first.writer.subscribe(DOCUMENT)
        assert await first.edit(1, "acked ") == "2"
        gate.open()
        assert (await deletion).status_code == 412
        assert await first.document() == await second.document() == (2, "acked second")

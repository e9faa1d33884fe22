"""Cursors that rest, over two nodes: who joins at one sees those of the other, and none outlives its connection."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from dossier_realtime.protocol.documents.cursor_colors import cursor_color
from tests.harness.eventually import eventually_async
from tests.harness.redis_server import RedisServer
from tests.harness.service import Service
from tests.harness.wire import Client, Message

DOC = "document:d1"


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[tuple[Service, Service]]:
    with RedisServer(tmp_path / "redis") as server:
        shared = {"storage.engine": server.url}
        first, second = (Service(tmp_path / name, {**shared, "node.id": name}) for name in ("n1", "n2"))
        with first, second:
            yield first, second


async def _editor(node: Service, name: str) -> tuple[Client, list[Message]]:
    """Return a client that has the document open, and the cursors that it was told with it."""
    client = await Client.connect(node, node.token(name, "write:document:*", name=name.title()))
    opened = await client.subscribe(DOC)
    return client, opened["document"].get("cursors", [])


async def _told(node: Service, name: str) -> list[Message]:
    """Return the cursors that somebody is told who opens the document now."""
    client, cursors = await _editor(node, name)
    await client.close()
    return cursors


async def _insert(client: Client, version: int, content: str) -> None:
    payload = {"operation_type": "insert", "position": 0, "content": content, "version": version}
    answer = await client.ask({"type": "edit_operation", "channel": DOC, "payload": payload})
    assert answer["type"] == "operation_ack", answer


async def _rest(client: Client, position: int, reader: Client) -> str:
    """Move a cursor, wait until another client was told, and return its name."""
    await client.send({"type": "cursor_position", "channel": DOC, "payload": {"position": position}})
    told = await reader.receive("cursor_position")
    assert told["payload"]["position"] == position
    return str(told["payload"]["cursor_id"])


def test_who_joins_at_another_node_sees_the_cursors_that_rest_there(nodes: tuple[Service, Service]) -> None:
    async def scene() -> None:
        first, second = nodes
        (ali, _), (dan, _) = await _editor(first, "ali"), await _editor(first, "dan")
        await _insert(ali, 0, "a text")
        name = await _rest(ali, 4, dan)
        bea, cursors = await _editor(second, "bea")  # nobody had it open there
        shown = {
            "user_id": "ali",
            "name": "Ali",
            "color": cursor_color("ali"),
            "cursor_id": name,
            "selection_length": 0,
        }
        assert cursors == [shown | {"position": 4, "version": 1}]
        for version in range(1, 5):
            await _insert(bea, version, "more ")
        assert await _told(second, "cem") == [shown | {"position": 24, "version": 5}]
        assert await _told(second, "ali") == [], "her own are none of others"
        await ali.close()
        assert (await bea.receive("cursor_gone"))["payload"] == {"user_id": "ali", "cursor_id": name}
        assert await _told(second, "cem") == []
        for client in (bea, dan):
            await client.close()

    asyncio.run(scene())
    for node in nodes:
        node.assert_log_clean()


def test_the_cursors_of_a_dead_node_go_though_their_user_is_elsewhere_too(nodes: tuple[Service, Service]) -> None:
    async def scene() -> None:
        first, second = nodes
        (ali, _), (dan, _) = await _editor(first, "ali"), await _editor(first, "dan")
        await _insert(ali, 0, "a text")
        name = await _rest(ali, 4, dan)
        (bea, _), (tab, _) = await _editor(second, "bea"), await _editor(second, "ali")
        other = await _rest(tab, 2, bea)
        assert {one["cursor_id"] for one in await _told(second, "cem")} == {name, other}
        await asyncio.to_thread(first.kill)
        gone = await bea.receive("cursor_gone")
        assert gone["payload"] == {"user_id": "ali", "cursor_id": name}

        async def is_gone() -> bool:
            return [one["cursor_id"] for one in await _told(second, "cem")] == [other]

        await eventually_async(is_gone)
        for client in (bea, tab, ali, dan):
            await client.close()

    asyncio.run(scene())
    nodes[1].assert_log_clean()

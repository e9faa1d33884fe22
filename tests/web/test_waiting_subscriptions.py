"""Subscriptions that wait behind long answers: each message is answered once, and what ended is delivered no more.

The client reads nothing, so that they wait as long as a test wants: four long answers are more than the kernels take.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from app.core.position import StreamPosition
from app.engine.ports.errors import Unavailable
from app.lifecycle import Service
from app.node.connections.connection import Connection
from tests.harness import tokens
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import HANG_SECONDS, eventually_async
from tests.harness.in_process import running
from tests.harness.wire import Client, Message

LONG = "وثيقة عن التعاون " * 60_000  # 1.9 MB
LONGS = ("long-1", "long-2", "long-3", "long-4")
SETTINGS: dict[str, object] = {"limits.bytes_mib": 64, "outbox.stall_timeout": 300}
ABSENT, SHORT = "document:absent", "document:short"
FAILED, BUSY = "SUBSCRIPTION_FAILED", "SERVICE_UNAVAILABLE"


class Scene(NamedTuple):
    """Nora may write documents; an operator calls over HTTP."""

    service: Service
    nora: Client
    connection: Connection
    operator: httpx.AsyncClient

    async def behind_long_answers(self, *messages: Message) -> None:
        """Let Nora read nothing, and send messages behind subscriptions with long answers."""
        self.nora.pause()
        await self.nora.send(*(_subscribe(f"document:{name}") for name in LONGS), *messages)
        last = messages[-1]["channel"]
        await eventually_async(lambda: last in self.connection.session.subscriptions.settled)

    async def renew(self, permission: str) -> None:
        """Renew Nora's token with less rights."""
        await self.nora.send({"type": "auth", "payload": {"token": tokens.token("nora", permission)}, "ref": "renewed"})

        def is_in_force() -> bool:
            identity = self.connection.session.identity
            return identity is not None and permission in identity.permissions

        await eventually_async(is_in_force)

    async def become_a_reader(self) -> None:
        """Take from Nora what she may write."""
        await self.renew("read:document:*")

    async def told(self, *refs: str) -> dict[str, list[str]]:
        """Let Nora read again; return all answers by their ref: the type, or the code of the error."""
        self.nora.resume()
        for name in LONGS:
            await self.nora.receive("subscribed", channel=f"document:{name}")
        order = self.service.node._subscriptions._order
        await eventually_async(lambda: not order.count(self.connection.connection_id))
        await self.nora.settle()
        return {
            ref: [str(one.get("error_code", one["type"])) for one in self.nora.messages if one.get("ref") == ref]
            for ref in refs
        }


@asynccontextmanager
async def _staged(data: Path) -> AsyncIterator[Scene]:
    operator = tokens.token("operator", "admin:*", clearance="secret")
    async with running(data, SETTINGS) as service:
        address, headers = f"http://127.0.0.1:{service.port}/v1", {"Authorization": f"Bearer {operator}"}
        async with httpx.AsyncClient(base_url=address, headers=headers, timeout=HANG_SECONDS) as http:
            for name, content in (*((name, LONG) for name in LONGS), ("short", "short")):
                assert (await http.put(f"/documents/{name}", json={"content": content})).status_code == 200
            writer = tokens.token("nora", "write:document:*")
            async with await Client.connect(service, writer, receive_buffer=1 << 14) as nora:
                (connection,) = service.node.registry.by_session.values()
                yield Scene(service, nora, connection, http)


def _subscribe(channel: str, ref: str | None = None) -> Message:
    return {"type": "subscribe", "channel": channel} | ({} if ref is None else {"ref": ref})


def _unsubscribe(channel: str, ref: str) -> Message:
    return {"type": "unsubscribe", "channel": channel, "ref": ref}


def _fail_once(part: Any, method: str, channel: str) -> list[str]:
    """Let the next call of an engine's method for a channel fail; return a list that is empty once it did."""
    through, away = getattr(part, method), [channel]

    async def call(asked: str, *arguments: Any) -> Any:
        if asked in away:
            away.clear()
            raise Unavailable("the store is away")
        return await through(asked, *arguments)

    setattr(part, method, call)
    return away


@asynchronous
async def test_each_message_is_answered_once_in_an_outage_and_with_less_rights(tmp_path: Path) -> None:
    async with _staged(tmp_path / "data") as scene:
        await scene.behind_long_answers(_subscribe(ABSENT, "1"), _subscribe(SHORT, "2"))
        away = _fail_once(scene.service.engine.broker, "has_events", SHORT)
        await scene.nora.send(_subscribe(SHORT, "3"))
        await eventually_async(lambda: not away)
        await scene.become_a_reader()
        await scene.nora.send(_subscribe(ABSENT, "4"))
        await eventually_async(lambda: ABSENT not in scene.connection.session.subscriptions)
        told = await scene.told("1", "2", "3", "4")
        assert told == {"1": [FAILED], "2": ["subscribed"], "3": [BUSY], "4": [FAILED]}
        assert SHORT in scene.connection.attachments


@asynchronous
async def test_what_ends_with_a_refusal_is_delivered_no_more(tmp_path: Path) -> None:
    """A subscription that stood while its document could be begun: the document is made later, by others."""
    async with _staged(tmp_path / "data") as scene:
        await scene.nora.subscribe(ABSENT)
        await scene.behind_long_answers(_subscribe(ABSENT, "1"))
        await scene.become_a_reader()
        assert await scene.told("1") == {"1": [FAILED]}
        assert [one["type"] for one in scene.nora.messages if one.get("channel") == ABSENT][-1] == "unsubscribed"
        assert ABSENT not in scene.connection.attachments
        created = await scene.operator.put("/documents/absent", json={"content": "not for her"})
        assert created.status_code == 200
        await scene.nora.settle()
        assert "remote_operation" not in [one["type"] for one in scene.nora.messages]


@asynchronous
async def test_who_waits_for_a_channel_that_is_raised_is_told_by_ref(tmp_path: Path) -> None:
    async with _staged(tmp_path / "data") as scene:
        await scene.behind_long_answers(_subscribe(SHORT, "1"), _subscribe(SHORT, "2"))
        raised = await scene.operator.put(f"/channels/{SHORT}", json={"classification": "secret"})
        assert raised.status_code == 200
        assert await scene.told("1", "2") == {"1": [FAILED], "2": [FAILED]}
        assert SHORT not in scene.connection.attachments


@asynchronous
async def test_a_message_that_was_taken_back_ends_no_later_subscription(tmp_path: Path) -> None:
    async with _staged(tmp_path / "data") as scene:
        again = (_subscribe(SHORT, "1"), _unsubscribe(SHORT, "2"), _subscribe(SHORT, "3"))
        await scene.behind_long_answers(*again)
        assert await scene.told("1", "2", "3") == {"1": [], "2": ["unsubscribed"], "3": ["subscribed"]}
        assert SHORT in scene.connection.attachments


@asynchronous
async def test_who_was_told_that_a_subscription_ended_is_told_of_no_outage_too(tmp_path: Path) -> None:
    async with _staged(tmp_path / "data") as scene:
        through, reached, away = scene.service.engine.broker.join, asyncio.Event(), asyncio.Event()

        async def join(channel: str) -> StreamPosition:
            if channel == SHORT:
                reached.set()
                await away.wait()
                raise Unavailable("the store is away")
            return await through(channel)

        scene.service.engine.broker.join = join  # type: ignore[method-assign]  # it stands in between
        await scene.behind_long_answers(_subscribe(SHORT, "1"))
        scene.nora.resume()
        async with asyncio.timeout(HANG_SECONDS):
            await reached.wait()
        await scene.renew("read:dossier:*")
        away.set()
        assert await scene.told("1") == {"1": [FAILED]}


@asynchronous
async def test_the_refusal_of_a_message_that_was_taken_back_is_not_that_of_a_later_one(tmp_path: Path) -> None:
    async with _staged(tmp_path / "data") as scene:
        again = (_subscribe(ABSENT, "1"), _unsubscribe(ABSENT, "2"), _subscribe(ABSENT, "3"))
        await scene.behind_long_answers(*again)
        await scene.become_a_reader()
        assert await scene.told("1", "2", "3") == {"1": [], "2": ["unsubscribed"], "3": [FAILED]}

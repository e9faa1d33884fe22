"""Soft locks over sockets: who has a field, who is told, and when it is free again."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from tests.harness import tokens
from tests.harness.service import Service
from tests.harness.wire import Client, Message

_numbers = itertools.count(1)


def _channel(namespace: str) -> str:
    return f"{namespace}:locked-{next(_numbers)}"


def _lock(channel: str, field: str, **more: object) -> Message:
    return {"type": "lock", "channel": channel, "payload": {"field": field, **more}}


def _unlock(channel: str, field: str) -> Message:
    return {"type": "unlock", "channel": channel, "payload": {"field": field}}


def _writer(user: str) -> str:
    return tokens.token(user, "write:*", name=user.title())


@pytest.mark.parametrize("namespace", ["document", "dossier:mou"])
def test_everybody_sees_who_works_on_a_field(service: Service, namespace: str) -> None:
    channel = _channel(namespace)

    async def scene() -> None:
        async with (
            await Client.connect(service, _writer("ali")) as ali,
            await Client.connect(service, _writer("bea")) as bea,
        ):
            await ali.subscribe(channel)
            await bea.subscribe(channel, include_presence=True)
            had = await ali.ask(_lock(channel, "clause.3", seconds=60))
            assert had["type"] == "lock_state"
            assert had["payload"] == {"field": "clause.3", "user_id": "ali", "name": "Ali", "expires_in": 60}
            told = await bea.receive("lock_state")
            assert (told["channel"], told["payload"]["user_id"], "ref" in told) == (channel, "ali", False)
            second = await bea.ask(_lock(channel, "clause.3"))
            assert second["payload"]["user_id"] == "ali"
            async with await Client.connect(service, _writer("cem")) as late:
                (held,) = (await late.subscribe(channel, include_presence=True))["presence"]["locks"]
                assert (held["field"], held["user_id"], held["name"]) == ("clause.3", "ali", "Ali")
                assert 0 < held["expires_in"] <= 60
                assert (await ali.ask(_unlock(channel, "clause.3")))["payload"] == {"field": "clause.3"}
                for watcher in (bea, late):
                    assert (await watcher.receive("lock_state"))["payload"] == {"field": "clause.3"}
            assert (await bea.ask(_lock(channel, "clause.3")))["payload"]["user_id"] == "bea"

    asyncio.run(scene())


def test_a_lock_refuses_no_edit(service: Service) -> None:
    channel = _channel("document")

    async def scene() -> None:
        async with (
            await Client.connect(service, _writer("ali")) as ali,
            await Client.connect(service, _writer("bea")) as bea,
        ):
            await ali.subscribe(channel)
            await bea.subscribe(channel)
            await ali.ask(_lock(channel, "title"))
            payload = {"operation_type": "insert", "position": 0, "version": 0, "content": "x"}
            answer = await bea.ask({"type": "edit_operation", "channel": channel, "payload": payload})
            assert answer["type"] == "operation_ack"

    asyncio.run(scene())


@pytest.mark.parametrize("way", ["unsubscribe", "ended", "lease"])
def test_it_is_free_when_its_holder_is_gone(service: Service, way: str) -> None:
    channel = _channel("document")

    async def scene() -> None:
        async with await Client.connect(service, _writer("bea")) as bea:
            await bea.subscribe(channel, include_presence=True)
            ali = await Client.connect(service, _writer("ali"))
            await ali.subscribe(channel)
            await ali.ask(_lock(channel, "title", seconds=5 if way == "lease" else 300))
            assert (await bea.receive("lock_state"))["payload"]["user_id"] == "ali"
            if way == "unsubscribe":
                await ali.ask({"type": "unsubscribe", "channel": channel})
            elif way == "ended":
                await ali.close()
            assert (await bea.receive("lock_state"))["payload"] == {"field": "title"}
            await ali.close()

    asyncio.run(scene())


def test_who_returns_within_the_grace_keeps_it(service: Service) -> None:
    channel = _channel("document")

    async def scene() -> None:
        async with await Client.connect(service, _writer("bea")) as bea:
            await bea.subscribe(channel, include_presence=True)
            ali = await Client.connect(service, _writer("ali"))
            await ali.subscribe(channel)
            await ali.ask(_lock(channel, "title", seconds=300))
            again = await Client.connect(service, _writer("ali"))  # before, so that this is no race with the grace
            await again.subscribe(channel)
            await again.ask(_lock(channel, "title", seconds=300))
            await ali.close()
            await again.ask(_unlock(channel, "title"))
            told = [(await bea.receive("lock_state"))["payload"].get("user_id") for _ in range(2)]
            assert told == ["ali", None], "taken once, and free once"
            await again.close()

    asyncio.run(scene())


def test_a_lock_needs_the_right_to_write_and_a_visible_subscription(service: Service) -> None:
    channel = _channel("document")

    async def scene() -> None:
        async with (
            await Client.connect(service, _writer("ali")) as ali,
            await Client.connect(service, tokens.token("bea", "read:*")) as bea,
            await Client.connect(service, tokens.token("boss", "admin:*")) as boss,
        ):
            assert (await ali.ask(_lock(channel, "title")))["error_code"] == "PERMISSION_DENIED"
            await ali.subscribe(channel)
            payload = {"operation_type": "insert", "position": 0, "version": 0, "content": "x"}
            await ali.ask({"type": "edit_operation", "channel": channel, "payload": payload})
            await bea.subscribe(channel)
            assert (await bea.ask(_lock(channel, "title")))["error_code"] == "PERMISSION_DENIED"
            await boss.subscribe(channel, hidden=True)
            assert (await boss.ask(_lock(channel, "title")))["error_code"] == "INVALID_MESSAGE_FORMAT"
            await boss.ask({"type": "channel_settings", "channel": channel, "payload": {"frozen": True}})
            assert (await ali.ask(_lock(channel, "title")))["error_code"] == "PERMISSION_DENIED"

    asyncio.run(scene())


def test_wrong_locks_are_refused(service: Service) -> None:
    channel = _channel("document")

    async def scene() -> None:
        async with await Client.connect(service, _writer("ali")) as ali:
            await ali.subscribe(channel)
            for payload in (
                {},
                {"field": ""},
                {"field": "Clause 3"},
                {"field": "x" * 65},
                {"field": None},
                {"field": "a", "seconds": 4},
                {"field": "a", "seconds": 301},
                {"field": "a", "seconds": 30.0},
                {"field": "a", "holder": "bea"},
            ):
                answer = await ali.ask({"type": "lock", "channel": channel, "payload": payload})
                assert answer["error_code"] == "INVALID_MESSAGE_FORMAT", payload
            own = "user:ali"
            assert (await ali.ask(_lock(own, "a")))["error_code"] == "INVALID_MESSAGE_FORMAT"

    asyncio.run(scene())


def test_a_user_who_holds_fifty_fields_gets_no_more(service: Service) -> None:
    channel = _channel("document")

    async def scene() -> None:
        async with await Client.connect(service, _writer("hoarder")) as ali:
            await ali.subscribe(channel)
            for number in range(50):
                await ali.ask(_lock(channel, f"clause.{number}"))
            assert (await ali.ask(_lock(channel, "more")))["error_code"] == "RATE_LIMIT_EXCEEDED"
            await ali.ask(_unlock(channel, "clause.0"))
            assert (await ali.ask(_lock(channel, "more")))["payload"]["user_id"] == "hoarder"

    asyncio.run(scene())

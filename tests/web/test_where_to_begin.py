"""The place on a channel from which events come: one of the present epoch, the last few, or another than before."""

from __future__ import annotations

import itertools

import pytest

from tests.harness.coroutine_tests import asynchronous
from tests.harness.service import Service
from tests.harness.wire import Client, Message

_names = itertools.count()


def _channel() -> str:
    return f"dossier:country:begin-{next(_names)}"


def _update(channel: str, event: int) -> Message:
    payload = {"entity_type": "country", "entity_id": str(event), "operation": "update", "fields_changed": ["x"]}
    return {"type": "dossier_update", "channel": channel, "payload": payload}


def _notification(user: str, number: int) -> Message:
    text = {"en": f"Number {number}", "ar": f"رقم {number}"}
    payload = {"id": f"n-{number}", "title": text, "message": text}
    return {"type": "notification", "channel": f"user:{user}", "priority": "high", "payload": payload}


async def _publish(service: Service, messages: list[Message]) -> None:
    async with await Client.connect(service, service.token("writer", "write:*", clearance="secret")) as writer:
        for message in messages:
            answer = await writer.ask(message)
            assert answer["type"] == "ack", answer


async def _offsets(client: Client, channel: str, until: int) -> list[int]:
    """The offsets that come, up to this one."""
    found: list[int] = []
    while until not in found:
        found.append((await client.receive("dossier_update", channel=channel))["offset"])
    return found


async def _versions(client: Client, until: int) -> list[int]:
    found: list[int] = []
    while until not in found:
        found.append((await client.receive("remote_operation"))["payload"]["version"])
    return found


@asynchronous
async def test_a_place_without_an_epoch_is_one_of_the_present_epoch(service: Service) -> None:
    channel = _channel()
    await _publish(service, [_update(channel, n) for n in range(5)])
    async with await Client.connect(service, service.token("u-1", "read:*")) as client:
        answer = await client.subscribe(channel, since={"offset": 2})
        assert answer["recovered"] is True
        assert answer["position"]["offset"] == 5
        assert await _offsets(client, channel, 5) == [3, 4, 5]
        ahead = await client.subscribe(channel, since={"offset": 9})
        assert ahead["recovered"] is False


@pytest.mark.parametrize(("last", "offsets"), [(1, [5]), (3, [3, 4, 5]), (100, [1, 2, 3, 4, 5])])
def test_the_last_events_come_first_and_then_live_ones(service: Service, last: int, offsets: list[int]) -> None:
    @asynchronous
    async def play() -> None:
        channel = _channel()
        await _publish(service, [_update(channel, n) for n in range(5)])
        async with await Client.connect(service, service.token("u-1", "read:*")) as client:
            answer = await client.subscribe(channel, last=last)
            assert "recovered" not in answer
            assert answer["position"]["offset"] == 5
            assert await _offsets(client, channel, 5) == offsets
            await _publish(service, [_update(channel, 6)])
            assert (await client.receive("dossier_update"))["offset"] == 6

    play()


@asynchronous
async def test_a_new_device_is_told_what_reached_the_user_before(service: Service) -> None:
    await _publish(service, [_notification("amal", n) for n in range(3)])
    async with await Client.connect(service, service.token("amal")) as client:
        await _publish(service, [_notification("amal", n) for n in range(3, 5)])  # reach it without a subscription
        await client.subscribe("user:amal", last=100)
        ids = [(await client.receive("notification"))["payload"]["id"] for _ in range(5)]
        assert not [message for message in await client.settle() if message["type"] == "notification"]
        assert sorted(ids) == [f"n-{n}" for n in range(5)]  # each once


@asynchronous
async def test_a_channel_without_events_has_no_last_one(service: Service) -> None:
    async with await Client.connect(service, service.token("u-1", "read:*", "write:document:*")) as client:
        channel = _channel()
        assert (await client.subscribe(channel, last=10))["position"]["offset"] == 0
        assert (await client.subscribe("document:begin-nothing", last=10))["document"]["version"] == 0
        assert await client.settle() == []


@pytest.mark.parametrize("params", [{"last": 0}, {"last": 101}, {"last": "1"}, {"last": 5, "since": {"offset": 1}}])
def test_a_last_that_is_no_number_up_to_a_hundred_is_refused(service: Service, params: Message) -> None:
    @asynchronous
    async def play() -> None:
        async with await Client.connect(service, service.token("u-1", "read:*")) as client:
            answer = await client.ask({"type": "subscribe", "channel": _channel(), "params": params})
            assert answer["error_code"] == "INVALID_MESSAGE_FORMAT"
            assert "$.params.last" in answer["message"]

    play()


@asynchronous
async def test_subscribing_again_with_a_place_begins_anew_there(service: Service) -> None:
    channel = _channel()
    await _publish(service, [_update(channel, n) for n in range(4)])
    async with await Client.connect(service, service.token("u-1", "read:*")) as client:
        await client.subscribe(channel, since={"offset": 3})
        await _publish(service, [_update(channel, 4)])
        assert await _offsets(client, channel, 5) == [4, 5]
        again = await client.subscribe(channel)
        assert "recovered" not in again
        assert await client.settle() == []
        assert (await client.subscribe(channel, since={"offset": 1}))["recovered"] is True
        assert await _offsets(client, channel, 5) == [2, 3, 4, 5]
        await client.subscribe(channel, last=2)
        assert await _offsets(client, channel, 5) == [4, 5]
        await _publish(service, [_update(channel, 5)])
        assert (await client.receive("dossier_update"))["offset"] == 6
        await client.ask({"type": "unsubscribe", "channel": channel})
        await _publish(service, [_update(channel, 6)])
        assert await client.settle() == []


@asynchronous
async def test_a_document_that_is_subscribed_is_read_again_from_a_version(service: Service) -> None:
    token = service.token("u-1", "write:document:*")
    async with await Client.connect(service, token) as writer, await Client.connect(service, token) as reader:
        channel = f"document:begin-{next(_names)}"
        await reader.subscribe(channel)
        await writer.subscribe(channel)
        for version in range(3):
            payload = {"operation_type": "insert", "position": 0, "content": "x", "version": version}
            await writer.ask({"type": "edit_operation", "channel": channel, "payload": payload})
        assert await _versions(reader, 3) == [1, 2, 3]
        await reader.subscribe(channel, since={"version": 1})
        assert await _versions(reader, 3) == [2, 3]

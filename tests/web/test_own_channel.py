"""A user's own channel is received without a subscription, as long as its level allows it.

Source: docs/protocol.md#own-channel.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable

import httpx
import pytest

from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service
from tests.harness.wire import Client, Message

_numbers = itertools.count(1)
NOTICE = {"id": "n", "title": {"en": "a", "ar": "ب"}, "message": {"en": "c", "ar": "د"}}
REFUSED = "Insufficient permissions to subscribe to channel"


class OwnChannel:
    """A user with an own channel, and an administrator who classifies it."""

    def __init__(self, service: Service, clearance: str) -> None:
        self.user = f"own-{next(_numbers)}"
        self.channel = f"user:{self.user}"
        self.clearance = clearance
        self._service = service

    async def enter(self) -> Client:
        return await Client.connect(self._service, self.token(self.clearance))

    def token(self, clearance: str) -> str:
        return tokens.token(self.user, clearance=clearance)

    def classify(self, level: str) -> None:
        self._call("PUT", f"/v1/channels/{self.channel}", {"classification": level})

    def notify(self, number: int) -> None:
        event = {"type": "notification", "channel": self.channel, "priority": "low"}
        self._call("POST", "/v1/publish", {"events": [event | {"payload": NOTICE | {"id": str(number)}}]})

    def _call(self, method: str, path: str, body: Message) -> None:
        headers = {"Authorization": f"Bearer {tokens.operator()}"}
        with httpx.Client(base_url=self._service.http, headers=headers, timeout=HANG_SECONDS) as http:
            answer = http.request(method, path, json=body)
        assert answer.status_code == 200, answer.text


Play = Callable[[OwnChannel, Client], Awaitable[None]]


async def ended(client: Client, channel: str) -> None:
    error = await client.receive("error")
    assert (error["error_code"], error["message"], error["channel"]) == ("SUBSCRIPTION_FAILED", REFUSED, channel)
    assert (await client.receive("unsubscribed"))["channel"] == channel


async def received(client: Client) -> list[str]:
    return [message["payload"]["id"] for message in await client.settle() if message["type"] == "notification"]


async def raised_while_there(own: OwnChannel, client: Client) -> None:
    own.notify(1)
    assert (await client.receive("notification"))["payload"]["id"] == "1"
    own.classify("secret")
    await ended(client, own.channel)
    own.notify(2)
    assert await received(client) == []
    answer = await client.ask({"type": "subscribe", "channel": own.channel})
    assert (answer["type"], answer["message"]) == ("error", REFUSED)
    own.classify("internal")  # lowered again: received again, as before without a subscription
    own.notify(3)
    assert (await client.receive("notification"))["payload"]["id"] == "3"


async def raised_before_the_login(own: OwnChannel, client: Client) -> None:
    own.classify("secret")
    await ended(client, own.channel)
    later = await own.enter()
    own.notify(1)
    assert await received(later) == []
    await later.close()


async def subscribed_too(own: OwnChannel, client: Client) -> None:
    assert (await client.ask({"type": "subscribe", "channel": own.channel}))["type"] == "subscribed"
    own.classify("secret")
    await ended(client, own.channel)
    own.notify(1)
    assert await received(client) == []


async def raised_and_renewed_with_a_higher_clearance(own: OwnChannel, client: Client) -> None:
    own.classify("secret")
    await ended(client, own.channel)
    await client.send({"type": "auth", "payload": {"token": own.token("secret")}})
    await client.receive("auth_success")
    await client.settle()
    own.notify(1)
    assert (await client.receive("notification"))["payload"]["id"] == "1"
    await client.send({"type": "auth", "payload": {"token": own.token("internal")}})  # and back
    await client.receive("auth_success")
    await ended(client, own.channel)
    own.notify(2)
    assert await received(client) == []


@pytest.mark.parametrize("clearance", ["public", "internal", "confidential"])
@pytest.mark.parametrize(
    "play",
    [raised_while_there, raised_before_the_login, subscribed_too],
    ids=lambda play: str(getattr(play, "__name__", play)),
)
def test_what_an_administrator_raised_above_the_clearance_is_not_delivered(
    play: Play, clearance: str, service: Service
) -> None:
    async def scene() -> None:
        own = OwnChannel(service, clearance)
        client = await own.enter()
        await play(own, client)
        await client.close()

    asyncio.run(asyncio.wait_for(scene(), HANG_SECONDS))


def test_the_rights_of_the_newest_token_decide(service: Service) -> None:
    async def scene() -> None:
        own = OwnChannel(service, "internal")
        client = await own.enter()
        await raised_and_renewed_with_a_higher_clearance(own, client)
        await client.close()

    asyncio.run(asyncio.wait_for(scene(), HANG_SECONDS))


def test_ones_own_channel_is_readable_below_its_usual_level(service: Service) -> None:
    """Nobody raised it: `internal` by the table, and its user cleared for `public` alone."""

    async def scene() -> None:
        own = OwnChannel(service, "public")
        client = await own.enter()
        answer = await client.ask({"type": "subscribe", "channel": own.channel})
        assert answer["type"] == "subscribed", answer
        own.notify(1)
        heard: Message = await client.receive("notification")
        assert heard["payload"]["id"] == "1"
        await client.close()

    asyncio.run(asyncio.wait_for(scene(), HANG_SECONDS))

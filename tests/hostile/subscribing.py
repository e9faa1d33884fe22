"""Bad subscriptions."""

from __future__ import annotations

from typing import Any

from tests.harness import tokens
from tests.harness.wire import Client, Message
from tests.hostile.attacks import outcome, says
from tests.hostile.rows import Attack, Row, each
from tests.hostile.sending import MALFORMED, UPDATE, changed
from tests.hostile.target import CHANNEL, SECRET, Target


def subscribe(channel: Any, **params: Any) -> Message:
    return {"type": "subscribe", "channel": channel} | ({"params": params} if params else {})


async def subscribed_twice(target: Target) -> str:
    client, writer = await target.client(), await target.client("write:dossier:country:*")
    watcher = await target.client()
    await watcher.subscribe("dossier:country:twice", include_presence=True)
    twice = subscribe("dossier:country:twice", include_presence=True)
    await client.send(twice, twice)
    counts = [(await client.receive("subscribed"))["presence"]["count"] for _ in range(2)]
    await writer.ask(changed(UPDATE, "channel", "dossier:country:twice"))
    seen = [message["type"] for message in await client.settle()]
    joins = [message["type"] for message in await watcher.settle()]
    for one in (client, writer, watcher):
        await one.close()
    return f"counts {counts}, then {seen}, others saw {joins}"


async def ten_thousand_channels(target: Target) -> str:
    before = target.service.metrics()["dossier_subscriptions"]
    client = await target.client("read:dossier:*")
    for start in range(0, 10_000, 500):
        await client.send(*(subscribe(f"dossier:many:{start + n}") for n in range(500)))
        await client.ask({"type": "ping"})  # who does not read is cut off for another reason
    told = (await outcome(client)).split()
    metrics = target.service.metrics()["dossier_subscriptions"]
    assert metrics - before <= 1 + 100
    return " ".join(f"{told.count(word)} {word}" for word in dict.fromkeys(told))


async def a_capped_presence_list(target: Target) -> str:
    """Exceed the cap of a presence list: 1,000 users by default, and 5 on this service.

    Source: docs/protocol.md#presence-lists.
    """
    clients = [await target.client() for _ in range(7)]
    presence = [(await client.subscribe(CHANNEL, include_presence=True))["presence"] for client in clients][-1]
    for client in clients:
        await client.close()
    return f"count {presence['count']}, {len(presence['users'])} users, truncated {presence.get('truncated')}"


def _since(**since: Any) -> Attack:
    """Subscribe with this place; `recovered` of the answer."""

    async def attack(target: Target) -> str:
        async with await target.client() as client:
            message = subscribe(CHANNEL, since=since)
            answer = await client.ask(message)
            kept = await client.settle()
            assert kept == []
        return f"recovered {answer['recovered']}" if "recovered" in answer else str(answer.get("error_code"))

    return attack


async def place_of_another_channel(target: Target) -> str:
    async with await target.client() as client:
        other = await client.subscribe("dossier:country:other")
    return await _since(**other["position"])(target)


async def rights_lost_while_subscribing(target: Target) -> str:
    """Raise the channel's level while clients subscribe: none receives what is published afterwards."""
    channel = "dossier:country:race"
    admin = await Client.connect(target.service, tokens.operator("racing-admin"))
    clients = [await target.client() for _ in range(5)]
    for _ in range(40):
        await admin.send(_level(channel, "internal"))
        for client in clients:
            await client.send(subscribe(channel))
        raised = await admin.ask(_level(channel, "secret"))
        assert raised["payload"]["classification"] == "secret"
        for client in clients:
            await client.send({"type": "unsubscribe", "channel": channel}, subscribe(channel))
        await admin.ask(changed(UPDATE, "channel", channel))
    for client in clients:
        await client.settle()
        assert not [message for message in client.messages if message["type"] == "dossier_update"]
        await client.close()
    await admin.close()
    return "never delivered"


def _level(channel: str, level: str) -> Message:
    return {"type": "channel_settings", "channel": channel, "payload": {"classification": level}}


ROWS = [
    *each(
        "S03",
        [
            ("missing", {"type": "subscribe"}),
            *((str(name)[:20], subscribe(name)) for name in (None, 5, ["global"], "", {"x": 1}, "x" * 10_000)),
        ],
        says,
        MALFORMED,
    ),
    *each(
        "S05",
        [
            (name, subscribe(name))
            for name in (
                "*",
                "dossier:*:*",
                "user:*",
                "dossier:country:S?",
                "dossier:country:[a-z]",
                "dossier:country:SA*",
            )
        ],
        says,
        MALFORMED,
    ),
    *each(
        "S07",
        [
            (name[:40], subscribe(name))
            for name in (
                "../../x",
                "dossier:..:..",
                "document:' OR 1=1--",
                "document:{{7*7}}",
                "dossier:country",
                "dossier:country:SA:x",
                "global:x",
                ":",
                "dossier::SA",
                f"document:{'x' * 65}",
                "dossier:country:SA\n",
                "DOSSIER:country:SA ",
            )
        ],
        says,
        MALFORMED,
    ),
    Row("S08", "an unknown namespace", says(subscribe("foo:1")), "E(CHANNEL_NOT_FOUND) K"),
    Row("S08.1", "another case", says(subscribe("GLOBAL")), "E(CHANNEL_NOT_FOUND) K"),
    Row(
        "S10.1",
        "above clearance",
        says(subscribe(SECRET), permissions=("read:dossier:*",)),
        "E(SUBSCRIPTION_FAILED) K",
    ),
    Row("S10.2", "without the right", says(subscribe("workspace:w1")), "E(SUBSCRIPTION_FAILED) K"),
    Row("S10.3", "another user's channel", says(subscribe("user:victim")), "E(SUBSCRIPTION_FAILED) K"),
    Row(
        "S10.4",
        "what is for operators",
        says(subscribe("ops:nodes"), permissions=("write:*",)),
        "E(SUBSCRIPTION_FAILED) K",
    ),
    Row("S10.5", "hidden without admin", says(subscribe(CHANNEL, hidden=True)), "E(SUBSCRIPTION_FAILED) K"),
    Row(
        "S13",
        "the same channel twice, in one packet",
        subscribed_twice,
        "counts [2, 2], then ['dossier_update'], others saw ['presence_join', 'dossier_update']",
    ),
    Row("S14", "10,000 channels", ten_thousand_channels, "100 subscribed 9900 E(SUBSCRIPTION_FAILED) 1 K"),
    *each(
        "S16",
        [
            ("a string", {"type": "subscribe", "channel": CHANNEL, "params": "all"}),
            ("a list", {"type": "subscribe", "channel": CHANNEL, "params": []}),
            ('"yes"', subscribe(CHANNEL, include_presence="yes")),
            ("1", subscribe(CHANNEL, include_presence=1)),
            ("unknown", subscribe(CHANNEL, limit=5)),
        ],
        says,
        MALFORMED,
    ),
    Row("S18", "more people than a list holds", a_capped_presence_list, "count 7, 5 users, truncated True", "strict"),
    *each(
        "S19",
        [
            ("ahead", {"epoch": "x", "offset": 10**6}),
            ("negative", {"epoch": "x", "offset": -5}),
            ("huge", {"epoch": "x", "offset": 2**53 - 1}),
            ("no epoch", {"offset": 1}),
            ("a version", {"version": 3}),
        ],
        lambda since: _since(**since),
        "recovered False",
    ),
    Row(
        "S19.7",
        "an epoch of 10 kB",
        _since(epoch="e" * 10_000, offset=1),
        "recovered False",
    ),
    Row("S19.8", "the place of another channel", place_of_another_channel, "recovered False"),
    *each(
        "S19.t",
        [
            ("an epoch that is a number", {"epoch": 1}),
            ("an offset that is text", {"offset": "1"}),
            ("more", {"x": 1}),
            ("nothing", {}),
            ("no offset", {"epoch": "x"}),
        ],
        lambda since: says(subscribe(CHANNEL, since=since)),
        MALFORMED,
    ),
    Row("S24", "rights lost while subscribing", rights_lost_while_subscribing, "never delivered"),
]

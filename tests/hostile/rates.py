"""Too much of what would be good in measure. Limits are the default ones."""

from __future__ import annotations

import asyncio

from tests.harness import tokens
from tests.harness.wire import Client, Message, Raw
from tests.hostile.attacks import get, outcome, told
from tests.hostile.rows import Row
from tests.hostile.sending import UPDATE
from tests.hostile.target import CHANNEL, Target

_UNSUBSCRIBE: Message = {"type": "unsubscribe", "channel": CHANNEL}


async def a_hundred_and_one_messages(target: Target) -> str:
    """Send 103 messages: the 95th brings a warning, the 101st and later ones are denied, the first with an error."""
    client = await target.client()
    await client.send(*(_UNSUBSCRIBE | {"ref": f"n{number}"} for number in range(1, 104)))
    await client.receive(ref="n103")
    came = client.take_all()
    warnings = [message for message in came if message["type"] == "rate_limit_warning"]
    (exceeded,) = [message for message in client.messages if message["type"] == "rate_limit_exceeded"]
    assert [w["payload"]["current_rate"] for w in warnings] == [95]
    assert client.messages.index(warnings[0]) < client.messages.index(exceeded)
    assert 0 < exceeded["payload"]["retry_after"] <= 60
    assert exceeded["payload"]["limit"] == 100
    refused = [m["ref"] for m in client.messages if m.get("error_code") == "RATE_LIMIT_EXCEEDED"]
    accepted = sum(message["type"] == "unsubscribed" for message in client.messages)
    return f"{accepted} accepted, refused {refused}, then {await outcome(client)}"


async def one_user_over_ten_connections(target: Target) -> str:
    token = tokens.token("ten-handed", "write:dossier:country:*")
    ten = [await Client.connect(target.service, token) for _ in range(10)]
    for client in ten:
        await client.send(*([_UNSUBSCRIBE] * 11))
    for client in ten:
        await client.settle()
        await client.close()
    accepted = sum(message["type"] == "unsubscribed" for client in ten for message in client.messages)
    refused = sum(message.get("error_code") == "RATE_LIMIT_EXCEEDED" for client in ten for message in client.messages)
    return f"{accepted} accepted, {refused} refused"


async def a_flood_of_pings(target: Target) -> str:
    """Exhaust the bucket of pings: 60 a window (docs/protocol.md#rate-windows, over the table's one a second)."""
    client = await target.client()
    await client.send(*([{"type": "ping"}] * 60))
    await client.send(_UNSUBSCRIBE | {"ref": "general"})
    assert (await client.receive(ref="general"))["type"] == "unsubscribed"
    await client.send(*([{"type": "ping"}] * 200))
    await client.expect_close(4004)
    pongs = sum(message["type"] == "pong" for message in client.messages)
    return f"{pongs} pongs, then {(await outcome(client)).split()[-1]}"


async def invalid_messages_count(target: Target) -> str:
    """Send invalid messages until the general limit counts them."""
    client = await target.client()
    await client.send(*(["{"] * 10), *([_UNSUBSCRIBE] * 91))
    await client.settle()
    accepted = sum(message["type"] == "unsubscribed" for message in client.messages)
    await client.close()
    return f"{accepted} accepted"


async def seven_renewals_in_a_minute(target: Target) -> str:
    """Six are verified, the seventh is not even looked at, and the connection is kept."""
    client = await target.client()
    for number in range(7):
        token = tokens.token(client.login["user_id"], ttl=600 + number)
        await client.send({"type": "auth", "payload": {"token": token}, "ref": f"a{number}"})
    await client.receive(ref="a6")
    answers = [message for message in client.messages if str(message.get("ref", "")).startswith("a")]
    refused = [message["ref"] for message in answers if message.get("error_code") == "RATE_LIMIT_EXCEEDED"]
    accepted = sum(message["type"] == "auth_success" for message in answers)
    client.take_all()
    return f"{accepted} accepted, refused {refused}, then {await outcome(client)}"


async def subscribing_a_hundred_times(target: Target) -> str:
    """Subscribe a hundred channels, which do not count: all other messages are still allowed."""
    client = await target.client("read:dossier:*")
    channels = [f"dossier:country:c{number}" for number in range(100)]
    await client.send(*({"type": "subscribe", "channel": channel} for channel in channels))
    await client.send(*([_UNSUBSCRIBE] * 101))
    await client.settle()
    subscribed = sum(message["type"] == "subscribed" for message in client.messages)
    accepted = sum(message["type"] == "unsubscribed" for message in client.messages)
    await client.close()
    return f"{subscribed} subscribed, {accepted} more accepted"


async def a_flood_beside_another_user(target: Target) -> str:
    """While one user floods until it is cut off, another one's messages are all taken."""
    flooder, other = await target.client(), await target.client()
    flood = asyncio.create_task(flooder.send(*([UPDATE] * 1000)))
    answers = [await other.ask(_UNSUBSCRIBE) for _ in range(50)]
    await flood
    assert {answer["type"] for answer in answers} == {"unsubscribed"}
    await other.close()
    await flooder.expect_close(4004)
    return (await outcome(flooder)).split()[-1]


async def seven_hundred_edits_in_flight(target: Target) -> str:
    """D18: without waiting for an ack; taken in their order up to the rate, the rest refused."""
    client = await target.client("write:document:*")
    await client.subscribe("document:in-flight")
    payload = {"operation_type": "insert", "position": 0, "content": "x", "version": 0}
    edit = {"type": "edit_operation", "channel": "document:in-flight", "payload": payload}
    await client.send(*(edit | {"ref": str(number)} for number in range(700)))
    await client.receive("operation_ack", ref="599")
    await client.receive("error", ref="699")  # a refusal is sent at once, an ack when it is kept: either may be last
    acks = [message for message in client.messages if message["type"] == "operation_ack"]
    assert [(ack["ref"], ack["payload"]["version"]) for ack in acks] == [(str(n), n + 1) for n in range(600)]
    refused = [message["ref"] for message in client.messages if message["type"] == "error"]
    return f"{len(acks)} in order, refused {refused[0]} to {refused[-1]}, {(await outcome(client)).split()[-1]}"


async def a_flood_of_calls(target: Target) -> str:
    """Exhaust the limit of reads over HTTP; other users still get through."""
    token = tokens.token("reader", "admin:*", clearance="secret")
    outcomes = []
    raw = await Raw.open(target.service)
    for _ in range(int(str(target.service.settings["limits.read"])) + 2):
        await raw.send(get("/v1/sessions", token=token))
        outcomes.append(told(await raw.response(), b"", "retry-after"))
    await raw.close()
    return " ".join(f"{outcomes.count(one)} {one}" for one in dict.fromkeys(outcomes))


ROWS = [
    Row(
        "R01",
        "the 95th, 100th and 101st message",
        a_hundred_and_one_messages,
        "100 accepted, refused ['n101', 'n102', 'n103'], then K",
        "strict",
    ),
    Row("R03", "one user over ten connections", one_user_over_ten_connections, "100 accepted, 10 refused", "strict"),
    Row("R04", "invalid messages count", invalid_messages_count, "90 accepted", "strict"),
    Row(
        "R08",
        "seven renewals in a minute",
        seven_renewals_in_a_minute,
        "6 accepted, refused ['a6'], then K",
        "strict",
    ),
    Row(
        "R10",
        "a hundred subscribes and a hundred messages",
        subscribing_a_hundred_times,
        "100 subscribed, 100 more accepted",
        "strict",
    ),
    Row("R06", "a flood beside another user", a_flood_beside_another_user, "C(4004)", "strict"),
    Row("D18", "700 edits in flight", seven_hundred_edits_in_flight, "600 in order, refused 600 to 699, K", "strict"),
    Row("S02", "a flood of pings", a_flood_of_pings, "60 pongs, then C(4004)", "strict"),
    Row(
        "W18",
        "a flood of calls over HTTP",
        a_flood_of_calls,
        "30 H(200) 2 H(429) RATE_LIMIT_EXCEEDED retry-after",
        "strict",
    ),
]

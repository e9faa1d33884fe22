"""Sends that are not allowed, not possible, or not the sender's own."""

from __future__ import annotations

import json
from typing import Any

from tests.harness import tokens
from tests.harness.wire import Client, Message
from tests.hostile.attacks import check_error, outcome, says
from tests.hostile.rows import Attack, Row, each
from tests.hostile.target import CHANNEL, SECRET, Target

MALFORMED = "E(INVALID_MESSAGE_FORMAT) K"
DENIED = "E(PERMISSION_DENIED) K"
WRITES_DOCUMENTS = ("write:document:*",)

UPDATE: Message = {
    "type": "dossier_update",
    "channel": CHANNEL,
    "payload": {"entity_type": "country", "entity_id": "SA", "operation": "update", "fields_changed": ["x"]},
}
EDIT: Message = {
    "type": "edit_operation",
    "channel": "document:d1",
    "payload": {"operation_type": "insert", "position": 0, "content": "x", "version": 0},
}


def changed(message: Message, path: str, value: Any) -> Message:
    """Return the message with the value at a dotted path replaced, or added."""
    copy: Message = json.loads(json.dumps(message))
    *outer, last = path.split(".")
    place = copy
    for name in outer:
        place = place[name]
    place[last] = value
    return copy


_SERVER_ONLY = (
    "auth_success",
    "subscribed",
    "unsubscribed",
    "pong",
    "ack",
    "operation_ack",
    "remote_operation",
    "error",
    "connection_state",
    "token_expiring",
    "rate_limit_warning",
    "rate_limit_exceeded",
    "presence_join",
    "presence_leave",
    "alert_state",
    "ops_stats",
)


def _presence(payload: Message) -> Attack:
    """Subscribe, then tell this about oneself; only the answer to that counts."""

    async def attack(target: Target) -> str:
        client = await target.client()
        await client.subscribe(CHANNEL)
        message = {"type": "presence_update", "channel": CHANNEL, "payload": payload}
        await client.send(message)
        return await outcome(client, message)

    return attack


def _asks(message: Message, clearance: str = "secret") -> Attack:
    """Ask by somebody who may write everywhere, and wait for the answer."""

    async def attack(target: Target) -> str:
        client = await target.client("write:*", "admin:user:*", clearance=clearance)
        refused = await client.ask(message)
        check_error(refused)
        return f"E({refused['error_code']}) {await outcome(client)}"

    return attack


async def sent_again(target: Target) -> str:
    """Send one key again, on this connection and another: the first ack again, and one event in the channel."""
    message = changed(UPDATE, "idempotency_key", "key-x13") | {"channel": "dossier:country:once"}
    token = tokens.token("resender", "write:dossier:country:*")
    acks = []
    for _ in range(2):
        async with await Client.connect(target.service, token) as client:
            acks += [await client.ask(message) for _ in range(2)]
    async with await Client.connect(target.service, token) as client:
        position = (await client.subscribe("dossier:country:once"))["position"]
    return f"{ {(ack['type'], ack['offset']) for ack in acks} }, offset {position['offset']}"


async def key_of_another_body(target: Target) -> str:
    client = await target.client()
    message = changed(UPDATE, "idempotency_key", "key-x14") | {"channel": "dossier:country:once"}
    await client.ask(message)
    refused = await client.ask(changed(message, "payload.entity_id", "other"))
    check_error(refused)
    return f"E({refused['error_code']}) {await outcome(client)}"


ROWS = [
    *each(
        "X04",
        [(kind, {"type": kind, "channel": CHANNEL, "payload": {}}) for kind in _SERVER_ONLY],
        lambda message: says(message, permissions=("admin:*",), clearance="secret"),
        MALFORMED,
    ),
    *each(
        "X06",
        [
            ("status", {"status": "admin"}),
            ("activity", {"activity": "hacking"}),
            ("10 kB", {"field": "x" * 10_000}),
            ("markup", {"field": "<script>"}),
            ("upper case", {"field": "Name"}),
            ("unknown", {"mood": "good"}),
            ("a list", {"status": []}),
        ],
        _presence,
        MALFORMED,
    ),
    Row("X06.8", "another user's presence", _presence({"user_id": "victim", "status": "away"}), DENIED),
    Row(
        "X06.9", "without a subscription", says({"type": "presence_update", "channel": CHANNEL, "payload": {}}), DENIED
    ),
    Row("X08", "with read alone", says(UPDATE, permissions=("read:*",)), DENIED),
    Row("X08.1", "above clearance", says(changed(UPDATE, "channel", SECRET), permissions=("write:*",)), DENIED),
    *each(
        "X08.i",
        [
            ("user", {"user_id": "victim", "name": "Victim"}),
            ("name", {"user_id": "u-1", "name": "Somebody"}),
        ],
        lambda actor: says(changed(UPDATE, "payload.updated_by", actor)),
        DENIED,
    ),
    Row("X08.4", "an event that the channel does not carry", says(changed(UPDATE, "type", "task_update")), MALFORMED),
    Row(
        "X08.5",
        "a dossier's event on a workspace",
        says(changed(UPDATE, "channel", "workspace:w1"), permissions=("write:*",)),
        MALFORMED,
    ),
    Row("X08.6", "an event of no channel", says({k: v for k, v in UPDATE.items() if k != "channel"}), MALFORMED),
    *each(
        "X09",
        [(str(change), change) for change in ({"classification": "public"}, {"frozen": True}, {"history": False}, {})],
        lambda change: says(
            {"type": "channel_settings", "channel": CHANNEL, "payload": change},
            permissions=("write:*",),
            clearance="secret",
        ),
        DENIED,
    ),
    Row(
        "X09.5",
        "an admin below the channel's level",
        says(
            {"type": "channel_settings", "channel": SECRET, "payload": {"classification": "public"}},
            permissions=("admin:*",),
        ),
        DENIED,
    ),
    # No message grants rights, so each of these is malformed (the table says PERMISSION_DENIED).
    *each(
        "X11",
        [
            ("a grant", {"type": "grant", "payload": {"permissions": ["admin:*"]}}),
            (
                "rights beside the token",
                {"type": "auth", "payload": {"token": tokens.token("u-1"), "permissions": ["admin:*"]}},
            ),
            (
                "rights in settings",
                {"type": "channel_settings", "channel": CHANNEL, "payload": {"permissions": ["admin:*"]}},
            ),
        ],
        says,
        MALFORMED,
    ),
    Row("X13", "sent again with the same key", sent_again, "{('ack', 1)}, offset 1"),
    Row("X14", "the same key with another body", key_of_another_body, MALFORMED),
    *each(
        "X15",
        [("empty", ""), ("65 characters", "k" * 65), ("a number", 5)],
        lambda key: says(changed(UPDATE, "idempotency_key", key)),
        MALFORMED,
    ),
    *each(
        "C01",
        [
            (f"{kind} {payload}", {"type": kind, "payload": payload})
            for kind, name in (("alert_ack", "commitment_id"), ("brief_cancel", "request_id"))
            for payload in (
                {},
                {name: 5},
                {name: ""},
                {name: "a b"},
                {name: "<script>"},
                {name: "x" * 65},
                {name: "a\n"},
                {name: None},
                {name: ["a"]},
                {name: "a", "user_id": "victim"},
            )
        ],
        says,
        MALFORMED,
    ),
    *each(
        "C02",
        [
            ("an alert of nothing", {"type": "alert_ack", "payload": {"commitment_id": "unknown"}}),
            ("a brief of nobody", {"type": "brief_cancel", "payload": {"request_id": "unknown"}}),
        ],
        _asks,
        DENIED,
    ),
    Row(
        "C02.3",
        "a brief about an entity above the clearance",
        _asks(
            {"type": "brief_request", "payload": {"type": "secret", "entity_id": "x", "language": "ar"}},
            clearance="confidential",
        ),
        DENIED,
    ),
    Row("D01.1", "an edit without a subscription", says(EDIT, permissions=WRITES_DOCUMENTS), DENIED),
    Row("D01.2", "an edit of a forbidden document", says(EDIT), DENIED),
    Row("D01.3", "an edit of a dossier", says(changed(EDIT, "channel", CHANNEL)), MALFORMED),
    *each(
        "D03",
        [(repr(kind), kind) for kind in ("replace", "INSERT", 5, None, "")],
        lambda kind: says(changed(EDIT, "payload.operation_type", kind), permissions=WRITES_DOCUMENTS),
        MALFORMED,
    ),
    Row("D08", "16,385 units at once", says(changed(EDIT, "payload.content", "x" * 16_385)), MALFORMED),
    Row("D11", "NUL in content", says(changed(EDIT, "payload.content", "a\0b")), MALFORMED),
    *each(
        "D20",
        [
            (f"{name} {value}", {name: value})
            for name, value in (("position", -1), ("selection_length", -1), ("position", 1.5))
        ],
        lambda cursor: says({"type": "cursor_position", "channel": "document:d1", "payload": {"position": 0} | cursor}),
        MALFORMED,
    ),
]

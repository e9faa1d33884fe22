"""The messages exactly as the contract prints them, word for word; they must decode as they stand."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest

from dossier_realtime.protocol import channels, codec
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.events import Publishable
from dossier_realtime.protocol.inbound import InboundMessage

SAID_BY_CLIENTS: list[dict[str, Any]] = [
    {"type": "auth", "payload": {"token": "JWT_TOKEN_HERE"}},
    {"type": "ping", "timestamp": 1234567890},
    {"type": "subscribe", "channel": "dossier:country:SA", "params": {"include_presence": True}},
    {"type": "unsubscribe", "channel": "dossier:country:SA"},
    {
        "type": "edit_operation",
        "channel": "document:uuid",
        "payload": {"operation_type": "insert", "position": 150, "content": "New text", "version": 42},
    },
    {
        "type": "cursor_position",
        "channel": "document:uuid",
        "payload": {"user_id": "uuid", "position": 150, "selection_length": 10},
    },
    {
        "type": "presence_update",
        "channel": "dossier:country:SA",
        "payload": {"user_id": "uuid", "activity": "editing", "field": "cooperation_areas"},
    },
]

SAID_BY_THE_SERVER: list[dict[str, Any]] = [
    {
        "type": "auth_success",
        "payload": {"user_id": "uuid", "session_id": "uuid", "permissions": ["read:global"]},
    },
    {"type": "pong", "timestamp": 1234567891},
    {
        "type": "subscribed",
        "channel": "dossier:country:SA",
        "presence": {"count": 3, "users": [{"user_id": "uuid", "name": "John Doe", "role": "editor"}]},
    },
    {
        "type": "dossier_update",
        "channel": "dossier:country:SA",
        "payload": {
            "entity_type": "country",
            "entity_id": "uuid",
            "operation": "update",
            "fields_changed": ["cooperation_areas", "relationship_status"],
            "updated_by": {"user_id": "uuid", "name": "Jane Smith"},
            "timestamp": 1234567890,
        },
    },
    {
        "type": "remote_operation",
        "channel": "document:uuid",
        "payload": {
            "user_id": "uuid",
            "user_name": "John Doe",
            "operation_type": "insert",
            "position": 150,
            "content": "New text",
            "version": 43,
        },
    },
    {
        "type": "cursor_position",
        "channel": "document:uuid",
        "payload": {"user_id": "uuid", "position": 150, "selection_length": 10},
    },
    {
        "type": "presence_join",
        "channel": "dossier:country:SA",
        "payload": {
            "user_id": "uuid",
            "name": "Ahmed Al-Rashid",
            "avatar": "url",
            "status": "online",
            "activity": "viewing",
        },
    },
    {"type": "presence_leave", "channel": "dossier:country:SA", "payload": {"user_id": "uuid"}},
    {
        "type": "presence_update",
        "channel": "dossier:country:SA",
        "payload": {"user_id": "uuid", "activity": "editing", "field": "cooperation_areas"},
    },
    {
        "type": "notification",
        "priority": "high",
        "payload": {
            "id": "uuid",
            "title": {"en": "MoU Expiring Soon", "ar": "مذكرة التفاهم على وشك الانتهاء"},
            "message": {
                "en": "MoU with UN Statistics Division expires in 30 days",
                "ar": "تنتهي مذكرة التفاهم مع شعبة الإحصاءات بالأمم المتحدة خلال 30 يومًا",
            },
            "entity_type": "mou",
            "entity_id": "uuid",
            "action_required": True,
            "actions": [{"label": "Review", "url": "/mous/uuid/review"}],
        },
    },
    {
        "type": "task_update",
        "channel": "workspace:uuid",
        "payload": {
            "task_id": "uuid",
            "previous_status": "pending",
            "new_status": "in_progress",
            "assigned_to": "uuid",
            "updated_by": "uuid",
            "timestamp": 1234567890,
        },
    },
    {
        "type": "task_assigned",
        "channel": "user:uuid",
        "payload": {
            "task_id": "uuid",
            "title": "Prepare UN Statistics Division Brief",
            "assigned_by": {"user_id": "uuid", "name": "Sarah Johnson"},
            "due_date": "2025-10-15",
            "priority": "high",
        },
    },
    {
        "type": "brief_generation_started",
        "request_id": "uuid",
        "payload": {"type": "meeting", "entity_id": "uuid", "estimated_time": 30000},
    },
    {
        "type": "brief_generation_progress",
        "request_id": "uuid",
        "payload": {
            "stage": "analyzing",
            "progress": 45,
            "message": "Analyzing historical interactions...",
        },
    },
    {
        "type": "brief_generation_complete",
        "request_id": "uuid",
        "payload": {"brief_id": "uuid", "generation_time": 28500, "confidence_score": 0.92},
    },
    {
        "type": "brief_generation_failed",
        "request_id": "uuid",
        "payload": {"error": "AI service temporarily unavailable", "fallback_available": True},
    },
    {
        "type": "commitment_alert",
        "priority": "high",
        "payload": {
            "commitment_id": "uuid",
            "mou_id": "uuid",
            "title": "Data submission deadline approaching",
            "days_until_deadline": 7,
            "responsible_department": "International Relations",
            "alert_level": 1,
        },
    },
    {
        "type": "relationship_health_change",
        "channel": "relationship:uuid",
        "payload": {
            "relationship_id": "uuid",
            "previous_status": "healthy",
            "new_status": "at_risk",
            "score_change": -15,
            "current_score": 58,
            "trigger": "no_interaction_90_days",
            "recommendations": ["Schedule bilateral meeting", "Review pending commitments"],
        },
    },
    {
        "type": "error",
        "error_code": "SUBSCRIPTION_FAILED",
        "message": "Insufficient permissions to subscribe to channel",
        "channel": "dossier:secret:xyz",
        "timestamp": 1234567890,
    },
    {"type": "rate_limit_warning", "payload": {"current_rate": 95, "limit": 100, "reset_in": 45}},
    {"type": "rate_limit_exceeded", "payload": {"retry_after": 60, "limit": 100}},
    {
        "type": "connection_state",
        "state": "authenticated",
        "session_id": "uuid",
        "reconnect_count": 0,
    },
]

PUBLISHABLE = {struct.__struct_config__.tag for struct in get_args(Publishable)}

LISTED_VALUES = [
    ("dossier_update", "payload.operation", ["create", "update", "delete"]),
    ("remote_operation", "payload.operation_type", ["insert", "delete", "format"]),
    ("presence_join", "payload.status", ["online", "away", "busy"]),
    ("presence_join", "payload.activity", ["viewing", "editing", "commenting"]),
    ("notification", "priority", ["low", "medium", "high", "urgent"]),
    (
        "brief_generation_progress",
        "payload.stage",
        ["analyzing", "generating", "reviewing", "finalizing"],
    ),
    ("commitment_alert", "payload.alert_level", [1, 2, 3]),
    (
        "connection_state",
        "state",
        ["connecting", "connected", "authenticated", "reconnecting", "disconnected", "error"],
    ),
    (
        "error",
        "error_code",
        [
            "AUTH_FAILED",
            "INVALID_TOKEN",
            "SUBSCRIPTION_FAILED",
            "PERMISSION_DENIED",
            "RATE_LIMIT_EXCEEDED",
            "INVALID_MESSAGE_FORMAT",
            "CHANNEL_NOT_FOUND",
            "VERSION_CONFLICT",
        ],
    ),
]

CHANNELS = [
    "dossier:country:SA",
    "dossier:mou:uuid",
    "dossier:secret:xyz",
    "document:uuid",
    "workspace:uuid",
    "user:uuid",
    "relationship:uuid",
    "global",
]


def _frame(message: dict[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False).encode()


def _holds(whole: Any, printed: Any) -> bool:
    """Return whether everything printed stands in `whole`, with the same type and the same value."""
    if isinstance(printed, dict):
        return all(key in whole and _holds(whole[key], value) for key, value in printed.items())
    if isinstance(printed, list):
        return len(whole) == len(printed) and all(map(_holds, whole, printed))
    return type(whole) is type(printed) and bool(whole == printed)


def _type(message: dict[str, Any]) -> str:
    return str(message["type"])


@pytest.mark.parametrize("message", SAID_BY_CLIENTS, ids=_type)
def test_what_the_contract_prints_for_clients_is_accepted(message: dict[str, Any]) -> None:
    command = codec.decode_command(_frame(message))
    assert not isinstance(command, InboundMessage)
    assert _holds(json.loads(codec.encode(command)), message)


@pytest.mark.parametrize("message", SAID_BY_THE_SERVER, ids=_type)
def test_what_the_contract_prints_for_the_server_is_read_and_written_with_its_values(
    message: dict[str, Any],
) -> None:
    event = codec.decode_event(_frame(message))
    assert _holds(json.loads(codec.encode(event)), message)


@pytest.mark.parametrize("message", [m for m in SAID_BY_THE_SERVER if m["type"] in PUBLISHABLE], ids=_type)
def test_a_printed_event_may_be_published_as_it_stands(message: dict[str, Any]) -> None:
    inbound = codec.decode_command(_frame(message))
    assert isinstance(inbound, InboundMessage)
    assert _holds(json.loads(codec.encode(inbound.event)), message)


@pytest.mark.parametrize(("kind", "path", "listed"), LISTED_VALUES, ids=lambda part: str(part)[:40])
def test_every_value_that_the_contract_lists_is_taken(kind: str, path: str, listed: list[object]) -> None:
    for value in listed:
        message = json.loads(_frame(next(m for m in SAID_BY_THE_SERVER if m["type"] == kind)))
        *parents, last = path.split(".")
        place = message
        for parent in parents:
            place = place[parent]
        place[last] = value
        assert _holds(json.loads(codec.encode(codec.decode_event(_frame(message)))), message)


def test_the_first_error_codes_are_the_contracts_in_its_order() -> None:
    assert [str(code) for code in ErrorCode][:8] == LISTED_VALUES[-1][2]


@pytest.mark.parametrize("name", CHANNELS)
def test_every_channel_of_the_naming_convention_is_one(name: str) -> None:
    assert channels.parse(name).name == name

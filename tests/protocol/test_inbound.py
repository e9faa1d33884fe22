"""What a client publishes: read strictly, then stamped with who it is and when."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier_realtime.protocol import codec
from dossier_realtime.protocol.events import DossierUpdate, Notification, Publishable
from dossier_realtime.protocol.inbound import INBOUND, ForeignIdentity, InboundMessage, event_type, stamp
from tests.protocol.samples import messages

SENDER, NAME, NOW = "u1", "Ahmed", 1_760_000_000

DOSSIER = {
    "entity_type": "country",
    "entity_id": "e1",
    "operation": "update",
    "fields_changed": ["cooperation_areas"],
}
TASK = {"task_id": "t1", "previous_status": "pending", "new_status": "done"}
ASSIGNED = {"task_id": "t1", "title": "Brief", "due_date": "2025-10-15", "priority": "high"}


def _inbound(kind: str, payload: dict[str, Any], **top: object) -> InboundMessage:
    inbound = codec.decode_command(json.dumps({"type": kind, "payload": payload, **top}).encode())
    assert isinstance(inbound, InboundMessage)
    return inbound


def _sent(inbound: InboundMessage) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(codec.encode(inbound.event))
    return document


def test_every_publishable_event_has_an_inbound_form_that_is_one_of_it() -> None:
    assert set(INBOUND) == set(get_args(Publishable))
    for event, inbound in INBOUND.items():
        assert issubclass(inbound, event)
        assert inbound.__struct_config__.tag == event.__struct_config__.tag


@given(event=st.one_of(*map(messages, get_args(Publishable))))
def test_the_type_of_a_draft_is_that_of_its_event(event: Publishable) -> None:
    inbound = codec.decode_command(codec.encode(event))
    assert isinstance(inbound, InboundMessage)
    assert event_type(inbound.event) is event_type(event) is type(event)


def test_ref_and_key_are_the_drafts_and_never_a_part_of_the_event() -> None:
    inbound = _inbound("dossier_update", DOSSIER, channel="dossier:country:SA", ref="r1", idempotency_key="k1")
    assert (inbound.ref, inbound.idempotency_key, inbound.channel) == ("r1", "k1", "dossier:country:SA")
    assert _sent(inbound).keys() == {"type", "channel", "payload"}


@pytest.mark.parametrize("offset", [1, -1, 2**64, "1", None, [], {"a": 1}])
def test_an_offset_from_a_client_is_ignored_whatever_it_is(offset: object) -> None:
    inbound = _inbound("dossier_update", DOSSIER, channel="dossier:country:SA", offset=offset)
    assert _sent(inbound).keys() == {"type", "channel", "payload"}


def test_ref_and_key_of_an_event_over_http_do_not_go_out_with_it() -> None:
    frame = {"type": "dossier_update", "payload": DOSSIER, "ref": "r1", "idempotency_key": "k1", "offset": 3}
    inbound = codec.decode_inbound(json.dumps(frame).encode())
    assert (inbound.ref, inbound.idempotency_key) == ("r1", "k1")
    assert _sent(inbound).keys() == {"type", "payload"}


@pytest.mark.parametrize("key", ["", "k" * 65, 1, ["k"]])
def test_an_idempotency_key_is_a_string_of_1_to_64(key: object) -> None:
    with pytest.raises(codec.InvalidMessage) as refused:
        _inbound("dossier_update", DOSSIER, channel="dossier:country:SA", idempotency_key=key)
    assert refused.value.path == "$.idempotency_key"


def test_an_absent_identity_and_time_are_stamped() -> None:
    inbound = _inbound("dossier_update", DOSSIER, channel="dossier:country:SA")
    stamp(inbound.event, SENDER, NAME, NOW)
    assert _sent(inbound)["payload"] == DOSSIER | {
        "updated_by": {"user_id": SENDER, "name": NAME},
        "timestamp": NOW,
    }


def test_a_task_is_stamped_with_the_id_alone() -> None:
    inbound = _inbound("task_update", TASK, channel="workspace:w1")
    stamp(inbound.event, SENDER, NAME, NOW)
    assert _sent(inbound)["payload"]["updated_by"] == SENDER
    assert _sent(inbound)["payload"]["timestamp"] == NOW


def test_a_clients_own_time_and_offset_are_not_believed() -> None:
    inbound = _inbound("dossier_update", DOSSIER | {"timestamp": 5}, channel="dossier:country:SA", offset=99)
    stamp(inbound.event, SENDER, NAME, NOW)
    assert _sent(inbound)["payload"]["timestamp"] == NOW
    assert "offset" not in _sent(inbound)


@pytest.mark.parametrize(
    ("kind", "payload", "field", "own", "foreign"),
    [
        (
            "dossier_update",
            DOSSIER,
            "updated_by",
            {"user_id": SENDER, "name": NAME},
            [{"user_id": "u2", "name": NAME}, {"user_id": SENDER, "name": "Sarah"}],
        ),
        ("task_update", TASK, "updated_by", SENDER, ["u2", "U1"]),
        (
            "task_assigned",
            ASSIGNED,
            "assigned_by",
            {"user_id": SENDER, "name": NAME},
            [{"user_id": "u2", "name": "Sarah"}],
        ),
    ],
)
def test_only_ones_own_identity_may_be_said(
    kind: str, payload: dict[str, Any], field: str, own: object, foreign: list[object]
) -> None:
    inbound = _inbound(kind, payload | {field: own})
    stamp(inbound.event, SENDER, NAME, NOW)
    assert _sent(inbound)["payload"][field] == own
    for other in foreign:
        inbound = _inbound(kind, payload | {field: other})
        with pytest.raises(ForeignIdentity, match=rf"\$\.payload\.{field}"):
            stamp(inbound.event, SENDER, NAME, NOW)


def test_an_event_without_identity_is_stamped_with_nothing() -> None:
    payload = {"error": "AI service temporarily unavailable", "fallback_available": True}
    inbound = _inbound("brief_generation_failed", payload, channel="user:u1", request_id="b1")
    stamp(inbound.event, SENDER, NAME, NOW)
    assert _sent(inbound)["payload"] == payload


def test_stamping_one_draft_leaves_another_as_it_is() -> None:
    first, second = (_inbound("task_update", TASK) for _ in range(2))
    stamp(first.event, SENDER, NAME, NOW)
    stamp(second.event, "u2", "Sarah", NOW + 1)
    assert _sent(first)["payload"]["updated_by"] == SENDER


@pytest.mark.parametrize("inside", ["updated_by", "payload"])
def test_unknown_fields_are_refused_at_every_depth(inside: str) -> None:
    payload: dict[str, Any] = DOSSIER | {"updated_by": {"user_id": SENDER, "name": NAME}}
    (payload["updated_by"] if inside == "updated_by" else payload)["more"] = 1
    with pytest.raises(codec.InvalidMessage, match="`more`"):
        _inbound("dossier_update", payload)


def test_what_the_server_sends_may_be_read_with_unknown_fields() -> None:
    body = {"type": "dossier_update", "channel": "dossier:country:SA", "more": 1}
    payload = DOSSIER | {"updated_by": {"user_id": "u", "name": "n", "more": 1}, "timestamp": 1, "more": 1}
    event = codec.decode_event(json.dumps(body | {"payload": payload}))
    assert type(event) is DossierUpdate


def test_the_defaults_of_an_event_hold_inbound_too() -> None:
    text = {"en": "Hello", "ar": "مرحبا"}
    inbound = _inbound("notification", {"id": "n1", "title": text, "message": text}, priority="low")
    assert isinstance(inbound.event, Notification)
    assert (inbound.event.payload.action_required, inbound.event.payload.actions) == (False, [])

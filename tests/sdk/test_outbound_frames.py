"""From what a user hands over to a frame that the server accepts."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dossier_realtime.client.state.outbound_frames import MAX_FRAME_BYTES, body_of, frame_of
from dossier_realtime.protocol import codec
from dossier_realtime.protocol import events as ev
from dossier_realtime.protocol.fields import Actor
from dossier_realtime.protocol.inbound import InboundMessage
from tests.sdk.samples import SA, update


def inbound(frame: bytes) -> InboundMessage:
    read = codec.decode_command(frame)
    assert isinstance(read, InboundMessage)
    return read


def test_a_mapping_becomes_a_send_with_its_channel_ref_and_key() -> None:
    read = inbound(frame_of(SA, update(), "7", "key"))
    assert (read.channel, read.ref, read.idempotency_key) == (SA, "7", "key")


def test_a_struct_goes_out_without_what_only_the_server_may_write() -> None:
    payload = ev.DossierUpdatePayload(
        entity_type="country",
        entity_id="SA",
        operation="update",
        fields_changed=["name"],
        updated_by=Actor("somebody", "Somebody Else"),
        timestamp=1,
    )
    body = body_of(ev.DossierUpdate(channel=SA, payload=payload, offset=9))
    assert "offset" not in body
    assert not {"updated_by", "timestamp"} & body["payload"].keys()
    assert inbound(frame_of(SA, ev.DossierUpdate(channel=SA, payload=payload), "1", "key")).channel == SA


def test_the_users_own_mapping_is_left_as_it_was() -> None:
    message = update()
    frame_of(SA, message, "1", "key")
    assert message == update()


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ({"type": "ping"}, "there is a method"),
        ({"type": "subscribe"}, "there is a method"),
        ({"payload": {}}, "type"),
        (update(channel="dossier:country:EG"), "another channel"),
        ({"type": "dossier_update", "payload": {"entity_id": 1}}, r"\$\.payload"),
        ({"type": "dossier_update", "payload": update()["payload"] | {"surprise": 1}}, "surprise"),
        (update("x" * MAX_FRAME_BYTES), "shorten"),
    ],
)
def test_what_the_server_would_refuse_is_refused_before_it_is_sent(message: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        frame_of(SA, message, "1", "key")


def test_every_publishable_event_can_be_sent_as_a_struct() -> None:
    notification = ev.Notification(
        priority="high",
        payload=msgspec.convert(
            {"id": "n", "title": {"en": "a", "ar": "ب"}, "message": {"en": "a", "ar": "ب"}}, ev.NotificationPayload
        ),
    )
    read = inbound(frame_of("user:tester", notification, "1", "key"))
    assert read.channel == "user:tester"

"""A document's state in the client when the server refuses, or says what cannot be."""

from __future__ import annotations

import pytest

from dossier_realtime.client.errors import DeniedError, ProtocolViolation
from dossier_realtime.client.state.document_replica import RELOAD_INTERVAL_SECONDS, RETRY_AFTER_SECONDS
from dossier_realtime.protocol import responses
from dossier_realtime.protocol.commands import Attributes, Subscribe, Unsubscribe
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.events import (
    RemoteOperation,
    RemoteOperationPayload,
)
from tests.sdk.document_service import PAPER, Desk, Paper, insert, joined, refusal


def test_a_version_conflict_loads_the_document_and_sends_the_edit_under_a_new_id() -> None:
    desk = joined("ab")
    desk.type(2, "c")
    first = desk.sent()
    desk.hear(refusal(ErrorCode.VERSION_CONFLICT, first.ref, version=0))
    desk.take(Unsubscribe)
    assert desk.be_answered().params.since is None
    again = desk.sent()
    assert again.payload.content == "c"
    assert again.payload.op_id != first.payload.op_id
    desk.be_acked(again)
    assert desk.is_synced()
    assert (desk.text, desk.faults) == ("abc", [])


@pytest.mark.parametrize(
    ("code", "retry_after", "wait"),
    [
        (ErrorCode.RATE_LIMIT_EXCEEDED, 7, 7),
        (ErrorCode.RATE_LIMIT_EXCEEDED, None, RETRY_AFTER_SECONDS),
        (ErrorCode.SERVICE_UNAVAILABLE, None, RETRY_AFTER_SECONDS),
        (ErrorCode.PERMISSION_DENIED, None, RETRY_AFTER_SECONDS),
    ],
)
def test_what_is_refused_for_now_is_kept_and_sent_again(code: ErrorCode, retry_after: int | None, wait: float) -> None:
    desk = joined()
    desk.type(0, "mine")
    first, now = desk.sent(), 0.0
    for ref in (first.ref, None):
        desk.hear(refusal(code, ref or desk.sent().ref, retry_after=retry_after), now=now)
        desk.type(0, "x", now)
        desk.tick(now + wait - 0.01)
        assert desk.said == []
        assert desk.session.deadline(now) == now + wait
        now += wait
        desk.tick(now)
    again = desk.sent()
    assert again.payload == first.payload
    assert (desk.text, desk.is_synced()) == ("xxmine", False)
    told = 1 if code is ErrorCode.PERMISSION_DENIED else 0
    assert [fault.error_code for fault in desk.faults if isinstance(fault, DeniedError)] == [code] * told
    desk.be_acked(again, now)
    desk.be_acked(desk.sent(), now)
    assert desk.is_synced()
    assert desk.paper.content == "xxmine"


def test_what_was_denied_is_offered_again_on_a_new_connection() -> None:
    desk = joined()
    desk.type(0, "mine")
    desk.hear(refusal(ErrorCode.PERMISSION_DENIED, desk.sent().ref))
    desk.lose_connection(0)
    desk.join(now=1)
    desk.be_acked(desk.sent())
    assert desk.is_synced()


def test_what_can_never_be_accepted_is_taken_out_and_told() -> None:
    desk = joined("ab")
    desk.type(1, "never")
    desk.type(0, "later ")
    desk.hear(refusal(ErrorCode.INVALID_MESSAGE_FORMAT, desk.sent().ref))
    assert desk.text == "later ab"
    assert desk.mirror.changes[-1].origin == "refused"
    assert isinstance(desk.faults[0], DeniedError)
    desk.be_acked(desk.sent())
    assert desk.is_synced()
    assert desk.paper.content == "later ab" == desk.mirror.document.content


def test_an_edit_too_long_for_a_frame_is_taken_out_and_what_follows_is_sent() -> None:
    desk = joined()
    desk.type(0, "\x01" * 16_384)
    assert desk.said == []
    assert desk.text == ""
    assert isinstance(desk.faults[0], DeniedError)
    assert desk.is_synced()
    desk.type(0, "fine")
    assert desk.sent().payload.content == "fine"


def _remote(version: int, position: int, **changed: object) -> RemoteOperation:
    fields = {"user_id": "x", "user_name": "X", "operation_type": "insert", "content": "!", **changed}
    payload = RemoteOperationPayload(position=position, version=version, **fields)  # type: ignore[arg-type]
    return RemoteOperation(channel=PAPER, payload=payload)


@pytest.mark.parametrize(
    "wrong",
    [
        _remote(3, 0),
        _remote(0, 0),
        _remote(1, 30),
        _remote(1, 2),
        _remote(1, 0, operation_type="delete", content=None, length=30),
        _remote(1, 0, operation_type="format", content=None, length=1),
        _remote(1, 0, content="x" * 20_000),
        _remote(1, 0, content=""),
    ],
    ids=["gap", "past", "beyond", "in a pair", "long delete", "empty format", "long insert", "empty insert"],
)
def test_a_server_that_says_nonsense_is_asked_for_the_whole_text(wrong: RemoteOperation) -> None:
    desk = joined("a😀b")
    desk.type(4, " mine")
    desk.sent()
    before = desk.text
    desk.hear(wrong)
    assert desk.text == before
    desk.take(Unsubscribe)
    asked = desk.take(Subscribe)
    assert isinstance(asked, Subscribe)
    assert asked.params.since is None
    desk.hear(_remote(1, 0))  # of before: nobody subscribes now
    assert desk.text == before
    assert isinstance(desk.faults[0], ProtocolViolation)
    desk.hear(*desk.paper.subscribed(asked))
    desk.be_acked(desk.sent())
    desk.take(Unsubscribe)  # the edit may have been in that text or not: one more load tells
    desk.tick(RELOAD_INTERVAL_SECONDS)
    desk.be_answered(now=RELOAD_INTERVAL_SECONDS)
    desk.be_acked(desk.sent())
    assert desk.is_synced()
    assert desk.text == before == desk.paper.content == desk.mirror.document.content
    assert len(desk.faults) == 1


def test_an_ack_of_another_version_loads_the_document_anew() -> None:
    desk = joined()
    desk.type(0, "x")
    op_id = desk.sent().payload.op_id
    ack = responses.OperationAckPayload(version=9, op_id=op_id)
    desk.hear(responses.OperationAck(channel=PAPER, payload=ack))
    desk.take(Unsubscribe)
    assert desk.text == "x"


def test_a_server_that_is_always_wrong_is_asked_once_a_second() -> None:
    desk = joined()
    desk.hear(_remote(7, 0), now=100)
    desk.take(Unsubscribe)
    desk.be_answered(now=100)
    desk.hear(_remote(7, 0), now=100.1)
    desk.take(Unsubscribe)
    assert desk.said == []
    assert desk.session.deadline(100.1) == 100 + RELOAD_INTERVAL_SECONDS
    desk.tick(100 + RELOAD_INTERVAL_SECONDS)
    desk.be_answered(now=101)
    desk.hear(desk.paper.commit(insert(0, "good", 0)), now=101)
    assert desk.text == "good"


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"recovered": True},
        {"document": responses.DocumentState(1, "ab", [responses.FormatRun(1, 5, Attributes(bold=True))])},
    ],
    ids=["no text", "recovered from nothing", "a run that leaves the text"],
)
def test_a_subscription_without_a_text_is_tried_again(answer: dict[str, object]) -> None:
    desk = Desk(Paper("ab"))
    desk.connect(10)
    asked = desk.take(Subscribe)
    assert isinstance(asked, Subscribe)
    desk.hear(responses.Subscribed(channel=PAPER, ref=asked.ref, **answer), now=10)  # type: ignore[arg-type]
    assert not desk.replica.loaded
    desk.take(Unsubscribe)
    desk.be_answered(now=10)
    assert desk.text == "ab"
    assert isinstance(desk.faults[0], ProtocolViolation)


def test_errors_about_other_things_are_not_taken_for_the_documents() -> None:
    desk = joined()
    desk.type(0, "x")
    first = desk.sent()
    desk.hear(refusal(ErrorCode.PERMISSION_DENIED, "someone-elses"))
    assert [type(fault) for fault in desk.faults] == [DeniedError]
    desk.be_acked(first)
    assert desk.is_synced()

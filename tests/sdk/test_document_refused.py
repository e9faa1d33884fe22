"""A document's state in the client when the server refuses, or says what cannot be."""

from __future__ import annotations

import pytest
from msgspec import structs

from dossier_realtime.client.errors import DeniedError, DocumentRestored, ProtocolViolation
from dossier_realtime.client.state.document_replica import RELOAD_INTERVAL_SECONDS, RETRY_AFTER_SECONDS
from dossier_realtime.client.state.outbound_frames import MAX_FRAME_BYTES
from dossier_realtime.ot.flat import parts
from dossier_realtime.ot.operations import Delete, Insert, Operation, Retain
from dossier_realtime.ot.units import to_units
from dossier_realtime.protocol import codec, responses
from dossier_realtime.protocol.commands import Attributes, Subscribe, Unsubscribe
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.events import (
    RemoteOperation,
    RemoteOperationPayload,
)
from dossier_realtime.protocol.fields import MAX_DOCUMENT
from tests.sdk.document_service import PAPER, DocumentService, EditorDriver, insert, joined, refusal


def test_a_version_conflict_loads_the_document_and_sends_the_edit_under_a_new_id() -> None:
    driver = joined("ab")
    driver.type(2, "c")
    first = driver.sent()
    driver.receive(refusal(ErrorCode.VERSION_CONFLICT, first.ref, version=0))
    driver.take(Unsubscribe)
    assert driver.be_answered().params.since is None
    again = driver.sent()
    assert again.payload.content == "c"
    assert again.payload.op_id != first.payload.op_id
    driver.be_acked(again)
    assert driver.is_synced()
    assert (driver.text, driver.faults) == ("abc", [])


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
    driver = joined()
    driver.type(0, "mine")
    first, now = driver.sent(), 0.0
    for ref in (first.ref, None):
        driver.receive(refusal(code, ref or driver.sent().ref, retry_after=retry_after), now=now)
        driver.type(0, "x", now)
        driver.tick(now + wait - 0.01)
        assert driver.said == []
        assert driver.session.deadline(now) == now + wait
        now += wait
        driver.tick(now)
    again = driver.sent()
    assert again.payload == first.payload
    assert (driver.text, driver.is_synced()) == ("xxmine", False)
    told = 1 if code is ErrorCode.PERMISSION_DENIED else 0
    assert [fault.error_code for fault in driver.faults if isinstance(fault, DeniedError)] == [code] * told
    driver.be_acked(again, now)
    driver.be_acked(driver.sent(), now)
    assert driver.is_synced()
    assert driver.service.content == "xxmine"


def test_what_was_denied_is_offered_again_on_a_new_connection() -> None:
    driver = joined()
    driver.type(0, "mine")
    driver.receive(refusal(ErrorCode.PERMISSION_DENIED, driver.sent().ref))
    driver.lose_connection(0)
    driver.join(now=1)
    driver.be_acked(driver.sent())
    assert driver.is_synced()


def test_an_id_that_was_given_to_another_edit_is_replaced_and_told() -> None:
    driver = joined("ab")
    driver.type(1, "kept")
    first = driver.sent()
    driver.receive(refusal(ErrorCode.INVALID_MESSAGE_FORMAT, first.ref, message="taken (at $.payload.op_id)"))
    again = driver.sent()
    assert again.payload.op_id != first.payload.op_id
    assert structs.replace(again.payload, op_id=None) == structs.replace(first.payload, op_id=None)
    assert [isinstance(fault, DeniedError) for fault in driver.faults] == [True]
    driver.receive(refusal(ErrorCode.INVALID_MESSAGE_FORMAT, again.ref, message="taken (at $.payload.op_id)"))
    assert driver.said == [], "a server that refuses each id is not asked at once"
    assert driver.session.deadline(0) == RETRY_AFTER_SECONDS
    driver.tick(RETRY_AFTER_SECONDS)
    driver.be_acked(driver.sent())
    assert driver.is_synced()
    assert driver.service.content == "akeptb" == driver.text


def test_a_restored_text_is_told_with_what_it_was_before_and_what_was_not_confirmed_is_sent_on_it() -> None:
    driver = joined("ab")
    kept = driver.service.backup()
    driver.type(2, " confirmed")
    driver.be_acked(driver.sent())
    driver.type(0, "flying ")
    in_flight = driver.sent()
    driver.type(0, "offline ")
    driver.lose_connection(0)
    driver.service.restore(kept)
    for n in range(3):
        driver.service.commit(insert(n, "z", 2 + n))
    driver.join()
    again = driver.sent()
    assert structs.replace(again.payload, epoch=None) == in_flight.payload
    assert again.payload.epoch == "1"
    (told,) = driver.faults
    assert isinstance(told, DocumentRestored)
    assert (told.confirmed, told.local) == ("ab confirmed", "offline flying ab confirmed")
    for command in (again, None):
        driver.be_acked(command or driver.sent())
    while not driver.is_synced():
        driver.be_acked(driver.sent())
    assert driver.text == driver.service.content == driver.mirror.document.content
    assert driver.text.replace("zzz", "") == "offline flying ab"
    assert len(driver.faults) == 1


def test_a_restored_text_that_is_the_same_is_not_told() -> None:
    driver = joined("ab")
    driver.service.restore(driver.service.backup())
    driver.lose_connection(0)
    driver.join()
    assert (driver.text, driver.faults, driver.replica.epoch) == ("ab", [], "2")


def test_what_can_never_be_accepted_is_taken_out_and_told() -> None:
    driver = joined("ab")
    driver.type(1, "never")
    driver.type(0, "later ")
    driver.receive(refusal(ErrorCode.INVALID_MESSAGE_FORMAT, driver.sent().ref))
    assert driver.text == "later ab"
    assert driver.mirror.changes[-1].origin == "refused"
    assert isinstance(driver.faults[0], DeniedError)
    driver.be_acked(driver.sent())
    assert driver.is_synced()
    assert driver.service.content == "later ab" == driver.mirror.document.content


@pytest.mark.parametrize("text", ["\x01" * 16_384, "\x01" * 40_000, "😀" * 20_000, "م" * 50_000])
def test_a_paste_longer_than_a_frame_goes_in_pieces_and_is_one_step_of_undo(text: str) -> None:
    driver = joined("ab")
    driver.type(1, text)
    while not driver.is_synced():
        command = driver.sent()
        assert len(codec.encode(command)) <= MAX_FRAME_BYTES
        driver.be_acked(command)
    assert driver.service.content == driver.text == f"a{text}b"
    assert driver.faults == []
    driver.carry_out(driver.replica.undo(0))
    assert driver.text == "ab"
    assert [change.origin for change in driver.mirror.changes[1:]] == ["local", "undo"]


def test_an_edit_over_the_limit_of_a_document_changes_neither_text_nor_history() -> None:
    driver = joined("ab")
    driver.type(1, "x")
    for text in ("y" * (1 << 20), "nul\0"):
        with pytest.raises(ValueError, match=r"shorten|remove"):
            driver.type(0, text)
    assert driver.text == "axb"
    assert [change.origin for change in driver.mirror.changes[1:]] == ["local"]
    driver.carry_out(driver.replica.undo(0))
    assert driver.text == "ab"
    assert driver.replica.undo(0) == []
    driver.carry_out(driver.replica.redo(0))
    assert driver.text == "axb"


def test_an_undo_that_the_document_has_no_room_for_can_be_made_later() -> None:
    driver = joined("x" * 16_000)
    everything = Operation.of(Delete(16_000))
    driver.carry_out(driver.replica.edit(everything, 0, join=False))
    while not driver.is_synced():
        driver.be_acked(driver.sent())
    filling = Operation.of(Insert(to_units("y" * (MAX_DOCUMENT - 10))))
    for part in parts(filling):
        driver.receive(driver.service.commit(part))
    with pytest.raises(ValueError, match="shorten"):
        driver.replica.undo(0)
    room = Operation.of(Delete(20_000), Retain(MAX_DOCUMENT - 20_010))
    driver.receive(driver.service.commit(room))
    driver.carry_out(driver.replica.undo(0))
    assert driver.text.count("x") == 16_000


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
    driver = joined("a😀b")
    driver.type(4, " mine")
    driver.sent()
    before = driver.text
    driver.receive(wrong)
    assert driver.text == before
    driver.take(Unsubscribe)
    asked = driver.take(Subscribe)
    assert isinstance(asked, Subscribe)
    assert asked.params.since is None
    driver.receive(_remote(1, 0))  # of before: nobody subscribes now
    assert driver.text == before
    assert isinstance(driver.faults[0], ProtocolViolation)
    driver.receive(*driver.service.subscribed(asked))
    driver.be_acked(driver.sent())
    driver.take(Unsubscribe)  # the edit may have been in that text or not: one more load tells
    driver.tick(RELOAD_INTERVAL_SECONDS)
    driver.be_answered(now=RELOAD_INTERVAL_SECONDS)
    driver.be_acked(driver.sent())
    assert driver.is_synced()
    assert driver.text == before == driver.service.content == driver.mirror.document.content
    assert len(driver.faults) == 1


def test_an_ack_of_another_version_loads_the_document_anew() -> None:
    driver = joined()
    driver.type(0, "x")
    op_id = driver.sent().payload.op_id
    ack = responses.OperationAckPayload(version=9, op_id=op_id)
    driver.receive(responses.OperationAck(channel=PAPER, payload=ack))
    driver.take(Unsubscribe)
    assert driver.text == "x"


def test_a_server_that_is_always_wrong_is_asked_once_a_second() -> None:
    driver = joined()
    driver.receive(_remote(7, 0), now=100)
    driver.take(Unsubscribe)
    driver.be_answered(now=100)
    driver.receive(_remote(7, 0), now=100.1)
    driver.take(Unsubscribe)
    assert driver.said == []
    assert driver.session.deadline(100.1) == 100 + RELOAD_INTERVAL_SECONDS
    driver.tick(100 + RELOAD_INTERVAL_SECONDS)
    driver.be_answered(now=101)
    driver.receive(driver.service.commit(insert(0, "good", 0)), now=101)
    assert driver.text == "good"


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
    driver = EditorDriver(DocumentService("ab"))
    driver.connect(10)
    asked = driver.take(Subscribe)
    assert isinstance(asked, Subscribe)
    driver.receive(responses.Subscribed(channel=PAPER, ref=asked.ref, **answer), now=10)  # type: ignore[arg-type]
    assert not driver.replica.loaded
    driver.take(Unsubscribe)
    driver.be_answered(now=10)
    assert driver.text == "ab"
    assert isinstance(driver.faults[0], ProtocolViolation)


def test_errors_about_other_things_are_not_taken_for_the_documents() -> None:
    driver = joined()
    driver.type(0, "x")
    first = driver.sent()
    driver.receive(refusal(ErrorCode.PERMISSION_DENIED, "someone-elses"))
    assert [type(fault) for fault in driver.faults] == [DeniedError]
    driver.be_acked(first)
    assert driver.is_synced()

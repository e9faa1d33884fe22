"""A document's state in the client: what the user does and what arrives go in, effects come out."""

from __future__ import annotations

from collections import Counter

import pytest

from dossier_realtime.client.errors import DeniedError, DocumentRestored, NotSubscribed
from dossier_realtime.client.state.changes import Cursor, Edit
from dossier_realtime.client.state.editing.own_caret import CURSOR_INTERVAL_SECONDS
from dossier_realtime.client.state.editing.remote_cursors import by_user
from dossier_realtime.client.state.effects import CursorsMoved, Opened, Synced
from dossier_realtime.ot.operations import Format, Operation, Retain
from dossier_realtime.protocol import responses
from dossier_realtime.protocol.commands import Attributes, MoveCursor, Subscribe
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.events import (
    CursorPosition,
    CursorPositionPayload,
    PresenceLeave,
    PresenceLeavePayload,
)
from dossier_realtime.protocol.fields import DeletedPlace
from tests.sdk.delivery_schedules import Office
from tests.sdk.document_service import PAPER, DocumentService, EditorDriver, delete, insert, joined, refusal


@pytest.fixture(scope="module")
def met() -> Counter[str]:
    """The events of all schedules."""
    return Counter()


@pytest.mark.parametrize("seed", range(200))
def test_everybody_ends_with_the_same_text_whatever_the_network_does(seed: int, met: Counter[str]) -> None:
    office = Office(seed)
    office.play(250)
    met += office.met
    for editor in office.editors:
        assert editor.replica.synced, editor.name
        assert editor.replica.document == office.service.document, editor.name
        assert editor.replica.version == office.service.log.tip
        assert editor.mirror.document == editor.replica.document
        assert all(0 <= c.position <= editor.replica.document.length for c in editor.replica.cursors.values())
        assert all(isinstance(fault, DeniedError | DocumentRestored) for fault in editor.faults), editor.faults
    of = [
        op_id if author != "mal" else None
        for (op_id, _), author in zip(office.service.committed, office.service.authors, strict=True)
    ]
    made = Counter(of)
    for op_id, version in office.acked.items():
        places = [number for number, name in enumerate(of, 1) if name == op_id]
        assert not places or places == list(range(version - made[op_id] + 1, version + 1)), op_id
    if office.inserts_only:
        typed, content = {character for word in office.typed for character in word}, Counter(office.service.content)
        assert [one for one in typed if content[one] > 1] == [], "text twice"
        assert typed - set(content) <= office.confirmed_and_gone, "something typed is lost"


def test_the_schedules_meet_what_they_are_for(met: Counter[str]) -> None:
    kinds = ("caught up", "loaded", "loaded anew", "denied", "asked to wait", "sent again", "restored", "imitated")
    for what in kinds:
        assert met[what] > 20, what


def test_the_text_comes_with_the_subscription_and_is_told_as_a_change() -> None:
    driver = EditorDriver(DocumentService("مرحبا 😀"))
    with pytest.raises(NotSubscribed, match="await ready"):
        driver.type(0, "x")
    asked = driver.join()
    assert asked.params.include_presence
    assert asked.params.since is None
    assert (driver.text, driver.replica.version, driver.is_synced()) == ("مرحبا 😀", 0, True)
    assert driver.mirror.document.content == "مرحبا 😀"
    assert driver.mirror.changes[0].origin == "reload"
    assert Opened(PAPER) in driver.heard


def test_an_edit_is_there_at_once_and_one_operation_is_under_way_at_a_time() -> None:
    driver = joined("ab")
    driver.type(1, "😀")
    driver.type(3, "م")
    driver.type(4, "!")
    assert driver.text == "a😀م!b"
    assert not driver.is_synced()
    assert [change.edits for change in driver.mirror.changes[1:]] == [
        (Edit("insert", 1, "😀", None, None),),
        (Edit("insert", 3, "م", None, None),),
        (Edit("insert", 4, "!", None, None),),
    ]
    first = driver.sent()
    assert (first.payload.position, first.payload.content, first.payload.version) == (1, "😀", 0)
    assert driver.said == []
    driver.be_acked(first)
    second = driver.sent()
    assert (second.payload.content, second.payload.version) == ("م!", 1)
    assert second.payload.op_id != first.payload.op_id
    driver.be_acked(second)
    assert driver.is_synced()
    assert driver.heard.count(Synced(PAPER)) == 1
    assert driver.service.content == driver.text


def test_what_others_do_is_told_with_who_did_it_on_the_text_of_the_user() -> None:
    driver = joined("ab")
    driver.type(0, "me ")
    driver.receive(driver.service.commit(insert(2, "!", 2), "noura"))
    change = driver.mirror.changes[-1]
    assert (change.origin, change.user_id, change.user_name, change.version) == ("remote", "noura", "noura", 1)
    assert change.edits == (Edit("insert", 5, "!", None, None),)
    assert driver.text == "me ab!"


def test_a_lost_ack_is_made_good_by_sending_the_same_again() -> None:
    driver = joined()
    driver.type(0, "once")
    first = driver.sent()
    driver.service.edited(first, "me")
    driver.service.commit(insert(4, "!", 4))
    driver.lose_connection(0)
    driver.type(4, " more")
    asked = driver.join()
    assert asked.params.since is not None
    assert asked.params.since.version == 0
    again = driver.sent()
    assert again.payload == first.payload
    assert driver.text == "once more!"  # its own part came back, and the other's
    assert driver.replica.confirmed_version == 1, "the version that its own part became, without an acknowledgement"
    later = driver.sent()
    assert (later.payload.content, later.payload.version) == (" more", 1)
    driver.be_acked(again)
    assert not driver.is_synced()
    driver.be_acked(later)
    assert driver.is_synced()
    assert driver.service.content == driver.text


def test_edits_made_offline_outlive_a_log_that_is_gone() -> None:
    service = DocumentService("one two three", keep=1)
    driver = EditorDriver(service)
    driver.join()
    driver.lose_connection(0)
    driver.type(4, "mine ")
    driver.type(18, " 😀")
    service.commit(insert(0, "so ", 13))
    service.commit(delete(3, 4, 16))
    service.compact()
    assert driver.join().params.since is not None
    assert driver.text == "so mine two three 😀"
    driver.be_acked(driver.sent())  # both in one message
    assert driver.is_synced()
    assert service.content == driver.text == driver.mirror.document.content
    assert [change.origin for change in driver.mirror.changes] == ["reload", "local", "local", "reload"]


def test_an_operation_that_was_in_the_text_already_is_not_there_twice() -> None:
    service = DocumentService(keep=1)
    driver = EditorDriver(service)
    driver.join()
    driver.type(0, "in flight")
    first = driver.sent()
    service.edited(first, "me")
    driver.lose_connection(0)
    service.commit(insert(9, "!", 9))
    service.log.compact(0)  # the id is still known
    driver.join()
    again = driver.sent()
    assert again.payload == first.payload
    driver.be_acked(again)
    assert (driver.text, driver.is_synced()) == ("in flight!", True)
    assert driver.mirror.document.content == driver.text


def _cursor(user_id: str, position: int, length: int = 0) -> CursorPosition:
    return CursorPosition(
        channel=PAPER, payload=CursorPositionPayload(user_id=user_id, position=position, selection_length=length)
    )


def test_cursors_of_others_move_with_the_text_and_go_with_their_owners() -> None:
    driver = joined("hello 😀")
    driver.type(0, ">>")
    driver.sent()
    driver.receive(_cursor("noura", 6, 2), _cursor("omar", 5))
    assert by_user(driver.replica.cursors.values()) == {"noura": Cursor(8, 2), "omar": Cursor(7, 0)}
    driver.type(7, "!")  # at the caret of another: it stays
    assert by_user(driver.replica.cursors.values()) == {"noura": Cursor(9, 2), "omar": Cursor(7, 0)}
    driver.receive(driver.service.commit(insert(5, ",", 8), "omar"))  # its owner's own letter pushes it
    assert by_user(driver.replica.cursors.values())["omar"] == Cursor(9, 0)
    driver.receive(_cursor("far", 900, 7), _cursor("torn", 8))
    assert by_user(driver.replica.cursors.values())["far"] == Cursor(driver.replica.document.length, 0)
    driver.heard.clear()
    driver.lose_connection(0)
    driver.connect(0)
    asked = driver.take(Subscribe)
    assert isinstance(asked, Subscribe)
    users = [responses.PresentUser(user_id=name, name=name, role="") for name in ("omar", "torn", "me")]
    roster = responses.Roster(count=3, users=users)
    driver.receive(responses.Subscribed(channel=PAPER, ref=asked.ref, recovered=True, presence=roster))
    assert set(driver.replica.cursors) == {"omar", "torn"}
    driver.receive(PresenceLeave(channel=PAPER, payload=PresenceLeavePayload(user_id="torn")))
    assert set(driver.replica.cursors) == {"omar"}
    assert driver.heard.count(CursorsMoved(PAPER)) == 2


def test_the_own_cursor_is_told_on_the_text_that_the_server_has() -> None:
    driver = joined("abc")
    driver.carry_out(driver.replica.move_cursor(Cursor(1, 2), 0))
    told = driver.take(MoveCursor)
    assert isinstance(told, MoveCursor)
    assert (told.payload.position, told.payload.selection_length, told.payload.version) == (1, 2, 0)
    driver.type(0, "xx", 1)
    first = driver.sent()
    driver.type(2, "yy", 1)
    driver.carry_out(driver.replica.move_cursor(Cursor(6, 0), 1))
    assert driver.said == []  # while an operation is under way it would be misunderstood
    driver.receive(driver.service.edited(first, "me"), now=1)
    told = driver.take(MoveCursor)
    assert isinstance(told, MoveCursor)
    assert (told.payload.position, told.payload.version) == (4, 1)
    assert driver.sent().payload.content == "yy"


def test_cursors_are_told_ten_times_a_second_and_the_last_one_is() -> None:
    driver = joined("x" * 100)
    for position in range(50):
        driver.carry_out(driver.replica.move_cursor(Cursor(position, 0), position / 100))
        driver.tick(position / 100)
    driver.tick(2)
    places = [command.payload.position for command in driver.said if isinstance(command, MoveCursor)]
    assert len(places) <= 0.5 / CURSOR_INTERVAL_SECONDS + 2
    assert places[-1] == 49
    driver.said.clear()
    driver.lose_connection(0)
    driver.join(now=3)
    assert isinstance(driver.take(MoveCursor), MoveCursor)  # nobody remembers it: it is told again
    driver.receive(refusal(ErrorCode.RATE_LIMIT_EXCEEDED, "cursor", retry_after=5), now=3)
    driver.tick(7.9)
    assert driver.said == []
    driver.tick(8)
    assert isinstance(driver.take(MoveCursor), MoveCursor)
    driver.receive(refusal(ErrorCode.INVALID_MESSAGE_FORMAT, "cursor"), now=8)
    assert driver.faults == []


def test_over_a_break_the_own_cursor_is_told_once_more_when_every_edit_is_saved() -> None:
    driver = joined("abc")
    driver.carry_out(driver.replica.move_cursor(Cursor(3, 0), 0))
    assert isinstance(driver.take(MoveCursor), MoveCursor)
    driver.lose_connection(0)
    driver.type(3, "xyz", 1)
    driver.join(now=3)
    driver.tick(4)
    told = driver.take(MoveCursor)
    assert isinstance(told, MoveCursor)
    assert (told.payload.position, told.payload.version) == (3, 0)
    driver.receive(driver.service.edited(driver.sent(), "me"), now=5)
    driver.tick(6)
    told = driver.take(MoveCursor)
    assert isinstance(told, MoveCursor)
    assert (told.payload.position, told.payload.version) == (6, 1)
    driver.type(6, "w", 7)
    driver.receive(driver.service.edited(driver.sent(), "me"), now=8)
    driver.tick(9)
    assert [command for command in driver.said if isinstance(command, MoveCursor)] == []  # typing needs none


@pytest.mark.parametrize(
    "cursor", [Cursor(-1, 0), Cursor(5, 0), Cursor(1, 4), Cursor(2, 0), Cursor(1, 1), Cursor(3, -2)]
)
def test_a_cursor_outside_the_text_or_inside_a_character_is_refused_at_once(cursor: Cursor) -> None:
    driver = joined("a😀b")
    with pytest.raises(ValueError, match=r"."):
        driver.replica.move_cursor(cursor, 0)
    assert driver.said == []


def test_undo_takes_back_ones_own_and_leaves_what_others_did() -> None:
    driver = joined("base")
    driver.type(4, " mine")
    driver.receive(driver.service.commit(insert(0, "theirs ", 4)))
    driver.type(16, "!", join=True)
    assert driver.text == "theirs base mine!"
    driver.carry_out(driver.replica.undo(0))
    assert driver.text == "theirs base"
    assert driver.replica.undo(0) == []
    driver.carry_out(driver.replica.redo(0))
    assert driver.text == "theirs base mine!"
    assert [change.origin for change in driver.mirror.changes[1:]] == ["local", "remote", "local", "undo", "redo"]
    while driver.said:
        driver.be_acked(driver.sent())
    assert driver.service.content == driver.text


@pytest.mark.parametrize("at", range(7))
def test_what_another_wrote_into_deleted_text_stays_where_it_was_when_the_delete_is_undone(at: int) -> None:
    driver = joined("one two")
    driver.carry_out(driver.replica.edit(delete(0, 7, 7), 0, join=False))
    command = driver.sent()
    driver.receive(driver.service.commit(insert(at, "X", 7)))
    driver.be_acked(command)
    assert driver.text == "X"
    driver.carry_out(driver.replica.undo(0))
    while not driver.is_synced():
        driver.be_acked(driver.sent())
    expected = "one two"[:at] + "X" + "one two"[at:]
    assert driver.text == driver.service.content == driver.mirror.document.content == expected
    driver.carry_out(driver.replica.redo(0))
    assert driver.text == "X"


@pytest.mark.parametrize("at", range(7))
def test_it_stays_there_too_where_the_delete_was_committed_before_the_insert(at: int) -> None:
    """The service tells the place of an insert inside of text that was deleted meanwhile."""
    driver = joined("one two")
    driver.carry_out(driver.replica.edit(delete(0, 7, 7), 0, join=False))
    driver.be_acked(driver.sent())
    assert driver.text == ""
    told = driver.service.commit(insert(0, "X", 0))
    told.payload.within = DeletedPlace(1, at) if at else None
    driver.receive(told)
    driver.carry_out(driver.replica.undo(0))
    while not driver.is_synced():
        driver.be_acked(driver.sent())
    expected = "one two"[:at] + "X" + "one two"[at:] if at else driver.service.content
    assert driver.text == driver.service.content == driver.mirror.document.content == expected


def test_formatting_goes_over_the_wire_and_back() -> None:
    driver = joined("abc")
    bold = Operation.of(Retain(1), Format(2, Attributes(bold=True, heading=1)))
    driver.carry_out(driver.replica.edit(bold, 0, join=False))
    command = driver.sent()
    assert command.payload.attributes == Attributes(bold=True, heading=1)
    driver.be_acked(command)
    assert driver.replica.document.format == driver.service.document.format
    driver.carry_out(driver.replica.undo(0))
    assert driver.replica.document.format == []
    assert driver.sent().payload.attributes == Attributes(bold=None, heading=None)

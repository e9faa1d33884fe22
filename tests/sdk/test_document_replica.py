"""A document's state in the client: what the user does and what arrives go in, effects come out."""

from __future__ import annotations

from collections import Counter

import pytest

from dossier_realtime.client.errors import DeniedError, NotSubscribed
from dossier_realtime.client.state.changes import Cursor, Edit
from dossier_realtime.client.state.document_replica import CURSOR_INTERVAL_SECONDS
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
from tests.sdk.delivery_schedules import Office
from tests.sdk.document_service import PAPER, Desk, Paper, delete, insert, joined, refusal


@pytest.fixture(scope="module")
def met() -> Counter[str]:
    """What has happened over all schedules."""
    return Counter()


@pytest.mark.parametrize("seed", range(200))
def test_everybody_ends_with_the_same_text_whatever_the_network_does(seed: int, met: Counter[str]) -> None:
    office = Office(seed)
    office.play(250)
    met += office.met
    for editor in office.editors:
        assert editor.replica.synced, editor.name
        assert editor.replica.document == office.paper.document, editor.name
        assert editor.replica.version == office.paper.log.tip
        assert editor.mirror.document == editor.replica.document
        assert all(0 <= c.position <= editor.replica.document.length for c in editor.replica.cursors.values())
        assert all(isinstance(fault, DeniedError) for fault in editor.faults), editor.faults
    made = Counter(op_id for op_id, _ in office.paper.committed)
    for op_id, version in office.acked.items():
        places = [number for number, (name, _) in enumerate(office.paper.committed, 1) if name == op_id]
        assert not places or places == list(range(version - made[op_id] + 1, version + 1)), op_id
    if office.inserts_only and office.paper.keep > 1_000:
        assert Counter(office.paper.content) >= Counter("".join(office.typed)), "something typed is lost"
        assert all(office.paper.content.count(character) == 1 for word in office.typed for character in word)


def test_the_schedules_meet_what_they_are_for(met: Counter[str]) -> None:
    for what in ("caught up", "loaded", "loaded anew", "denied", "asked to wait", "sent again"):
        assert met[what] > 20, what


def test_the_text_comes_with_the_subscription_and_is_told_as_a_change() -> None:
    desk = Desk(Paper("مرحبا 😀"))
    with pytest.raises(NotSubscribed, match="await ready"):
        desk.type(0, "x")
    asked = desk.join()
    assert asked.params.include_presence
    assert asked.params.since is None
    assert (desk.text, desk.replica.version, desk.is_synced()) == ("مرحبا 😀", 0, True)
    assert desk.mirror.document.content == "مرحبا 😀"
    assert desk.mirror.changes[0].origin == "reload"
    assert Opened(PAPER) in desk.heard


def test_an_edit_is_there_at_once_and_one_operation_is_under_way_at_a_time() -> None:
    desk = joined("ab")
    desk.type(1, "😀")
    desk.type(3, "م")
    desk.type(4, "!")
    assert desk.text == "a😀م!b"
    assert not desk.is_synced()
    assert [change.edits for change in desk.mirror.changes[1:]] == [
        (Edit("insert", 1, "😀", None, None),),
        (Edit("insert", 3, "م", None, None),),
        (Edit("insert", 4, "!", None, None),),
    ]
    first = desk.sent()
    assert (first.payload.position, first.payload.content, first.payload.version) == (1, "😀", 0)
    assert desk.said == []
    desk.be_acked(first)
    second = desk.sent()
    assert (second.payload.content, second.payload.version) == ("م!", 1)
    assert second.payload.op_id != first.payload.op_id
    desk.be_acked(second)
    assert desk.is_synced()
    assert desk.heard.count(Synced(PAPER)) == 1
    assert desk.paper.content == desk.text


def test_what_others_do_is_told_with_who_did_it_on_the_text_of_the_user() -> None:
    desk = joined("ab")
    desk.type(0, "me ")
    desk.hear(desk.paper.commit(insert(2, "!", 2), "noura"))
    change = desk.mirror.changes[-1]
    assert (change.origin, change.user_id, change.user_name, change.version) == ("remote", "noura", "noura", 1)
    assert change.edits == (Edit("insert", 5, "!", None, None),)
    assert desk.text == "me ab!"


def test_a_lost_ack_is_made_good_by_sending_the_same_again() -> None:
    desk = joined()
    desk.type(0, "once")
    first = desk.sent()
    desk.paper.edited(first, "me")
    desk.paper.commit(insert(4, "!", 4))
    desk.lose_connection(0)
    desk.type(4, " more")
    asked = desk.join()
    assert asked.params.since is not None
    assert asked.params.since.version == 0
    again = desk.sent()
    assert again.payload == first.payload
    assert desk.text == "once! more"  # its own part came back, and the other's
    later = desk.sent()
    assert (later.payload.content, later.payload.version) == (" more", 1)
    desk.be_acked(again)
    assert not desk.is_synced()
    desk.be_acked(later)
    assert desk.is_synced()
    assert desk.paper.content == desk.text


def test_edits_made_offline_outlive_a_log_that_is_gone() -> None:
    paper = Paper("one two three", keep=1)
    desk = Desk(paper)
    desk.join()
    desk.lose_connection(0)
    desk.type(4, "mine ")
    desk.type(18, " 😀")
    paper.commit(insert(0, "so ", 13))
    paper.commit(delete(3, 4, 16))
    paper.compact()
    assert desk.join().params.since is not None
    assert desk.text == "so mine two three 😀"
    for _ in range(2):
        desk.be_acked(desk.sent())
    assert desk.is_synced()
    assert paper.content == desk.text == desk.mirror.document.content
    assert [change.origin for change in desk.mirror.changes] == ["reload", "local", "local", "reload"]


def test_an_operation_that_was_in_the_text_already_is_not_there_twice() -> None:
    paper = Paper(keep=1)
    desk = Desk(paper)
    desk.join()
    desk.type(0, "in flight")
    first = desk.sent()
    paper.edited(first, "me")
    desk.lose_connection(0)
    paper.commit(insert(9, "!", 9))
    paper.log.compact(0)  # the id is still known
    desk.join()
    again = desk.sent()
    assert again.payload == first.payload
    desk.be_acked(again)
    assert (desk.text, desk.is_synced()) == ("in flight!", True)
    assert desk.mirror.document.content == desk.text


def _cursor(user_id: str, position: int, length: int = 0) -> CursorPosition:
    return CursorPosition(
        channel=PAPER, payload=CursorPositionPayload(user_id=user_id, position=position, selection_length=length)
    )


def test_cursors_of_others_move_with_the_text_and_go_with_their_owners() -> None:
    desk = joined("hello 😀")
    desk.type(0, ">>")
    desk.sent()
    desk.hear(_cursor("noura", 6, 2), _cursor("omar", 5))
    assert desk.replica.cursors == {"noura": Cursor(8, 2), "omar": Cursor(7, 0)}
    desk.type(7, "!")  # at the caret of another: it stays
    assert desk.replica.cursors == {"noura": Cursor(9, 2), "omar": Cursor(7, 0)}
    desk.hear(desk.paper.commit(insert(5, ",", 8), "omar"))  # its owner's own letter pushes it
    assert desk.replica.cursors["omar"] == Cursor(8, 0)
    desk.hear(_cursor("far", 900, 7), _cursor("torn", 8))
    assert desk.replica.cursors["far"] == Cursor(desk.replica.document.length, 0)
    desk.heard.clear()
    desk.lose_connection(0)
    desk.connect(0)
    asked = desk.take(Subscribe)
    assert isinstance(asked, Subscribe)
    users = [responses.PresentUser(user_id=name, name=name, role="") for name in ("omar", "torn", "me")]
    roster = responses.Roster(count=3, users=users)
    desk.hear(responses.Subscribed(channel=PAPER, ref=asked.ref, recovered=True, presence=roster))
    assert set(desk.replica.cursors) == {"omar", "torn"}
    desk.hear(PresenceLeave(channel=PAPER, payload=PresenceLeavePayload(user_id="torn")))
    assert set(desk.replica.cursors) == {"omar"}
    assert desk.heard.count(CursorsMoved(PAPER)) == 3


def test_the_own_cursor_is_told_on_the_text_that_the_server_has() -> None:
    desk = joined("abc")
    desk.carry_out(desk.replica.move_cursor(Cursor(1, 2), 0))
    told = desk.take(MoveCursor)
    assert isinstance(told, MoveCursor)
    assert (told.payload.position, told.payload.selection_length, told.payload.version) == (1, 2, 0)
    desk.type(0, "xx", 1)
    first = desk.sent()
    desk.type(2, "yy", 1)
    desk.carry_out(desk.replica.move_cursor(Cursor(6, 0), 1))
    assert desk.said == []  # while an operation is under way it would be misunderstood
    desk.hear(desk.paper.edited(first, "me"), now=1)
    told = desk.take(MoveCursor)
    assert isinstance(told, MoveCursor)
    assert (told.payload.position, told.payload.version) == (4, 1)
    assert desk.sent().payload.content == "yy"


def test_cursors_are_told_ten_times_a_second_and_the_last_one_is() -> None:
    desk = joined("x" * 100)
    for position in range(50):
        desk.carry_out(desk.replica.move_cursor(Cursor(position, 0), position / 100))
        desk.tick(position / 100)
    desk.tick(2)
    places = [command.payload.position for command in desk.said if isinstance(command, MoveCursor)]
    assert len(places) <= 0.5 / CURSOR_INTERVAL_SECONDS + 2
    assert places[-1] == 49
    desk.said.clear()
    desk.lose_connection(0)
    desk.join(now=3)
    assert isinstance(desk.take(MoveCursor), MoveCursor)  # nobody remembers it: it is told again
    desk.hear(refusal(ErrorCode.RATE_LIMIT_EXCEEDED, "cursor", retry_after=5), now=3)
    desk.tick(7.9)
    assert desk.said == []
    desk.tick(8)
    assert isinstance(desk.take(MoveCursor), MoveCursor)
    desk.hear(refusal(ErrorCode.INVALID_MESSAGE_FORMAT, "cursor"), now=8)
    assert desk.faults == []


@pytest.mark.parametrize(
    "cursor", [Cursor(-1, 0), Cursor(5, 0), Cursor(1, 4), Cursor(2, 0), Cursor(1, 1), Cursor(3, -2)]
)
def test_a_cursor_outside_the_text_or_inside_a_character_is_refused_at_once(cursor: Cursor) -> None:
    desk = joined("a😀b")
    with pytest.raises(ValueError, match=r"."):
        desk.replica.move_cursor(cursor, 0)
    assert desk.said == []


def test_undo_takes_back_ones_own_and_leaves_what_others_did() -> None:
    desk = joined("base")
    desk.type(4, " mine")
    desk.hear(desk.paper.commit(insert(0, "theirs ", 4)))
    desk.type(16, "!", join=True)
    assert desk.text == "theirs base mine!"
    desk.carry_out(desk.replica.undo(0))
    assert desk.text == "theirs base"
    assert desk.replica.undo(0) == []
    desk.carry_out(desk.replica.redo(0))
    assert desk.text == "theirs base mine!"
    assert [change.origin for change in desk.mirror.changes[1:]] == ["local", "remote", "local", "undo", "redo"]
    while desk.said:
        desk.be_acked(desk.sent())
    assert desk.paper.content == desk.text


def test_formatting_goes_over_the_wire_and_back() -> None:
    desk = joined("abc")
    bold = Operation.of(Retain(1), Format(2, Attributes(bold=True, heading=1)))
    desk.carry_out(desk.replica.edit(bold, 0, join=False))
    command = desk.sent()
    assert command.payload.attributes == Attributes(bold=True, heading=1)
    desk.be_acked(command)
    assert desk.replica.document.format == desk.paper.document.format
    desk.carry_out(desk.replica.undo(0))
    assert desk.replica.document.format == []
    assert desk.sent().payload.attributes == Attributes(bold=None, heading=None)

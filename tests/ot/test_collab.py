"""Both halves, one rule a test; the simulation plays them together."""

from __future__ import annotations

import pytest
from hypothesis import given

from dossier_realtime.ot.collab import Log, OutOfStep, Pending, VersionConflict, rebase, receive
from dossier_realtime.ot.document import Document, apply, effective
from dossier_realtime.ot.flat import InvalidOperation, parts, write_remote
from dossier_realtime.ot.operations import Delete, Format, Insert, Operation, Retain
from dossier_realtime.ot.units import to_units
from dossier_realtime.protocol.commands import Attributes, EditPayload, FlatOperation
from dossier_realtime.protocol.events import RemoteOperationPayload
from tests.ot import properties
from tests.ot.strategies import concurrent


def _insert(pending: Pending, at: int, text: str) -> None:
    length = pending.local.length
    pending.edit(Operation.of(Retain(at), Insert(to_units(text)), Retain(length - at)))


def _delete(pending: Pending, at: int, length: int) -> None:
    pending.edit(Operation.of(Retain(at), Delete(length), Retain(pending.local.length - at - length)))


def _remote(version: int, at: int, text: str, op_id: str = "theirs") -> RemoteOperationPayload:
    return RemoteOperationPayload(
        user_id="u2",
        user_name="Sara",
        operation_type="insert",
        position=at,
        content=text,
        version=version,
        op_id=op_id,
    )


def _deletion_in_flight() -> Pending:
    """'abcd' at version 1, its 'bc' being deleted."""
    pending = Pending(Document.of("abcd"), 1)
    _delete(pending, 1, 2)
    assert pending.send("mine") == EditPayload("delete", 1, 1, length=2, op_id="mine")
    return pending


def _batch_in_flight() -> Pending:
    """'abcd' at version 1, of which 'bc' is being replaced."""
    pending = Pending(Document.of("abcd"), 1)
    pending.edit(Operation.of(Retain(1), Insert(to_units("new")), Delete(2), Retain(1)))
    sent = pending.send("mine")
    assert sent is not None
    assert (sent.operation_type, len(sent.operations or ())) == ("batch", 2)
    return pending


# --- The server's half --------------------------------------------------------------------------------------


def test_an_operation_is_rebased_over_everything_later_and_keeps_the_left_of_what_is_committed() -> None:
    log = Log(10, [Operation.of(Retain(1), Insert(to_units("x")), Retain(1))])
    mine = Operation.of(Retain(1), Insert(to_units("y")), Retain(1))
    assert rebase(mine, 10, log) == Operation.of(Retain(1), Insert(to_units("y")), Retain(2))
    assert rebase(Operation.nothing(3), 11, log) == Operation.nothing(3)


def test_a_batch_that_concurrent_inserts_split_is_one_version() -> None:
    log = Log(0, [Operation.of(Retain(2), Insert(to_units("X")), Retain(2))])
    both = FlatOperation("insert", 0, "!"), FlatOperation("delete", 2, length=2)
    made, document = receive(EditPayload("batch", version=0, operations=both), Document.of("abXcd"), log)
    assert made == [Operation.of(Insert(to_units("!")), Retain(1), Delete(1), Retain(1), Delete(1), Retain(1))]
    assert document == Document.of("!aXd")


def test_a_batch_of_which_nothing_is_left_has_no_version() -> None:
    log = Log(0, [Operation.of(Delete(4))])
    gone = FlatOperation("delete", 0, length=1), FlatOperation("format", 1, length=2, attributes=Attributes(bold=True))
    assert receive(EditPayload("batch", version=0, operations=gone), Document(), log) == ([], Document())
    undone = FlatOperation("insert", 0, "x"), FlatOperation("delete", 0, length=1)
    assert receive(EditPayload("batch", version=1, operations=undone), Document(), log) == ([], Document())


def test_a_batch_of_one_delete_is_one_version_also_in_pieces() -> None:
    pending = _deletion_in_flight()
    pending.conflict("mine")
    log = Log(0, [Operation.of(Retain(2), Insert(to_units("X")), Retain(2))])
    alone = (FlatOperation("delete", 1, length=2),)
    made, _ = receive(EditPayload("batch", version=0, operations=alone), Document.of("abXcd"), log)
    assert len(made) == 1


def test_a_batch_in_flight_is_acknowledged_as_one_version_however_it_is_split() -> None:
    pending = _batch_in_flight()
    pending.remote(_remote(2, 2, "X"))
    assert pending.local == Document.of("anewXd")
    with pytest.raises(OutOfStep):
        pending.acknowledged("mine", 5)
    pending = _batch_in_flight()
    pending.remote(_remote(2, 2, "X"))
    pending.acknowledged("mine", 3)
    assert pending.synced
    assert pending.server == pending.local == Document.of("anewXd")


def test_a_batch_in_flight_comes_back_whole_in_a_catch_up() -> None:
    pending = _batch_in_flight()
    pending.remote(_remote(2, 2, "X"))
    committed = Operation.of(Retain(1), Insert(to_units("new")), Delete(1), Retain(1), Delete(1), Retain(1))
    assert not pending.remote(write_remote(committed, 3, "me", "Me", "mine", batch=True)).changes
    assert pending.synced
    assert pending.server == pending.local == Document.of("anewXd")


def test_a_refused_batch_is_taken_back_whole() -> None:
    pending = _batch_in_flight()
    _insert(pending, 5, "!")
    pending.refused("mine")
    assert pending.local == Document.of("abcd!")


def test_many_edits_that_wait_are_one_message() -> None:
    pending = _deletion_in_flight()
    for _ in range(3):
        _insert(pending, 0, "x")
        _insert(pending, pending.local.length, "y")
    pending.acknowledged("mine", 2)
    sent = pending.send("next")
    assert sent is not None
    assert sent.operations == (FlatOperation("insert", 0, "xxx"), FlatOperation("insert", 5, "yyy"))
    pending.acknowledged("next", 3)
    assert pending.server == pending.local == Document.of("xxxadyyy")


def test_a_delete_split_by_a_concurrent_insert_is_committed_in_two_parts() -> None:
    log = Log(0, [Operation.of(Retain(2), Insert(to_units("X")), Retain(2))])
    made, document = receive(EditPayload("delete", 1, 0, length=2), Document.of("abXcd"), log)
    assert made == [Operation.of(Retain(1), Delete(1), Retain(3)), Operation.of(Retain(2), Delete(1), Retain(1))]
    assert document == Document.of("aXd")


def test_versions_are_checked() -> None:
    properties.versions_are_checked()


def test_an_operation_beyond_the_text_of_its_version_is_a_conflict_that_names_the_server_s_version() -> None:
    log = Log(0, [Operation.of(Retain(2), Insert(to_units("xyz")))])
    with pytest.raises(VersionConflict, match="subscribe") as refused:
        receive(EditPayload("delete", 1, 0, length=2), Document.of("abxyz"), log)
    assert refused.value.version == 1
    with pytest.raises(VersionConflict):
        rebase(Operation.nothing(3), 0, log)


def test_compaction_keeps_the_newest_and_every_version_still_means_the_same() -> None:
    log = Log()
    steps = [Operation.of(Retain(n), Insert(to_units("x"))) for n in range(5)]
    for step in steps:
        log.append(step)
    log.compact(2)
    assert (log.start, log.tip, log.since(3), log.since(4)) == (3, 5, steps[3:], steps[4:])
    with pytest.raises(VersionConflict):
        log.since(2)
    log.compact(2)
    assert log.start == 3


# --- The client's half --------------------------------------------------------------------------------------


def test_one_operation_is_in_flight_and_what_is_typed_meanwhile_goes_as_one_behind_it() -> None:
    pending = Pending(Document(), 0)
    _insert(pending, 0, "m")
    first = pending.send("1")
    assert first == EditPayload("insert", 0, 0, "m", op_id="1")
    for at, letter in enumerate("oney", 1):
        _insert(pending, at, letter)
    assert pending.send("2") is None
    pending.acknowledged("1", 1)
    assert pending.send("2") == EditPayload("insert", 1, 1, "oney", op_id="2")
    pending.acknowledged("2", 2)
    assert pending.synced
    assert (pending.server, pending.version) == (Document.of("money"), 2)
    assert pending.send("3") is None


def test_others_operations_come_into_a_text_with_pending_edits() -> None:
    pending = Pending(Document.of("ad"), 3)
    _insert(pending, 1, "b")
    pending.send("1")
    _insert(pending, 2, "c")
    change = pending.remote(_remote(4, 1, "X"))
    assert change == Operation.of(Retain(3), Insert(to_units("X")), Retain(1))
    assert pending.local == Document.of("abcXd")
    pending.acknowledged("1", 5)
    assert pending.server == Document.of("abXd")


def test_an_operation_split_on_the_server_is_acknowledged_with_its_last_version() -> None:
    pending = _deletion_in_flight()
    pending.remote(_remote(2, 2, "X"))
    assert pending.local == Document.of("aXd")
    pending.acknowledged("mine", 4)
    assert (pending.version, pending.server, pending.synced) == (4, Document.of("aXd"), True)
    pending.remote(_remote(5, 0, "Y"))
    assert pending.local == Document.of("YaXd")


def test_an_acknowledgement_of_another_version_than_the_parts_make_is_out_of_step() -> None:
    for version in (1, 3):
        pending = _deletion_in_flight()
        with pytest.raises(OutOfStep):
            pending.acknowledged("mine", version)
        assert pending.in_flight is not None


def test_after_a_lost_acknowledgement_the_own_parts_come_back_in_the_catch_up_and_are_not_made_twice() -> None:
    pending = _deletion_in_flight()
    pending.remote(_remote(2, 2, "X"))
    first, second = receive(
        EditPayload("delete", 1, 1, length=2, op_id="mine"),
        Document.of("abXcd"),
        Log(1, [Operation.of(Retain(2), Insert(to_units("X")), Retain(2))]),
    )[0]
    for version, part in ((3, first), (4, second)):
        assert not pending.synced
        assert not pending.remote(write_remote(part, version, "u1", "Ann", "mine")).changes
    assert pending.synced
    assert (pending.local, pending.server) == (Document.of("aXd"), Document.of("aXd"))
    assert not pending.acknowledged("mine", 4).changes
    assert pending.version == 4


def test_an_operation_with_nothing_left_is_settled_by_an_answer_from_before_the_catch_up() -> None:
    pending = _deletion_in_flight()
    pending.remote(
        RemoteOperationPayload(
            user_id="u2", user_name="Sara", operation_type="delete", position=0, length=4, version=2, op_id="theirs"
        )
    )
    assert not pending.acknowledged("mine", 1).changes
    assert pending.synced
    assert pending.version == 2


def test_a_conflict_puts_the_operation_back_before_what_was_typed_since() -> None:
    pending = _deletion_in_flight()
    _insert(pending, 1, "x")
    assert pending.conflict("mine")
    assert pending.local == Document.of("axd")
    both = FlatOperation("insert", 1, "x"), FlatOperation("delete", 2, length=2)
    assert pending.send("again") == EditPayload("batch", version=1, op_id="again", operations=both)
    pending.acknowledged("again", 2)
    assert pending.server == pending.local == Document.of("axd")


def test_loading_anew_keeps_offline_edits_where_they_belong() -> None:
    pending = Pending(Document.of("One line.\nAnother line.\n"), 5)
    _insert(pending, 9, " Mine")
    change = pending.reload(Document.of("New first.\nOne line.\nAnother long line.\n"), 20_000)
    assert change.changes
    assert pending.local == Document.of("New first.\nOne line. Mine\nAnother long line.\n")
    assert pending.send("1") == EditPayload("insert", 20, 20_000, " Mine", op_id="1")


def test_an_operation_that_was_in_the_loaded_text_after_all_is_taken_out_again_and_what_follows_it_stays() -> None:
    pending = Pending(Document.of("ad"), 1)
    _insert(pending, 1, "b")
    pending.send("1")
    _insert(pending, 2, "c")
    pending.reload(Document.of("abd!"), 9)
    assert sorted(pending.local.content) == sorted("abbcd!")
    change = pending.acknowledged("1", 2)
    assert change.changes
    assert sorted(pending.local.content) == sorted("abcd!")
    assert pending.server == Document.of("abd!")
    assert pending.version == 9


def test_what_follows_an_insert_in_flight_follows_it_where_the_loaded_text_holds_it_already() -> None:
    pending = Pending(Document.of("ad"), 1)
    _insert(pending, 1, "b")
    pending.send("1")
    _insert(pending, 2, "c")
    pending.reload(Document.of("abd"), 2)
    pending.acknowledged("1", 2)
    assert pending.local == Document.of("abcd")


def test_an_operation_that_was_not_in_the_loaded_text_goes_under_a_new_id_without_loading_again() -> None:
    pending = _deletion_in_flight()
    pending.reload(Document.of("abcd!"), 9)
    assert not pending.conflict("mine")
    assert pending.send("new") == EditPayload("delete", 1, 9, length=2, op_id="new")


def test_an_operation_committed_after_the_text_was_loaded_asks_for_the_text_once_more() -> None:
    pending = _deletion_in_flight()
    pending.reload(Document.of("abcd!"), 9)
    with pytest.raises(OutOfStep):
        pending.acknowledged("mine", 10)
    pending.reload(Document.of("ad!"), 10)
    pending.acknowledged("mine", 10)
    assert pending.synced
    assert pending.local == Document.of("ad!")


def test_a_refused_operation_leaves_the_text_and_what_follows_it_stays() -> None:
    pending = Pending(Document.of("ad"), 1)
    _insert(pending, 1, "b")
    pending.send("1")
    _insert(pending, 2, "c")
    assert pending.refused("1") == Operation.of(Retain(1), Delete(1), Retain(2))
    assert pending.local == Document.of("acd")
    assert pending.send("2") == EditPayload("insert", 1, 1, "c", op_id="2")


def test_answers_to_what_is_not_in_flight_change_nothing() -> None:
    pending = _deletion_in_flight()
    for answer in (pending.acknowledged("other", 7), pending.refused("other")):
        assert answer == Operation.nothing(2)
    assert not pending.conflict("other")
    assert pending.in_flight is not None


@pytest.mark.parametrize(
    "wrong",
    [
        _remote(2, 5, "beyond the text"),
        _remote(2, 3, "in a character"),
        _remote(2, 0, ""),
        _remote(3, 0, "a gap"),
        _remote(2, 0, "not what was sent", op_id="mine"),
    ],
    ids=lambda payload: payload.content or "empty",
)
def test_what_does_not_follow_is_out_of_step_and_nothing_has_changed(wrong: RemoteOperationPayload) -> None:
    pending = Pending(Document.of("ab😀"), 1)
    _insert(pending, 0, "x")
    pending.send("mine")
    with pytest.raises(OutOfStep):
        pending.remote(wrong)
    assert (pending.local, pending.server, pending.version) == (Document.of("xab😀"), Document.of("ab😀"), 1)
    pending.acknowledged("mine", 2)
    assert pending.synced


def test_an_edit_that_the_document_does_not_take_changes_nothing() -> None:
    pending = Pending(Document.of("😀"), 0)
    with pytest.raises(InvalidOperation):
        _insert(pending, 1, "x")
    with pytest.raises(InvalidOperation):
        _insert(pending, 0, "\0")
    assert pending.synced
    assert pending.local == Document.of("😀")


def test_a_format_that_is_there_already_makes_no_version_and_is_acknowledged_at_the_present_one() -> None:
    bold = Operation.of(Retain(1), Format(2, Attributes(bold=True)), Retain(1))
    pending = Pending(Document.of("abcd"), 1)
    pending.edit(bold)
    sent = pending.send("mine")
    assert sent is not None
    pending.remote(write_remote(bold, 2, "u2", "Sara", "theirs"))
    made, document = receive(sent, pending.server, Log(1, [bold]))
    assert (made, document) == ([], pending.server)
    pending.acknowledged("mine", 2)
    assert (pending.synced, pending.version) == (True, 2)
    pending.edit(bold)
    assert pending.send("again") is None
    assert pending.synced


@given(concurrent)
def test_both_halves_count_the_same_versions_of_an_operation(row: tuple[Document, Operation, Operation]) -> None:
    text, first, second = row
    assert apply(effective(second, text), text) == apply(second, text)
    log, document = Log(), text
    pending = Pending(text, 0)
    pending.edit(second)
    payload = pending.send("mine")
    for part in parts(first):
        log.append(part)
        document = apply(part, document)
        pending.remote(write_remote(part, log.tip, "u2", "Sara"))
    if payload is None:
        assert apply(second, text) == text
        return
    made, after = receive(payload, document, log)
    for part in made:
        assert apply(part, document) != document
        document = apply(part, document)
    assert document == after
    pending.acknowledged("mine", log.tip + len(made))
    assert pending.server == after


def test_edits_made_offline_stay_in_their_line_where_a_reload_changes_the_first_and_the_last_of_thousands() -> None:
    lines = [f"Clause {number % 7}: as agreed\n" for number in range(4_000)]
    pending = Pending(Document.of("".join(lines)), 3)
    at = sum(map(len, lines[:2_000])) + len("Clause")
    for number, letter in enumerate("mine"):
        _insert(pending, at + number, letter)
    changed = ["A new first line\n", *lines[1:-1], "A new last line\n"]
    change = pending.reload(Document.of("".join(changed)), 20_000)
    changed[2_000] = changed[2_000].replace("Clause", "Clausemine")
    assert pending.local.content == "".join(changed)
    assert sum(c.length for c in change.components if isinstance(c, Delete)) < 60

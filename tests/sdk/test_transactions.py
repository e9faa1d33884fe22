"""Transactions: many edits as one change, one step of undo, and a few messages."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings

from dossier_realtime.client import Change, Cursor, DocumentEditor, DossierRealtimeClient, NotSubscribed
from dossier_realtime.client.state.editing.open_transaction import OpenTransaction
from dossier_realtime.client.testing import FakeServer
from dossier_realtime.ot.collab import Pending
from dossier_realtime.ot.document import Document, SplitsPair, apply
from dossier_realtime.ot.flat import InvalidOperation, parts
from dossier_realtime.ot.operations import Delete, DoesNotFit, Insert, Operation, Retain
from dossier_realtime.ot.transform import transform
from dossier_realtime.ot.units import to_units
from dossier_realtime.protocol.commands import Attributes, EditOperation
from dossier_realtime.protocol.responses import FormatRun
from tests.ot.strategies import concurrent
from tests.sdk.client_harness import play, settle
from tests.sdk.document_service import DocumentService, insert
from tests.sdk.test_editor import edit

Scene = Callable[[FakeServer, DossierRealtimeClient, DocumentService, DocumentEditor], Any]


def sent(server: FakeServer) -> list[tuple[str, int]]:
    """Return the kind of each edit that was sent, and the number of its operations."""
    payloads = [command.payload for command in server.said(EditOperation)]
    return [(one.operation_type, len(one.operations or (one,))) for one in payloads]


def fails(document: DocumentEditor, error: type[Exception], *acts: Callable[[], object]) -> None:
    """Check that a block that does all this raises the error of the last."""

    def block() -> None:
        with document.transaction():
            for act in acts:
                act()

    with pytest.raises(error):
        block()


def lookup() -> None:
    raise LookupError


def test_a_transaction_is_one_change_one_message_and_one_step_of_undo() -> None:
    async def scene(
        server: FakeServer, _: DossierRealtimeClient, service: DocumentService, document: DocumentEditor
    ) -> None:
        changes: list[Change] = []
        document.on_change(changes.append)
        document.move_cursor(3)
        with document.transaction():
            document.insert(0, "Draft ", bold=True)
            document.replace(6, 3, "1")
            document.format(8, 3, italic=True)
            document.delete(document.length - 1, 1)
            assert document.text == "Draft 1 two thre"
            assert document.formatting[0] == FormatRun(0, 6, Attributes(bold=True))
            assert (changes, server.said(EditOperation)) == ([], [])
        assert [change.origin for change in changes] == ["local"]
        await document.wait_synced()
        assert sent(server) == [("batch", 5)]
        assert (service.content, document.formatting) == ("Draft 1 two thre", service.document.format)
        assert document.version == service.log.tip == 1
        assert document.cursor == Cursor(7, 0)
        assert document.undo()
        assert (document.text, document.formatting) == ("one two three", [])
        assert not document.undo()
        assert document.redo()
        assert document.text == "Draft 1 two thre"
        await document.wait_synced()
        assert service.content == document.text

    edit(scene, "one two three")


def test_an_error_takes_back_what_the_block_did_and_nobody_hears_of_it() -> None:
    async def scene(
        server: FakeServer, _: DossierRealtimeClient, service: DocumentService, document: DocumentEditor
    ) -> None:
        changes: list[Change] = []
        document.on_change(changes.append)
        document.move_cursor(2)
        fails(document, LookupError, lambda: document.delete(0, 3), lambda: document.move_cursor(0), lookup)
        assert (document.text, document.cursor, changes) == ("one two", Cursor(2, 0), [])
        fails(document, SplitsPair, lambda: document.insert(0, "😀"), lambda: document.insert(1, "x"))
        fails(document, DoesNotFit, lambda: document.insert(0, "y"), lambda: document.delete(7, 2))
        fails(document, InvalidOperation, lambda: document.insert(0, "y"), lambda: document.insert(0, "\0"))
        assert (document.text, document.synced, document.undo()) == ("one two", True, False)
        await settle()
        assert server.said(EditOperation) == []
        document.insert(0, "> ")
        await document.wait_synced()
        assert service.content == "> one two"

    edit(scene, "one two")


def test_a_block_within_a_block_is_taken_back_alone() -> None:
    async def scene(
        server: FakeServer, _: DossierRealtimeClient, service: DocumentService, document: DocumentEditor
    ) -> None:
        with document.transaction():
            document.insert(0, "a")
            fails(document, LookupError, lambda: document.insert(1, "b"), lookup)
            with document.transaction():
                document.insert(1, "c")
            assert document.text == "ac."
            document.insert(2, "d")
        assert document.text == "acd."
        await document.wait_synced()
        assert sent(server) == [("insert", 1)]
        assert document.undo()
        assert document.text == "."

    edit(scene, ".")


def test_what_others_write_while_a_block_is_open_is_merged() -> None:
    async def scene(
        server: FakeServer, _: DossierRealtimeClient, service: DocumentService, document: DocumentEditor
    ) -> None:
        changes: list[Change] = []
        document.on_change(changes.append)
        with document.transaction():
            document.replace(4, 3, "2")
            server.emit(service.commit(insert(0, "zero ", 13)))
            await settle()
            assert document.text == "zero one 2 three"
            document.insert(document.length, "!")
        assert [change.origin for change in changes] == ["remote", "local"]
        await document.wait_synced()
        assert service.content == document.text == "zero one 2 three!"
        assert document.undo()
        assert document.text == "zero one two three"

    edit(scene, "one two three")


def test_more_than_a_message_holds_is_sent_in_several_and_undone_in_one() -> None:
    async def scene(
        server: FakeServer, _: DossierRealtimeClient, service: DocumentService, document: DocumentEditor
    ) -> None:
        assert document.replace_all("cat", "horse") == 1_200
        assert document.text == "horse " * 1_200
        await document.wait_synced()
        assert service.content == document.text
        assert sent(server) == [("batch", 500)] * 4 + [("batch", 400)]
        assert document.undo()
        assert document.text == "cat " * 1_200

    edit(scene, "cat " * 1_200)


def test_replace_all_keeps_the_formatting_of_what_it_replaces() -> None:
    async def scene(
        server: FakeServer, _: DossierRealtimeClient, service: DocumentService, document: DocumentEditor
    ) -> None:
        document.format(4, 3, bold=True)
        assert document.replace_all("😀", "") == 0
        assert document.replace_all("cat", "قط") == 3
        assert (document.text, document.formatting) == ("قط قط قط", [FormatRun(3, 2, Attributes(bold=True))])
        with pytest.raises(ValueError, match="nothing to look for"):
            document.replace_all("", "x")

    edit(scene, "cat cat cat")


def test_a_transaction_belongs_to_its_task_and_knows_its_place() -> None:
    async def scene(
        server: FakeServer, _: DossierRealtimeClient, service: DocumentService, document: DocumentEditor
    ) -> None:
        async def other() -> None:
            with document.transaction():
                pass

        with document.transaction():
            with pytest.raises(RuntimeError, match="end it before you undo"):
                document.undo()
            with pytest.raises(RuntimeError, match="Another task"):
                await asyncio.create_task(other())
            document.insert(0, "x")
        assert document.text == "x"
        await other()

    edit(scene)


def test_a_transaction_needs_the_text() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        document = client.document("paper")
        with pytest.raises(NotSubscribed), document.transaction():
            pass  # pragma: no cover

    play(scene)


@given(concurrent)
@settings(max_examples=500)
def test_a_draft_is_its_edits_one_after_the_other_past_what_others_do(
    drawn: tuple[Document, Operation, Operation],
) -> None:
    text, change, edits = drawn
    draft = OpenTransaction(text, None)
    draft.begin()
    draft.begin()
    for part in parts(edits):
        _make(draft, part)
    assert draft.document == apply(edits, text)
    assert draft.text == draft.document.text
    draft.rebase(change)
    after, moved = transform(change, edits)
    assert draft.document == apply(moved, apply(change, text)) == apply(after, apply(edits, text))
    draft.end()
    assert draft.end() == moved


def _make(draft: OpenTransaction, part: Operation) -> None:
    at = 0
    for component in part.components:
        match component:
            case Retain(length):
                at += length
            case Insert() | Delete() | _:
                draft.edit(at, [component])
                return


def calls_of(count: int) -> int:
    """Return how many functions are called for so many replacements in one transaction, up to the change itself."""
    pending = Pending(Document.of("the old words " * count), 0)
    calls = 0

    def counted(_: object, event: str, __: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        draft = OpenTransaction(pending.local, None)
        draft.begin()
        for number in range(count):
            draft.edit(number * 10, [Insert(to_units("new ")), Delete(8)])
        pending.edit(draft.end())
    finally:
        sys.setprofile(before)
    return calls


def test_eight_times_the_replacements_cost_about_eight_times_the_work() -> None:
    assert calls_of(4_000) < 12 * calls_of(500), "each replacement walked through the others"

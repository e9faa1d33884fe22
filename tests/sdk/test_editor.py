"""Editing through the client, against a server that says what a test asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dossier_realtime.client import (
    Change,
    ConnectionClosed,
    Cursor,
    DeniedError,
    DocumentEditor,
    DossierRealtimeClient,
    Edit,
    ErrorCode,
    NotSubscribed,
    ProtocolViolation,
)
from dossier_realtime.client.testing import FakeServer
from dossier_realtime.protocol.commands import Attributes, EditOperation, MoveCursor, Subscribe, Unsubscribe
from dossier_realtime.protocol.events import CursorPosition, CursorPositionPayload, RemoteOperation
from dossier_realtime.protocol.fields import MAX_DOCUMENT
from dossier_realtime.protocol.responses import FormatRun
from tests.sdk.client_harness import Inbox, client_of, play, run, settle
from tests.sdk.document_service import PAPER, DocumentService, delete, insert, refusal

Scene = Callable[[FakeServer, DossierRealtimeClient, DocumentService, DocumentEditor], Any]


def lay_out(server: FakeServer, service: DocumentService) -> None:
    """Let the server keep the paper."""
    server.replies[Subscribe] = service.subscribed
    server.replies[EditOperation] = lambda command: [service.edited(command, "tester")]


def edit(scene: Scene, content: str = "") -> None:
    """Run a scene with an open document."""

    async def whole(server: FakeServer, client: DossierRealtimeClient) -> None:
        service = DocumentService(content)
        lay_out(server, service)
        document = client.document("paper")
        await document.ready()
        await scene(server, client, service, document)

    play(whole)


def test_edits_are_there_at_once_and_confirmed_later() -> None:
    async def scene(
        server: FakeServer, _: DossierRealtimeClient, service: DocumentService, document: DocumentEditor
    ) -> None:
        synced = Inbox()
        document.on_synced(lambda: synced(document.version))
        assert (document.text, document.length, document.version, document.synced) == ("a😀b", 4, 0, True)
        document.insert(4, "مرحبا")
        document.replace(0, 1, "A")
        document.delete(1, 2)
        document.format(0, 2, bold=True, heading=2)
        document.format(1, 1, heading=None)
        assert (document.text, document.synced) == ("Abمرحبا", False)
        await document.wait_synced()
        assert service.content == document.text
        assert document.formatting == service.document.format
        assert document.formatting == [
            FormatRun(0, 1, Attributes(bold=True, heading=2)),
            FormatRun(1, 1, Attributes(bold=True)),
        ]
        assert await synced.get() == document.version == service.log.tip
        assert server.said(Subscribe)[0].params.include_presence

    edit(scene, "a😀b")


def test_the_longest_text_there_is_comes_whole() -> None:
    content = "\x01" * MAX_DOCUMENT  # six bytes a unit on the wire

    async def scene(
        _: FakeServer, client: DossierRealtimeClient, service: DocumentService, document: DocumentEditor
    ) -> None:
        assert document.length == MAX_DOCUMENT
        assert document.text == content
        document.delete(0, 1)
        await document.wait_synced()
        assert service.content == document.text

    edit(scene, content)


def test_nothing_is_edited_before_the_text_is_there() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        document = client.document("paper")
        for act in (
            lambda: document.insert(0, "x"),
            document.undo,
            document.redo,
            lambda: document.move_cursor(0),
        ):
            with pytest.raises(NotSubscribed, match="await ready"):
                act()
        assert (document.text, document.version, document.synced) == ("", 0, False)

    play(scene)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda d: d.insert(-1, "x"),
        lambda d: d.insert(5, "x"),
        lambda d: d.insert(2, "x"),
        lambda d: d.insert(0, "nul\0"),
        lambda d: d.insert(0, "\ud800"),
        lambda d: d.insert(0, "x" * (1 << 20)),
        lambda d: d.delete(3, 2),
        lambda d: d.delete(2, -1),
        lambda d: d.delete(0, 2),
        lambda d: d.replace(2, 1, "x"),
        lambda d: d.format(0, 1, colour="red"),
        lambda d: d.format(0, 1, heading=4),
        lambda d: d.format(0, 1, link="javascript:alert(1)"),
        lambda d: d.format(0, 9, bold=True),
        lambda d: d.move_cursor(2),
        lambda d: d.move_cursor(0, 5),
    ],
)
def test_what_does_not_fit_raises_and_changes_nothing(wrong: Callable[[DocumentEditor], None]) -> None:
    async def scene(
        server: FakeServer, _: DossierRealtimeClient, service: DocumentService, document: DocumentEditor
    ) -> None:
        with pytest.raises(ValueError, match=r"\w"):
            wrong(document)
        assert (document.text, document.synced) == ("a😀b", True)
        document.insert(0, "")
        document.delete(4, 0)
        document.format(0, 4)
        assert document.synced
        assert server.said(EditOperation) == []

    edit(scene, "a😀b")


def test_changes_are_told_at_once_in_one_order_whatever_a_callback_does() -> None:
    async def scene(
        server: FakeServer, _: DossierRealtimeClient, service: DocumentService, document: DocumentEditor
    ) -> None:
        first: list[Change] = []
        second: list[Change] = []

        def answer(change: Change) -> None:
            first.append(change)
            if change.origin == "remote":
                document.insert(0, "seen ")

        def fail(change: Change) -> None:
            raise RuntimeError("this listener is broken")

        document.on_change(answer)
        document.on_change(fail)
        document.on_change(second.append)
        document.insert(0, "b")
        assert [change.edits for change in second] == [(Edit("insert", 0, "b", None, None),)]
        await document.wait_synced()
        server.emit(service.commit(insert(0, "a", 1), "noura"))
        await server.seen(EditOperation, 2)
        await document.wait_synced()
        assert first == second
        assert [(change.origin, change.user_id) for change in second] == [
            ("local", None),
            ("remote", "noura"),
            ("local", None),
        ]
        assert document.text == service.content == "seen ab"

    edit(scene)


def test_undo_and_redo_say_whether_there_was_something() -> None:
    async def scene(
        server: FakeServer, _: DossierRealtimeClient, service: DocumentService, document: DocumentEditor
    ) -> None:
        assert not document.undo()
        document.insert(0, "x")
        document.insert(1, "y", join=True)
        assert document.undo()
        assert (document.text, document.undo()) == ("", False)
        assert document.redo()
        assert (document.text, document.redo()) == ("xy", False)
        await document.wait_synced()
        assert service.content == "xy"

    edit(scene)


def test_cursors_go_out_and_come_in() -> None:
    async def scene(
        server: FakeServer, _: DossierRealtimeClient, service: DocumentService, document: DocumentEditor
    ) -> None:
        moved = Inbox()
        document.on_cursors(lambda cursors: moved(dict(cursors)))
        document.move_cursor(1, 2)
        payload = (await server.seen(MoveCursor)).payload
        assert (payload.position, payload.selection_length, payload.version) == (1, 2, 0)
        placed = CursorPositionPayload(user_id="noura", position=3, selection_length=0)
        server.emit(CursorPosition(channel=PAPER, payload=placed))
        assert await moved.get() == {"noura": Cursor(3, 0)}
        document.insert(0, "😀")
        assert document.cursors == {"noura": Cursor(5, 0)}
        await document.wait_synced()

    edit(scene, "abc")


def test_an_edit_whose_ack_is_lost_takes_effect_once() -> None:
    async def scene(
        server: FakeServer, _: DossierRealtimeClient, service: DocumentService, document: DocumentEditor
    ) -> None:
        server.go_silent()
        document.insert(0, "once")
        await server.seen(EditOperation)
        server.go_silent(silent=False)
        server.drop()
        document.insert(4, "!")
        await document.wait_synced()
        assert service.content == document.text == "once!"
        asked = server.said(Subscribe)[1].params.since
        assert asked is not None
        assert asked.version == 0

    edit(scene)


def test_edits_made_offline_are_brought_together_with_what_others_did() -> None:
    async def scene(
        server: FakeServer, _: DossierRealtimeClient, service: DocumentService, document: DocumentEditor
    ) -> None:
        server.refuse_handshakes(503)
        server.drop()
        await server.wait_until(lambda: server.handshakes > 2)
        document.insert(5, " 😀")
        document.undo()
        document.insert(5, " مرحبا")
        service.commit(insert(0, "they said ", 5))
        service.commit(delete(0, 5, 15))
        assert not document.synced
        server.refuse_handshakes(None)
        await document.wait_synced()
        assert service.content == document.text == "said hello مرحبا"

    edit(scene, "hello")


def test_a_rate_limit_is_waited_for() -> None:
    async def scene(
        server: FakeServer, _: DossierRealtimeClient, service: DocumentService, document: DocumentEditor
    ) -> None:
        def refuse_the_first(command: EditOperation) -> list[Any]:
            if len(server.said(EditOperation)) == 1:
                return [refusal(ErrorCode.RATE_LIMIT_EXCEEDED, command.ref, retry_after=1)]
            return [service.edited(command, "tester")]

        server.replies[EditOperation] = refuse_the_first
        document.insert(0, "patience")
        await document.wait_synced()
        first, second = server.said(EditOperation)
        assert first.payload == second.payload
        assert service.content == "patience"

    edit(scene)


def test_a_denied_edit_is_told_and_kept_until_it_is_allowed() -> None:
    async def scene(
        server: FakeServer, _: DossierRealtimeClient, service: DocumentService, document: DocumentEditor
    ) -> None:
        faults = Inbox()
        document.on_error(faults)
        server.replies[EditOperation] = lambda command: [refusal(ErrorCode.PERMISSION_DENIED, command.ref)]
        document.insert(0, "mine")
        denied = await faults.get()
        assert isinstance(denied, DeniedError)
        assert denied.error_code is ErrorCode.PERMISSION_DENIED
        assert (document.text, document.synced) == ("mine", False)
        with pytest.raises(TimeoutError):
            await document.wait_synced(0.01)
        lay_out(server, service)
        server.drop()
        await document.wait_synced()
        assert service.content == "mine"

    edit(scene)


def test_an_operation_that_cannot_be_is_answered_by_loading_the_text() -> None:
    async def scene(
        server: FakeServer, _: DossierRealtimeClient, service: DocumentService, document: DocumentEditor
    ) -> None:
        faults = Inbox()
        document.on_error(faults)
        told = service.commit(insert(3, " beyond", 3))
        server.emit(RemoteOperation(channel=PAPER, payload=service.remote(1).payload))
        told.payload.version = 7
        server.emit(told)
        await server.seen(Subscribe, 2)
        assert isinstance(await faults.get(), ProtocolViolation)
        assert server.said(Subscribe)[1].params.since is None
        assert document.text == "abc beyond"
        document.insert(0, "still ")
        await document.wait_synced()
        assert service.content == document.text == "still abc beyond"

    edit(scene, "abc")


def test_a_document_that_may_not_be_read_ends() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        code = ErrorCode.SUBSCRIPTION_FAILED
        server.replies[Subscribe] = lambda command: [refusal(code, command.ref)]
        faults = Inbox()
        document = client.document("paper")
        document.on_error(faults)
        for waiting in (document.ready(), document.wait_synced()):
            with pytest.raises(DeniedError, match="SUBSCRIPTION_FAILED"):
                await waiting
        assert isinstance(await faults.get(), DeniedError)
        assert document.closed
        with pytest.raises(DeniedError):
            document.insert(0, "x")
        lay_out(server, DocumentService("now it may"))
        again = client.document("paper")
        await again.ready()
        assert again is not document
        assert again.text == "now it may"

    play(scene)


def test_a_lost_right_ends_the_document_and_leaves_its_text() -> None:
    async def scene(
        server: FakeServer, _: DossierRealtimeClient, service: DocumentService, document: DocumentEditor
    ) -> None:
        faults = Inbox()
        document.on_error(faults)
        server.emit(refusal(ErrorCode.SUBSCRIPTION_FAILED, None))
        assert isinstance(await faults.get(), DeniedError)
        assert (document.closed, document.text) == (True, "abc")

    edit(scene, "abc")


def test_one_document_has_one_editor_until_it_is_closed() -> None:
    async def scene(
        server: FakeServer, client: DossierRealtimeClient, service: DocumentService, document: DocumentEditor
    ) -> None:
        told: list[Change] = []
        document.on_change(told.append)
        assert client.document("paper") is document
        document.close()
        document.close()
        await server.seen(Unsubscribe)
        server.emit(service.commit(insert(0, "later ", 3)))
        await settle()
        assert (document.text, told, document.closed) == ("abc", [], True)
        with pytest.raises(ConnectionClosed, match="open it again"):
            document.insert(0, "x")
        with pytest.raises(ConnectionClosed, match="open it again"):
            document.undo()
        again = client.document("paper")
        await again.ready()
        assert (again.text, client.document("paper")) == ("later abc", again)

    edit(scene, "abc")


def test_a_plain_subscription_goes_on_beside_the_editor_and_after_it() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        service = DocumentService("abc")
        lay_out(server, service)
        seen = Inbox()
        await client.subscribe(PAPER, on_message=seen).ready()
        document = client.document("paper")
        await document.ready()
        server.emit(service.commit(insert(3, "d", 3)))
        assert (await seen.first(RemoteOperation)).payload.version == 1
        assert document.text == "abcd"
        document.close()
        server.emit(service.commit(insert(4, "e", 4)))
        assert (await seen.first(RemoteOperation)).payload.version == 2
        assert document.text == "abcd"

    play(scene)


def test_the_end_of_the_client_is_the_end_of_its_documents() -> None:
    async def scene() -> None:
        async with FakeServer() as server:
            client = client_of(server)
            document = client.document("paper")
            async with client:
                pass
            with pytest.raises(ConnectionClosed):
                await document.ready()
            with pytest.raises(ConnectionClosed):
                client.document("paper")

    run(scene())


@pytest.mark.parametrize("document_id", ["", "a b", "x:y", "ü", "x" * 65])
def test_a_bad_id_raises(document_id: str) -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        with pytest.raises(ValueError, match=r"\w"):
            client.document(document_id)

    play(scene)

"""Quiet edits over the real service: held from others, moved past theirs, released as one signed version."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dossier_realtime.archive.keys import named_check
from dossier_realtime.client import (
    DeniedError,
    DocumentEditor,
    DocumentStatus,
    DocumentVersions,
    DossierRealtimeClient,
    UnsavedEdits,
)
from dossier_realtime.protocol.fields import QUIET_FIELD
from dossier_realtime.recording.proof.snapshot import read_snapshot
from tests.harness.eventually import eventually_async
from tests.harness.service import Service
from tests.harness.wire import Client
from tests.sdk.client_harness import run

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("quiet") / "data") as running:
        yield running
    running.assert_log_clean()


def _client(service: Service, user: str) -> DossierRealtimeClient:
    return DossierRealtimeClient(service.token(user, "write:*", name=user.title()), service.url)


def _versions(service: Service, document: str) -> DocumentVersions:
    return DocumentVersions(document, service.token("ali", "write:*", name="Ali"), service.http)


async def _in_step(*editors: DocumentEditor) -> None:
    """Wait until the last of the editors has the text of the first."""
    await eventually_async(lambda: editors[-1].text == editors[0].text)


def test_a_release_is_one_signed_version_of_all_that_was_held(service: Service) -> None:
    async def scene() -> None:
        async with (
            _client(service, "ali") as ali,
            _client(service, "bea") as bea,
            ali.document("draft") as own,
            bea.document("draft") as other,
            _versions(service, "draft") as versions,
        ):
            own.insert(0, "one two three")
            await own.wait_synced()
            await _in_step(own, other)
            quiet = own.quiet()
            own.replace(0, 3, "ONE", bold=True)
            other.insert(8, "and ")
            await other.wait_synced()
            await eventually_async(lambda: own.text == "ONE two and three")
            own.insert(own.length, " four")
            with own.transaction():
                own.replace_all("two", "TWO")
            assert (own.text, other.text) == ("ONE TWO and three four", "one two and three")
            assert quiet.is_held
            signed = await quiet.release(versions, note="as agreed", name="second draft")
            await _in_step(own, other)
            assert signed.content == own.text == "ONE TWO and three four"
            told = signed.statement
            assert (told.version, told.note, told.name) == (3, "as agreed", "second draft")
            assert (told.author.user_id, told.author.name, told.committed_at is not None) == ("ali", "Ali", True)
            assert {user.user_id for user in told.present or ()} == {"ali", "bea"}
            key, check = named_check(service.data / "journal-key.pub")
            assert read_snapshot(signed.file, {key: check}) == signed
            rows = [row async for row in versions.history()]
            assert [(row.version, row.user_id) for row in rows] == [(1, "ali"), (2, "bea"), (3, "ali")]
            assert rows[-1].names == ["second draft"]
            assert own.undo()
            assert own.text == "one two and three"

    run(scene())


def test_what_is_discarded_was_seen_by_nobody(service: Service) -> None:
    async def scene() -> None:
        async with (
            _client(service, "ali") as ali,
            ali.document("waste") as own,
            _versions(service, "waste") as versions,
        ):
            own.insert(0, "text")
            await own.wait_synced()
            quiet = own.quiet()
            own.delete(0, 4)
            with pytest.raises(RuntimeError):
                own.quiet()
            with pytest.raises(RuntimeError):
                own.undo()
            quiet.discard()
            assert own.text == "text"
            with pytest.raises(RuntimeError):
                await quiet.release(versions)
            assert [row.version async for row in versions.history()] == [1]

    run(scene())


def test_a_refused_release_holds_the_edits_and_may_be_tried_again(service: Service) -> None:
    async def scene() -> None:
        admin = await Client.connect(service, service.token("admin", "admin:*", clearance="secret"))
        settings = {"type": "channel_settings", "channel": "document:cold"}
        async with _client(service, "ali") as ali, ali.document("cold") as own, _versions(service, "cold") as versions:
            own.insert(0, "text")
            await own.wait_synced()
            quiet = own.quiet()
            own.insert(4, " of law")
            await admin.ask(settings | {"payload": {"frozen": True}})
            await eventually_async(lambda: own.status is DocumentStatus.READ_ONLY)
            with pytest.raises(DeniedError):
                await quiet.release(versions, note="too late")
            assert (quiet.is_held, own.text) == (True, "text of law")
            await admin.ask(settings | {"payload": {"frozen": False}})
            await eventually_async(lambda: own.status is DocumentStatus.LIVE)
            with pytest.raises(DeniedError):
                await quiet.release(versions, name="12")  # no name of a version: sent, and not signed
            assert (quiet.is_held, quiet.version) == (False, 2)
            signed = await quiet.release(versions, note="in time")
            assert (signed.statement.version, signed.content) == (2, "text of law")
        await admin.close()

    run(scene())


def test_held_edits_are_not_lost_in_silence(service: Service) -> None:
    async def scene() -> None:
        async with _client(service, "ali") as ali:
            own = ali.document("left")
            await own.ready()
            own.insert(0, "text")
            await own.wait_synced()
            quiet = own.quiet()
            own.insert(4, " and more")
            with pytest.raises(UnsavedEdits, match="a quiet edit of document:left is held, release or") as unsaved:
                await own.__aexit__(None, None, None)
            assert unsaved.value.texts == {"left": "text and more"}
            quiet.discard()  # the document is closed: there is nobody to tell

    run(scene())


def test_presence_shows_a_quiet_edit_and_after_it_what_the_program_had_said(service: Service) -> None:
    async def scene() -> None:
        async with (
            _client(service, "ali") as ali,
            _client(service, "bea") as bea,
            ali.document("shown") as own,
            bea.document("shown") as other,
        ):
            own.insert(0, "text")
            await _in_step(own, other)

            def seen() -> tuple[str, str | None] | None:
                user = bea.presence("document:shown").users.get("ali")
                return None if user is None else (user.activity, user.field)

            async def see(activity: str, field: str | None) -> None:
                await eventually_async(lambda: seen() == (activity, field))

            quiet = own.quiet()
            await see("editing", QUIET_FIELD)
            quiet.discard()
            await see("viewing", None)
            await ali.update_presence("document:shown", activity="commenting", field="title")
            quiet = own.quiet()
            await see("editing", QUIET_FIELD)
            quiet.discard()
            await see("commenting", "title")
            quiet = own.quiet()
            await ali.update_presence("document:shown", activity="viewing", field="summary")
            quiet.discard()
            await see("viewing", "summary")

    run(scene())

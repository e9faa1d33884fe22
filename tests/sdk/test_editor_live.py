"""Editing through the client over the real service: what a FakeServer cannot know."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from dossier_realtime.client import (
    Backoff,
    Change,
    ConnectionState,
    Cursor,
    DeniedError,
    DocumentEditor,
    DocumentStatus,
    DossierRealtimeClient,
    ErrorCode,
    UnsavedEdits,
)
from tests.harness.service import Service
from tests.harness.wire import Client, Message
from tests.promises.proxy import Proxy
from tests.sdk.client_harness import Inbox, run

pytestmark = pytest.mark.long

ROOMY = {
    "limits.general": 100_000,
    "limits.edit": 100_000,
    "limits.ping": 100_000,
    "limits.handshakes_per_second": 10_000,
    "limits.connections_per_user": 1_000,
    "presence.grace": 0,
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("editor") / "data", ROOMY) as running:
        yield running
    running.assert_log_clean()


def client_of(service: Service, user: str, url: str = "") -> DossierRealtimeClient:
    token = service.token(user, "write:document:*")
    return DossierRealtimeClient(token, url or service.url, backoff=Backoff(base=0.02, cap=0.1))


async def kept(service: Service, document_id: str) -> Message:
    """The document as HTTP shows it."""
    token = service.token("reader", "read:document:*")
    status, body = await asyncio.to_thread(service.get, f"/v1/documents/{document_id}", token)
    assert status == 200, body
    found: Message = json.loads(body)
    return found


async def reached(document: DocumentEditor, version: int) -> None:
    """Wait until the editor has a version."""
    while document.version < version:  # noqa: ASYNC110  whoever looks at text looks when it likes
        await asyncio.sleep(0.005)


def insert(document_id: str, version: int, position: int, content: str, **payload: str) -> Message:
    said = {"operation_type": "insert", "position": position, "version": version, "content": content, **payload}
    return {"type": "edit_operation", "channel": f"document:{document_id}", "payload": said}


def test_two_people_see_each_other_write(service: Service) -> None:
    async def scene() -> None:
        async with client_of(service, "ali") as ali, client_of(service, "bea") as bea:
            his, hers = ali.document("brief"), bea.document("brief")
            moved = Inbox()
            hers.on_cursors(lambda cursors: moved(dict(cursors)))
            await his.ready()
            await hers.ready()
            his.insert(0, "مرحبا 😀")
            await his.wait_synced()
            await reached(hers, 1)
            hers.insert(0, "Hello. ")
            his.format(0, 5, bold=True, link="https://example.org")
            his.move_cursor(6, 2)
            await hers.wait_synced()
            await his.wait_synced()
            while await moved.get() != {"ali": Cursor(13, 2)}:
                pass
            his.undo()
            his.redo()
            hers.move_cursor(3)
            await his.wait_synced()
            found = await kept(service, "brief")
            await reached(his, found["version"])
            await reached(hers, found["version"])
            assert his.text == hers.text == found["content"] == "Hello. مرحبا 😀"
            assert his.formatting == hers.formatting
            assert found["format"] == [
                {"position": 7, "length": 5, "attributes": {"bold": True, "link": "https://example.org"}}
            ]
            his.close()
            while await moved.get() != {}:
                pass

    run(scene())


def test_a_frozen_document_keeps_what_is_written_until_it_thaws(service: Service) -> None:
    async def scene() -> None:
        admin = await Client.connect(service, service.token("admin", "admin:*", clearance="secret"))
        settings = {"type": "channel_settings", "channel": "document:frozen"}
        async with Proxy(service) as proxy, client_of(service, "ali", proxy.url) as ali:
            document = ali.document("frozen")
            faults = Inbox()
            document.on_error(faults)
            await document.ready()
            await admin.ask(settings | {"payload": {"frozen": True}})
            document.insert(0, "in the cold")
            denied = await faults.get()
            assert isinstance(denied, DeniedError)
            assert denied.error_code is ErrorCode.PERMISSION_DENIED
            assert (document.text, document.synced) == ("in the cold", False)
            await admin.ask(settings | {"payload": {"frozen": False}})
            proxy.reset()
            await document.wait_synced()
            assert (await kept(service, "frozen"))["content"] == "in the cold"
        await admin.close()

    run(scene())


def test_a_fast_writer_is_slowed_down_and_loses_nothing(tmp_path: Path) -> None:
    limits = ROOMY | {"limits.edit": 12, "limits.window": 3}

    async def scene(service: Service) -> None:
        async with client_of(service, "ali") as ali:
            document = ali.document("fast")
            await document.ready()
            statuses: list[DocumentStatus] = []
            document.on_status(statuses.append)
            numbers = count()
            while DocumentStatus.THROTTLED not in statuses:  # however slow this machine is
                number = next(numbers)
                document.insert(0, f"{number} ")
                document.insert(document.length, f" {number}")
                await asyncio.sleep(0.002)
            written = next(numbers)
            await document.wait_synced()
            assert (await kept(service, "fast"))["content"] == document.text
            assert document.text.split() == [str(n) for n in (*reversed(range(written)), *range(written))]

    with Service(tmp_path / "data", limits) as service:
        run(scene(service))
        service.assert_log_clean()


@pytest.mark.parametrize("bold", [False, True], ids=["plain", "bold"])
def test_typing_at_the_default_limits_reaches_the_others_and_is_never_refused(tmp_path: Path, *, bold: bool) -> None:
    """Text is typed for seven seconds, 12 and 6 letters a second; the worst wait is printed."""
    pause = 1 / (6 if bold else 12)

    async def scene(service: Service) -> None:
        async with client_of(service, "ali") as ali, client_of(service, "bea") as bea:
            refused = Inbox()
            ali.on_event(refused)
            async with ali.document("typed") as his, bea.document("typed") as hers:
                his.on_error(refused)
                typed_at: list[float] = []
                waits: list[float] = []
                clock = asyncio.get_running_loop().time

                def seen(change: Change) -> None:
                    waits.extend(clock() - at for at in typed_at[len(waits) : hers.length])

                hers.on_change(seen)
                for _ in range(40):
                    typed_at.append(clock())
                    his.insert(his.length, "x", join=True)
                    if bold:
                        his.format(his.length - 1, 1, bold=True)
                    await asyncio.sleep(pause)
                await his.wait_synced()
                assert his.status is DocumentStatus.LIVE
                await reached(hers, his.version)
                assert hers.text == "x" * 40
                assert hers.formatting == his.formatting
                assert refused.empty()
                assert his.version < 40 * (2 if bold else 1), "typing was not joined"
                print(f"the worst wait of a letter was {max(waits) * 1000:.0f} ms")  # noqa: T201  a figure to read

    with Service(tmp_path / "data") as service:
        run(scene(service))
        service.assert_log_clean()


def test_the_end_of_a_client_saves_what_waits(service: Service) -> None:
    async def scene() -> None:
        async with client_of(service, "ali") as ali:
            document = ali.document("hasty")
            await document.ready()
            for letter in "in haste":
                document.insert(document.length, letter)
        assert (await kept(service, "hasty"))["content"] == "in haste"

    run(scene())


def test_the_end_of_a_client_says_what_was_not_saved(service: Service) -> None:
    async def scene() -> None:
        async with Proxy(service) as proxy:
            token = service.token("ali", "write:document:*")
            client = DossierRealtimeClient(token, proxy.url)
            client.close_timeout = 0.2
            await client.connect()
            document = client.document("cut")
            await document.ready()
            proxy.stall()
            document.insert(0, "never sent")
            with pytest.raises(UnsavedEdits, match=r"cut.* when the service can be reached") as unsaved:
                await client.close()
            assert unsaved.value.texts == {"cut": "never sent"}
            assert client.state is ConnectionState.DISCONNECTED
            assert document.status is DocumentStatus.STALE

    run(scene())


def test_the_end_says_that_the_right_to_edit_is_missing(service: Service) -> None:
    async def scene() -> None:
        async with client_of(service, "ali") as ali, ali.document("read-alone") as document:
            document.insert(0, "text")
        reader = DossierRealtimeClient(service.token("rea", "read:document:*"), service.url)
        await reader.connect()
        document = reader.document("read-alone")
        refused: asyncio.Queue[Exception] = asyncio.Queue()
        document.on_error(refused.put_nowait)
        await document.ready()
        document.insert(0, "not mine: ")
        await refused.get()
        with pytest.raises(UnsavedEdits, match=r"PERMISSION_DENIED.* /v1/explain.* when this is solved") as unsaved:
            await reader.close()
        assert unsaved.value.texts == {"read-alone": "not mine: text"}

    run(scene())


def test_the_end_does_not_wait_for_a_document_that_takes_no_edits(service: Service) -> None:
    async def scene() -> None:
        admin = await Client.connect(service, service.token("admin", "admin:document:*"))
        settings = {"type": "channel_settings", "payload": {"frozen": True}}
        client = client_of(service, "ali")
        client.close_timeout = 3_600  # seconds: the scene ends long before
        await client.connect()
        document, saved = client.document("shut"), client.document("shut-and-saved")
        for one in (document, saved):
            statuses: asyncio.Queue[DocumentStatus] = asyncio.Queue()
            one.on_status(statuses.put_nowait)
            await one.ready()
            await admin.ask({**settings, "channel": one.channel})
            while await statuses.get() is not DocumentStatus.READ_ONLY:
                pass
        document.insert(0, "too late")
        with pytest.raises(UnsavedEdits, match="document:shut takes no edits now") as unsaved:
            await client.close()
        assert unsaved.value.texts == {"shut": "too late"}
        assert saved.channel not in str(unsaved.value), "nothing of it was lost"
        await admin.close()

    run(scene())


def test_nothing_local_is_lost_while_the_log_is_compacted(tmp_path: Path) -> None:
    """The log drops operations behind a snapshot, which is kept each 500 versions."""
    short = ROOMY | {"history.events": 50, "history.seconds": 1}

    async def scene(service: Service) -> None:
        async with Proxy(service) as proxy, client_of(service, "ali", proxy.url) as ali:
            document = ali.document("long")
            await document.ready()
            document.insert(0, "Begin. End.")
            await document.wait_synced()
            proxy.stall()
            document.insert(7, "In flight. ")
            proxy.reset()
            document.insert(18, "Offline 😀. ")
            other = await Client.connect(service, service.token("bea", "write:document:*"))
            await other.subscribe("document:long")
            await write_until_the_log_is_short(service, other)
            before = document.text
            proxy.flow()
            await document.wait_synced()
            found = await kept(service, "long")
            assert document.text == found["content"]
            assert all(document.text.count(part) == 1 for part in ("Begin. ", "In flight. ", "Offline 😀. ", "End."))
            assert before in document.text
            await other.close()

    with Service(tmp_path / "data", short) as service:
        run(scene(service))
        service.assert_log_clean()


async def write_until_the_log_is_short(service: Service, other: Client, version: int = 1, length: int = 11) -> None:
    """Write at the end of the document "long" until version 1 cannot be continued from."""
    while True:
        messages = [insert("long", version + n, length + n, ".") | {"ref": f"w{version + n}"} for n in range(250)]
        await other.send(*messages)
        for message in messages:
            await other.receive("operation_ack", ref=message["ref"])
        version, length = version + 250, length + 250
        returning = await Client.connect(service, service.token("cem", "write:document:*"))
        answer = await returning.subscribe("document:long", since={"version": 1})
        await returning.close()
        if answer["recovered"] is False:
            return
        assert version < 10_000, "the log was never compacted"
        await asyncio.sleep(0.1)  # the log is cut behind what is a second old

"""Cursors of tabs and the state of a document over the real service."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from dossier_realtime.client import DocumentStatus, DossierRealtimeClient
from dossier_realtime.protocol.documents.cursor_colors import CURSOR_COLORS, cursor_color
from tests.harness.service import Service
from tests.harness.wire import Client, Message
from tests.sdk.client_harness import Inbox, run

pytestmark = pytest.mark.long

DOC = "document:desk"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("cursors") / "data") as running:
        yield running
    running.assert_log_clean()


def _cursor(position: int) -> Message:
    return {"type": "cursor_position", "channel": DOC, "ref": f"c{position}", "payload": {"position": position}}


async def _write(service: Service, text: str) -> None:
    async with await Client.connect(service, service.token("author", "write:document:*")) as author:
        await author.subscribe(DOC)
        payload = {"operation_type": "insert", "position": 0, "version": 0, "content": text}
        await author.ask({"type": "edit_operation", "channel": DOC, "ref": "w", "payload": payload})


def test_each_tab_has_a_cursor_that_joiners_see_and_that_ends_with_it(service: Service) -> None:
    async def scene() -> None:
        await _write(service, "a text to rest in")
        token = service.token("ali", "write:document:*", name="Ali")
        watcher = await Client.connect(service, service.token("bea", "read:document:*"))
        await watcher.subscribe(DOC)
        one, two = await Client.connect(service, token), await Client.connect(service, token)
        for tab, position in ((one, 2), (two, 6)):
            await tab.subscribe(DOC)
            await tab.ask(_cursor(position))
        seen = [(await watcher.receive("cursor_position"))["payload"] for _ in range(2)]
        assert [said["position"] for said in seen] == [2, 6]
        assert {said["user_id"] for said in seen} == {"ali"}
        assert len({said["cursor_id"] for said in seen}) == 2
        assert {said["version"] for said in seen} == {1}
        assert {(said["name"], said["color"]) for said in seen} == {("Ali", cursor_color("ali"))}
        joiner = await Client.connect(service, service.token("cem", "read:document:*"))
        resting = (await joiner.subscribe(DOC))["document"]["cursors"]
        assert {said["cursor_id"]: said["position"] for said in resting} == {
            said["cursor_id"]: said["position"] for said in seen
        }
        own = (await two.subscribe(DOC))["document"]
        assert "cursors" not in own
        await one.close()
        gone = await watcher.receive("cursor_gone")
        assert gone["payload"] == {"user_id": "ali", "cursor_id": seen[0]["cursor_id"]}
        late = await Client.connect(service, service.token("dan", "read:document:*"))
        left = (await late.subscribe(DOC))["document"]["cursors"]
        assert [said["cursor_id"] for said in left] == [seen[1]["cursor_id"]]
        returning = await Client.connect(service, service.token("eda", "read:document:*"))
        assert (await returning.subscribe(DOC, since={"version": 1}))["recovered"] is True
        assert (await returning.receive("cursor_position"))["payload"]["cursor_id"] == seen[1]["cursor_id"]
        for client in (watcher, two, joiner, late, returning):
            await client.close()

    run(scene())


def test_a_step_back_into_what_was_just_typed_is_shown_at_its_letter_while_another_types(service: Service) -> None:
    async def scene() -> None:
        ali_token, bea_token = (service.token(name, "write:document:*") for name in ("ali", "bea"))
        async with (
            DossierRealtimeClient(ali_token, service.url) as ali,
            DossierRealtimeClient(bea_token, service.url) as bea,
            ali.document("carets") as one,
            bea.document("carets") as two,
        ):
            moved = Inbox()
            two.on_cursors(lambda _: moved("moved"))
            one.on_change(lambda _: moved("changed"))
            two.on_change(lambda _: moved("changed"))
            one.insert(0, "[]")
            await one.wait_synced()
            one.move_cursor(1)
            await moved.get()
            one.insert(1, "!")
            one.insert(2, "typed")
            one.move_cursor(4)  # behind `ty`, before the service has it
            for letter in "above ":
                two.insert(0, letter)
            await asyncio.gather(one.wait_synced(), two.wait_synced())
            while (
                "typed" not in two.text
                or one.text != two.text
                or [two.text[: cursor.position] for cursor in two.remote_cursors.values()]
                != [one.text[: one.text.index("ped")]]
            ):
                await moved.get()
            assert one.cursor == (one.text.index("ped"), 0)

    run(scene())


def test_everybody_who_has_a_document_open_is_told_that_it_is_frozen(service: Service) -> None:
    async def scene() -> None:
        admin = await Client.connect(service, service.token("admin", "admin:*", clearance="secret"))
        settings = {"type": "channel_settings", "channel": "document:cold"}
        async with (
            DossierRealtimeClient(service.token("ali", "write:document:*"), service.url) as client,
            client.document("cold") as document,
        ):
            told = Inbox()
            document.on_status(told)
            await admin.ask(settings | {"payload": {"frozen": True}})
            while await told.get() is not DocumentStatus.READ_ONLY:
                pass
            document.insert(0, "written in the cold")
            joiner = await Client.connect(service, service.token("bea", "write:document:*"))
            assert (await joiner.subscribe("document:cold"))["document"]["frozen"] is True
            await admin.ask(settings | {"payload": {"frozen": False}})
            state = await joiner.receive("document_state")
            assert state == {"type": "document_state", "channel": "document:cold", "payload": {"frozen": False}}
            await document.wait_synced()
            assert document.status is DocumentStatus.LIVE
            await joiner.close()
        await admin.close()

    run(scene())


def test_white_text_can_be_read_on_every_colour() -> None:
    def luminance(color: str) -> float:
        parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    assert all(1.05 / (luminance(color) + 0.05) >= 4.5 for color in CURSOR_COLORS)
    assert len({cursor_color(f"user-{number}") for number in range(200)}) == len(CURSOR_COLORS)

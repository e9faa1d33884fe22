"""An insert inside of text that was deleted meanwhile: its place is told, and an undo restores the text around it."""

from __future__ import annotations

import asyncio

import pytest

from dossier_realtime import DossierRealtimeClient
from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS, eventually_async
from tests.harness.service import Service
from tests.harness.wire import Client


@pytest.mark.parametrize(
    ("at", "within"), [(3, {"version": 2, "offset": 3}), (0, None), (7, {"version": 2, "offset": 7})]
)
def test_an_undone_delete_restores_its_text_around_the_word_of_another(
    service: Service, at: int, within: dict[str, int] | None
) -> None:
    name = f"deleted-{at}"
    channel = f"document:{name}"
    writer = tokens.token("omar", f"write:{channel}")

    async def scene() -> None:
        async with (
            await Client.connect(service, writer) as omar,
            DossierRealtimeClient(tokens.token("sara", f"write:{channel}"), service.url) as sara,
            sara.document(name) as document,
        ):
            await omar.subscribe(channel)
            document.insert(0, "one two")
            assert await document.flush(HANG_SECONDS)
            document.delete(0, 7)
            assert await document.flush(HANG_SECONDS)
            late = {"operation_type": "insert", "position": at, "content": "X", "version": 1}
            answer = await omar.ask({"type": "edit_operation", "channel": channel, "payload": late})
            assert answer["payload"]["version"] == 3
            await eventually_async(lambda: document.text, lambda: "X")
            document.undo()
            assert await document.flush(HANG_SECONDS)
            assert document.text == {3: "oneX two", 0: "Xone two", 7: "one twoX"}[at]
        async with await Client.connect(service, writer) as reader:
            state = await reader.subscribe(channel, since={"version": 2})
            assert state["recovered"] is True
            told = await reader.receive("remote_operation")
            assert told["payload"].get("within") == within

    asyncio.run(scene())


def test_text_that_was_deleted_letter_by_letter_comes_back_around_a_word_with_its_formatting(service: Service) -> None:
    channel = "document:deleted-letters"
    writer = tokens.token("omar", f"write:{channel}")

    async def scene() -> None:
        async with (
            await Client.connect(service, writer) as omar,
            DossierRealtimeClient(tokens.token("sara", f"write:{channel}"), service.url) as sara,
            sara.document("deleted-letters") as document,
        ):
            await omar.subscribe(channel)
            document.insert(0, "one ")
            document.insert(4, "two", bold=True)
            assert await document.flush(HANG_SECONDS)
            before, version = (document.text, document.formatting), document.version
            for letter in range(6, 1, -1):
                document.delete(letter, 1)
                assert await document.flush(HANG_SECONDS)
            late = {"operation_type": "insert", "position": 5, "content": "X", "version": version}
            await omar.ask({"type": "edit_operation", "channel": channel, "payload": late})
            await eventually_async(lambda: document.text == "onX", lambda: document.text)
            for _ in range(5):
                document.undo()
            assert await document.flush(HANG_SECONDS)
            assert document.text == "one tXwo"
            assert [(run.position, run.length) for run in document.formatting] == [(4, 1), (6, 2)]
            document.delete(5, 1)
            assert (document.text, document.formatting) == before

    asyncio.run(scene())

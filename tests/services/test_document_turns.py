"""A reader, a deletion and a turn of a document's queue, which meet in one turn of the event loop."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

import pytest

from app.core.position import StreamPosition
from app.engine.ports.documents import Version
from app.engine.ports.errors import Unavailable
from app.engine.ports.events import Broker
from app.services.editing import document_queue
from app.services.editing.document_queue import DocumentQueue
from app.services.editing.edit_decision import EditDecision
from app.services.editing.edit_submission import EditAuthor, EditSubmission
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.commands import EditPayload
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.events import RemoteOperation, RemoteOperationPayload
from tests.harness.eventually import HANG_SECONDS, eventually_async
from tests.services.test_documents import DOC, Bench, bench


class _Positions:
    """The real broker, whose answer to `position` comes when it is let go."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.open = asyncio.Event()
        self.asked = asyncio.Event()

    def __getattr__(self, name: str) -> object:
        return getattr(self._broker, name)

    async def position(self, channel: str) -> StreamPosition:
        found = await self._broker.position(channel)
        self.asked.set()
        await self.open.wait()
        return found


@pytest.mark.parametrize("turns_before", [0, 1])
def test_a_reader_that_is_behind_as_a_turn_begins_waits_for_that_turn(tmp_path: Path, turns_before: int) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as it:
            queue = await _queue(it)
            for number in range(turns_before):
                it.submit("a", queue.committed.version)
                await it.answered(number + 1)
            assert len(await it.text()) == turns_before  # the queue has taken over what it answered
            await _another_node_commits(it, queue.committed.version)
            positions = _Positions(it.engine.broker)
            queue._broker = cast("Broker", positions)
            reader = asyncio.ensure_future(queue.loaded())
            await positions.asked.wait()
            positions.open.set()  # the reader goes on in the next turn of the loop, before the queue's task begins
            it.submit("b", queue.committed.version)
            async with asyncio.timeout(HANG_SECONDS):
                await reader
            await it.answered(turns_before + 1)
            assert sorted(await it.text()) == sorted("a" * turns_before + "b" + "x")

    asyncio.run(scene())


def test_an_edit_of_a_deleted_text_never_comes_into_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the next text has as many versions, and is loaded while the edit is decided."""

    async def scene() -> None:
        async with bench(tmp_path) as it:
            queue = await _queue(it)
            it.submit("old")
            await it.answered(1)
            began, go_on, decide = asyncio.Event(), asyncio.Event(), EditDecision.decide

            async def slow(*arguments: object) -> object:
                steps = await decide(*arguments)  # type: ignore[arg-type]
                began.set()
                await go_on.wait()
                return steps

            monkeypatch.setattr(EditDecision, "decide", slow)
            monkeypatch.setattr(EditDecision, "at_once", lambda *_: [])
            late = EditPayload("insert", 0, 1, "late")
            it.documents.submit(
                DOC, EditSubmission(EditAuthor("ali", "Ali"), late, it.answers.append, epoch=queue.epoch)
            )
            await began.wait()
            monkeypatch.setattr(EditDecision, "decide", decide)
            position = await it.engine.broker.position(DOC)
            await it.engine.broker.renew_epoch(DOC, position)
            queue.reload()
            await _another_node_commits(it, 0)  # the next text has one version too
            await queue.loaded()
            go_on.set()
            await it.answered(2)
            assert await it.text() == "x"
            assert [getattr(answer, "code", answer) for answer in it.answers] == [1, ErrorCode.VERSION_CONFLICT]

    asyncio.run(scene())


def test_a_reader_that_is_behind_while_a_snapshot_is_kept_waits_for_no_edit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as it:
            queue = await _queue(it)
            monkeypatch.setattr(document_queue, "SNAPSHOT_VERSIONS", 1)
            began, go_on, keep = asyncio.Event(), asyncio.Event(), it.engine.documents.keep_snapshot

            async def slow(*arguments: object) -> None:
                began.set()
                await go_on.wait()
                await keep(*arguments)  # type: ignore[arg-type]

            monkeypatch.setattr(it.engine.documents, "keep_snapshot", slow)
            it.submit("a", queue.committed.version)
            await began.wait()
            await _another_node_commits(it, queue.committed.version)
            reader = asyncio.ensure_future(queue.loaded())
            await asyncio.sleep(0)
            go_on.set()
            async with asyncio.timeout(HANG_SECONDS):
                await reader
            assert sorted(await it.text()) == ["a", "x"]

    asyncio.run(scene())


def test_edits_behind_a_snapshot_that_cannot_be_kept_are_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as it:
            queue = await _queue(it)
            monkeypatch.setattr(document_queue, "SNAPSHOT_VERSIONS", 1)

            async def refused(*_: object) -> None:
                raise Unavailable("no disk")

            monkeypatch.setattr(it.engine.documents, "keep_snapshot", refused)
            for number in range(4):
                it.submit(str(number), 0)
                it.submit("+", 0)
                await it.answered(2 * number + 2)
            assert it.answers == list(range(1, 9))
            await eventually_async(lambda: queue.committed.version == 8)  # taken over after the answers

    asyncio.run(scene())


async def _queue(it: Bench) -> DocumentQueue:
    """Return the document's queue, loaded and at work for `it.submit`."""
    await it.documents.state(DOC)
    return it.documents._queues[DOC]


async def _another_node_commits(it: Bench, tip: int) -> None:
    payload = RemoteOperationPayload(
        user_id="other", user_name="Other", operation_type="insert", position=0, version=tip + 1, content="x"
    )
    body = codec.encode(RemoteOperation(channel=DOC, payload=payload))
    await it.engine.documents.append(DOC, tip, [Version(body, "other", None)])

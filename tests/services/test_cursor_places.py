"""A cursor is delivered on the text that it was placed on, and one that rests is known to those who join."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.core.domain.documents import RECENT, VersionedDocument, pack, unpack
from app.core.ratelimit import RateLimiter
from app.engine.build import open_engine
from app.engine.embedded.cursors import EmbeddedCursors
from app.engine.embedded.events.documents import EmbeddedDocuments
from app.engine.limits import EngineLimits
from app.engine.ports.engine import Engine
from app.engine.ports.events import Publication
from app.services.editing import cursors as service
from app.services.editing.cursors import CursorOwner, Cursors, placed_cursors
from app.services.editing.document_log import reaching_back
from app.services.editing.documents import Documents
from app.services.editing.edit_submission import EditAuthor, EditSubmission
from app.services.quotas import Quotas
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.commands import CursorPayload, EditPayload
from dossier_realtime.protocol.events import CursorPosition, Event, RemoteOperation
from dossier_realtime.protocol.responses import RestingCursor
from tests.engine.conftest import Clock
from tests.harness.eventually import HANG_SECONDS

DOC = "document:1"


def test_a_cursor_behind_an_edit_that_is_being_committed_is_placed_behind_it(tmp_path: Path) -> None:
    async def scene() -> None:
        engine = await open_engine("embedded", tmp_path, limits=EngineLimits(), rates=RateLimiter(), clock=Clock())
        delivered: list[Event] = []

        def deliver(publications: Sequence[Publication]) -> None:
            delivered.extend(codec.decode_event(publication.frame) for publication in publications)

        engine.broker.start(deliver)
        await engine.broker.join(DOC)
        documents = _documents(engine)
        cursors, disk = Cursors(documents.upcoming, engine.broker, engine.cursors), threading.Event()
        assert isinstance(engine.documents, EmbeddedDocuments)
        try:
            answers = asyncio.Queue[object]()
            documents.submit(DOC, _edit(answers, "text", 0))
            assert await answers.get() == 1
            engine.documents._writer.post(lambda _: disk.wait(HANG_SECONDS))
            documents.submit(DOC, _edit(answers, "more ", 1))
            while (await documents.upcoming(DOC)).version < 2:  # noqa: ASYNC110  until it waits for the disk
                await asyncio.sleep(0)
            await cursors.move(
                DOC, CursorOwner("c1", "bea", "Bea"), CursorPayload(position=2, selection_length=1, version=1)
            )
            for _ in range(20):
                await asyncio.sleep(0)
            disk.set()
            while len(delivered) < 3:  # noqa: ASYNC110  deliveries come by a callback
                await asyncio.sleep(0.005)
        finally:
            disk.set()
            await engine.close()
        assert [type(event) for event in delivered] == [RemoteOperation, RemoteOperation, CursorPosition]
        cursor = delivered[2]
        assert isinstance(cursor, CursorPosition)
        assert (cursor.payload.position, cursor.payload.selection_length, cursor.payload.version) == (7, 1, 2)

    asyncio.run(scene())


def test_joiners_see_a_cursor_that_rests_while_thousands_of_versions_pass(tmp_path: Path) -> None:
    async def scene() -> None:
        engine = await open_engine("embedded", tmp_path, limits=EngineLimits(), rates=RateLimiter(), clock=Clock())
        documents = _documents(engine)

        def deliver(publications: Sequence[Publication]) -> None:
            for publication in publications:
                version = documents.claim(publication.channel, publication.offset, publication.frame)
                if version is not None:
                    version.answer(publication.offset)

        engine.broker.start(deliver)
        await engine.broker.join(DOC)
        try:
            answers = asyncio.Queue[object]()
            documents.submit(DOC, _edit(answers, "text", 0))
            assert await answers.get() == 1
            await documents.cursors.move(DOC, CursorOwner("c1", "bea", "Bea"), CursorPayload(2, 1, 1))
            for version in range(1, 2 * RECENT + 300):
                documents.submit(DOC, _edit(answers, "x", version))
                assert await answers.get() == version + 1
            state, _ = await documents.opened(DOC, "cem")
        finally:
            await engine.close()
        assert [(one.position, one.selection_length, one.version) for one in state.cursors] == [
            (2 + state.version - 1, 1, state.version)
        ]

    asyncio.run(scene())


def test_a_cursor_of_another_node_is_placed_by_operations_that_are_only_in_the_log(tmp_path: Path) -> None:
    """A node that has just read a document knows the text, and nothing of how it came about."""

    async def scene() -> None:
        engine = await open_engine("embedded", tmp_path, limits=EngineLimits(), rates=RateLimiter(), clock=Clock())
        documents, answers = _documents(engine), asyncio.Queue[object]()
        try:
            documents.submit(DOC, _edit(answers, "text", 0))
            assert await answers.get() == 1
            for version in range(1, 40):
                documents.submit(DOC, _edit(answers, "x" if version % 3 else "a long one ", version))
                assert await answers.get() == version + 1
            known = await documents.committed(DOC)
            names = {1: "at the first", 17: "in between", 38: "lately", known.version: "now"}
            bea = {"user_id": "bea", "name": "Bea", "color": "#112233", "position": 3, "selection_length": 1}
            rest = [RestingCursor(**bea, cursor_id=name, version=version) for version, name in names.items()]  # type: ignore[arg-type]
            placed = placed_cursors(known, rest)
            just_read = unpack(pack(known))
            assert [one.cursor_id for one in placed_cursors(just_read, rest)] == ["now"]
            for oldest in names:
                reaching = await reaching_back(engine.broker, DOC, just_read, oldest)
                assert reaching.log.start == oldest
                wanted = [one for one, there in zip(placed, rest, strict=True) if (there.version or 0) >= oldest]
                assert placed_cursors(reaching, [one for one in rest if (one.version or 0) >= oldest]) == wanted
            assert just_read.log.start == known.version, "it was not changed"
        finally:
            await engine.close()

    asyncio.run(scene())


def _documents(engine: Engine) -> Documents:
    return Documents(
        engine.documents,
        engine.broker,
        lambda: True,
        lambda channel: True,
        Quotas(RateLimiter(), Clock()),
        engine.control,
        engine.cursors,
    )


def _edit(answers: asyncio.Queue[object], content: str, version: int) -> EditSubmission:
    return EditSubmission(EditAuthor("ali", "Ali"), EditPayload("insert", 0, version, content), answers.put_nowait)


def test_the_last_move_stays_also_where_an_earlier_one_learns_later_what_the_text_is(tmp_path: Path) -> None:
    async def scene() -> None:
        engine = await open_engine("embedded", tmp_path, limits=EngineLimits(), rates=RateLimiter(), clock=Clock())
        try:
            documents, answers = _documents(engine), asyncio.Queue[object]()
            documents.submit(DOC, _edit(answers, "text", 0))
            assert await answers.get() == 1
            asked: list[asyncio.Future[None]] = []

            async def upcoming(channel: str) -> VersionedDocument:
                asked.append(asyncio.get_running_loop().create_future())
                await asked[-1]
                return await documents.upcoming(channel)

            cursors, owner = Cursors(upcoming, engine.broker, engine.cursors), CursorOwner("c1", "bea", "Bea")
            moves = [
                asyncio.create_task(cursors.move(DOC, owner, CursorPayload(position=position)))
                for position in (1, 2, 3)
            ]
            while len(asked) < 3:  # noqa: ASYNC110  the tasks begin
                await asyncio.sleep(0)
            for move, answer in reversed(list(zip(moves, asked, strict=True))):
                answer.set_result(None)
                await move
            (resting,) = cursors.resting(DOC, await documents.upcoming(DOC), "ali")
            assert resting.position == 3
            while len(asked) < 4:  # noqa: ASYNC110  it is about to be told
                await asyncio.sleep(0.005)
            asked[3].cancel()
        finally:
            await engine.close()

    asyncio.run(scene())


def test_a_cursor_is_told_once_at_a_time_while_the_store_is_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "INTERVAL_SECONDS", 0)

    async def scene() -> None:
        engine = await open_engine("embedded", tmp_path, limits=EngineLimits(), rates=RateLimiter(), clock=Clock())
        try:
            documents, answers, store = _documents(engine), asyncio.Queue[object](), _SlowStore()
            documents.submit(DOC, _edit(answers, "some text", 0))
            assert await answers.get() == 1
            cursors = Cursors(documents.upcoming, engine.broker, store)
            for position in range(1, 9):
                for connection in ("c1", "c2"):
                    await cursors.move(DOC, CursorOwner(connection, "bea", "Bea"), CursorPayload(position=position))
                for _ in range(20):  # turns in which another one could begin
                    await asyncio.sleep(0.0001)
            assert sorted(store.waiting) == ["c1", "c2"]
            store.open.set()
            async with asyncio.timeout(HANG_SECONDS):
                while set(store.kept.values()) != {8}:  # noqa: ASYNC110  the newest follow
                    await asyncio.sleep(0.005)
        finally:
            await engine.close()

    asyncio.run(scene())


class _SlowStore(EmbeddedCursors):
    """Puts wait until it is open. `waiting`: the connections whose cursors do; `kept`: the positions by connection."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.waiting: list[str] = []
        self.kept: dict[str, int] = {}

    async def put(self, channel: str, connection: str, body: bytes) -> None:
        self.waiting.append(connection)
        await self.open.wait()
        self.kept[connection] = json.loads(body)["position"]

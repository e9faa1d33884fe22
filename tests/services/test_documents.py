"""A document's queue: nothing is acknowledged that is not durable, and nothing is lost when the store says no."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.core.domain.documents import EditError
from app.core.ratelimit import RateLimiter
from app.engine.build import open_engine
from app.engine.limits import EngineLimits
from app.engine.ports.documents import NO_EXTRAS, CommitExtras, DocumentStore, KnownOperation, OperationKey, Version
from app.engine.ports.engine import Engine
from app.engine.ports.errors import TipMoved, Unavailable
from app.engine.ports.events import Publication
from app.services.editing import document_queue, documents
from app.services.editing.documents import Documents
from app.services.editing.edit_submission import EditAuthor, EditSubmission
from app.services.quotas import Quotas
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.commands import EditPayload
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.events import RemoteOperation, RemoteOperationPayload
from tests.engine.conftest import Clock
from tests.harness.eventually import HANG_SECONDS

DOC = "document:1"


class Gate:
    """The real store behind a gate: appends wait, fail, or meet somebody who was faster."""

    def __init__(self, store: DocumentStore) -> None:
        self.store = store
        self.open = asyncio.Event()
        self.open.set()
        self.reached = asyncio.Event()
        self.refuse = self.broken = 0
        self.faster: list[str] = []
        self.appended = self.looked_up = 0

    async def append(
        self,
        channel: str,
        tip: int,
        versions: Sequence[Version],
        epoch: str = "",
        extras: CommitExtras = NO_EXTRAS,
    ) -> None:
        self.reached.set()
        await self.open.wait()
        if self.broken:
            self.broken -= 1
            raise ValueError("a fault nobody thought of")
        if self.refuse:
            self.refuse -= 1
            raise Unavailable("the disk is full")
        if self.faster:
            payload = RemoteOperationPayload(
                user_id="other",
                user_name="Other",
                operation_type="insert",
                position=0,
                version=tip + 1,
                content=self.faster.pop(),
            )
            body = codec.encode(RemoteOperation(channel=channel, payload=payload))
            await self.store.append(channel, tip, [Version(body, "other", None)])
            raise TipMoved(channel)
        await self.store.append(channel, tip, versions, epoch, extras)
        self.appended += 1

    async def known(self, channel: str, keys: Sequence[OperationKey]) -> Mapping[OperationKey, KnownOperation]:
        self.looked_up += len(keys)
        return await self.store.known(channel, keys)

    async def keep_snapshot(self, channel: str, version: int, state: bytes) -> None:
        await self.store.keep_snapshot(channel, version, state)

    async def snapshot(self, channel: str, version: int) -> tuple[int, bytes] | None:
        return await self.store.snapshot(channel, version)


class Bench:
    """Documents over a real engine and a gate."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.gate = Gate(engine.documents)
        self.ready = True
        self.used = False
        self.limiter = RateLimiter()
        self.documents = Documents(
            self.gate,
            engine.broker,
            lambda: self.ready,
            lambda channel: self.used,
            Quotas(self.limiter, Clock()),
            engine.control,
            engine.cursors,
        )
        self.answers: list[int | EditError] = []
        self.delivered: list[int] = []
        engine.broker.start(self._deliver)

    def _deliver(self, publications: Sequence[Publication]) -> None:
        for publication in publications:
            self.delivered.append(publication.offset)
            version = self.documents.claim(publication.channel, publication.offset, publication.frame)
            if version is not None:
                version.answer(publication.offset)

    def submit(self, content: str, version: int = 0, op_id: str | None = None) -> None:
        payload = EditPayload("insert", 0, version, content, op_id=op_id)
        self.documents.submit(DOC, EditSubmission(EditAuthor("ali", "Ali"), payload, self.answers.append))

    async def answered(self, count: int) -> list[int | EditError]:
        async with asyncio.timeout(HANG_SECONDS):
            while len(self.answers) < count:  # noqa: ASYNC110  answers come by a callback
                await asyncio.sleep(0.005)
        return self.answers

    async def text(self) -> str:
        return (await self.documents.state(DOC)).content


@asynccontextmanager
async def bench(folder: Path) -> AsyncIterator[Bench]:
    engine = await open_engine("embedded", folder, limits=EngineLimits(), rates=RateLimiter(), clock=Clock())
    try:
        await engine.broker.join(DOC)
        yield Bench(engine)
    finally:
        await engine.close()


def test_nothing_is_acknowledged_before_it_is_durable(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as it:
            it.gate.open.clear()
            it.submit("a")
            await it.gate.reached.wait()
            assert (it.answers, it.delivered, await it.text()) == ([], [], "")
            it.gate.open.set()
            assert await it.answered(1) == [1]
            assert (it.delivered, await it.text()) == ([1], "a")

    asyncio.run(scene())


def test_new_edits_are_not_looked_up_and_one_sent_again_is_answered_as_before(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as it:
            for number in range(3):
                it.submit(str(number), number, op_id=f"op{number}")
            assert await it.answered(3) == [1, 2, 3]
            assert it.gate.looked_up == 0
            it.submit("new", 3, op_id="op3")
            it.submit("1", 1, op_id="op1")
            it.submit("other", 0, op_id="op2")
            it.submit("newer", 3, op_id="op4")
            again, refusal, *new = (await it.answered(7))[3:]
            assert again == 2
            assert isinstance(refusal, EditError)
            assert refusal.code is ErrorCode.INVALID_MESSAGE_FORMAT
            assert new == [4, 5]
            assert (await it.text()).count("1") == 1
            assert it.gate.looked_up == 0, "the store finds them where it would commit them"
            it.submit("0", 90, op_id="op0")
            it.submit("x", 90, op_id="op9")
            settled, conflict = (await it.answered(9))[7:]
            assert isinstance(settled, EditError)
            assert settled.code is ErrorCode.INVALID_MESSAGE_FORMAT
            assert isinstance(conflict, EditError)
            assert conflict.code is ErrorCode.VERSION_CONFLICT
            assert it.gate.looked_up == 2, "those that would be refused are looked up first"

    asyncio.run(scene())


def test_what_the_store_refuses_is_answered_and_the_lane_goes_on(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as it:
            it.gate.refuse = 1
            it.submit("lost", op_id="a")
            it.submit("too", op_id="b")
            for refusal in await it.answered(2):
                assert isinstance(refusal, EditError)
                assert refusal.code is ErrorCode.SERVICE_UNAVAILABLE
            it.submit("kept", op_id="a")
            assert (await it.answered(3))[2] == 1
            assert await it.text() == "kept"
            it.ready = False
            it.submit("no journal")
            assert isinstance((await it.answered(4))[3], EditError)

    asyncio.run(scene())


def test_an_unforeseen_fault_is_answered_and_the_lane_goes_on(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as it:
            it.gate.broken = 1
            it.submit("lost", op_id="a")
            (refusal,) = await it.answered(1)
            assert isinstance(refusal, EditError)
            assert refusal.code is ErrorCode.INTERNAL_ERROR
            it.submit("kept", op_id="a")
            assert (await it.answered(2))[1] == 1
            assert await it.text() == "kept"

    asyncio.run(scene())


def test_an_edit_whose_tip_was_taken_is_moved_behind_and_committed_once(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as it:
            it.gate.faster = ["second ", "first "]
            it.submit("mine", op_id="a")
            it.submit("!", op_id="b")
            assert await it.answered(2) == [3, 4]
            assert await it.text() == "!minesecond first "
            assert it.delivered == [1, 2, 3, 4]

    asyncio.run(scene())


def test_an_edit_is_charged_once_however_often_it_is_tried(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as it:

            def spent() -> tuple[int, int]:
                steady = Clock()().steady
                return it.limiter.spent("ali", "channels", steady)[1], it.limiter.spent("ali", "stored", steady)[1]

            it.gate.refuse = 3
            for n in range(3):
                it.submit("refused", op_id="a")
                await it.answered(n + 1)
            assert spent() == (0, 0)
            it.gate.broken = 1
            it.submit("broken", op_id="a")
            await it.answered(4)
            assert spent() == (0, 0)
            it.gate.faster = ["second ", "first "]
            it.submit("mine", op_id="a")
            await it.answered(5)
            (version,) = await it.engine.broker.read(DOC, 2, 10)
            assert spent() == (0, len(version.frame)), "the document was begun by another"
            it.submit("mine", op_id="a")
            await it.answered(6)
            assert spent() == (0, len(version.frame)), "a resend is stored nowhere"

    asyncio.run(scene())


def test_edits_that_wait_are_committed_together_in_order(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as it:
            for n in range(200):
                it.submit(str(n % 10), op_id=str(n))
            assert await it.answered(200) == list(range(1, 201))
            assert it.gate.appended <= 200 // document_queue.MAX_BATCH + 2
            assert await it.text() == "".join(
                str(n % 10) for n in reversed(range(200))
            )  # all for one place of one version

    asyncio.run(scene())


@pytest.mark.parametrize("versions", [700, 1_300])
def test_a_document_is_let_go_when_it_rests_and_read_back_as_it_was(
    tmp_path: Path, versions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as it:
            for n in range(versions):
                it.submit("x😀", version=n)
            await it.answered(versions)
            monkeypatch.setattr(documents, "IDLE_SECONDS", 0.0)
            it.used = True
            await asyncio.sleep(0.01)
            it.documents.sweep()
            assert it.documents.open == 1
            it.used = False
            it.documents.sweep()
            assert it.documents.open == 0
            assert await it.text() == "x😀" * versions
            it.submit("late", version=1)
            assert (await it.answered(versions + 1))[-1] == versions + 1

    asyncio.run(scene())

"""All versions of a document: kept packed beyond the log, with author, time and text, as far as there is room."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.core.ratelimit import RateLimiter
from app.engine.build import open_engine
from app.engine.embedded.events import history, segments
from app.engine.limits import EngineLimits
from app.engine.ports.engine import Engine
from app.services.editing.documents import Documents
from app.services.editing.edit_submission import EditAuthor, EditSubmission
from app.services.quotas import Quotas
from app.services.revisions.revisions import Revisions, VersionNotKeptError
from dossier_realtime.protocol.commands import EditPayload
from tests.engine.conftest import Clock
from tests.harness.eventually import eventually_async

DOC = "document:1"


class Versioning:
    """Documents and their versions over a real engine with a short log."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self.engine, self.clock = engine, clock
        quotas = Quotas(RateLimiter(), clock)
        self.documents = Documents(
            engine.documents, engine.broker, lambda: True, lambda channel: True, quotas, engine.control, engine.cursors
        )
        self.revisions = Revisions(engine.revisions, engine.documents, engine.broker, self.documents.differences)
        self.texts = [""]

    async def type(self, user: str, text: str) -> None:
        """Append a text letter by letter, as a user."""
        loop = asyncio.get_running_loop()
        answers = []
        for letter in text:
            version, content = len(self.texts) - 1, self.texts[-1]
            answers.append(loop.create_future())
            payload = EditPayload("insert", len(content), version, letter)
            answer = answers[-1].set_result
            self.documents.submit(DOC, EditSubmission(EditAuthor(user, user.title()), payload, answer))
            self.texts.append(content + letter)
        assert [await one for one in answers][-1] == len(self.texts) - 1
        self.clock.passed += 1_000

    async def trimmed(self, oldest: int) -> None:
        """Wait until the log begins after `oldest`."""

        async def cut() -> bool:
            return (await self.engine.broker.position(DOC)).oldest > oldest

        await eventually_async(cut)


@asynccontextmanager
async def versioning(folder: Path, document_bytes: int = 1 << 20) -> AsyncIterator[Versioning]:
    clock = Clock()
    limits = EngineLimits(history_events=100, history_seconds=1.0, document_bytes=document_bytes)
    engine = await open_engine("embedded", folder, limits=limits, rates=RateLimiter(), clock=clock)
    try:
        yield Versioning(engine, clock)
    finally:
        await engine.close()


def test_versions_beyond_the_log_keep_author_time_and_text(tmp_path: Path) -> None:
    async def scene() -> None:
        async with versioning(tmp_path) as it:
            for turn in range(8):
                await it.type("ali" if turn % 2 else "bea", "مرحبا 12" * 75)
            await it.trimmed(2_000)
            page = await it.revisions.page(DOC, 0, 1_000, join=False)
            assert (page.version, page.oldest, page.next) == (4_800, 0, 1_000)
            assert [row.version for row in page.rows] == list(range(1, 1_001))
            assert [page.rows[at].user_id for at in (0, 599, 600)] == ["bea", "bea", "ali"]
            assert all(row.timestamp for row in page.rows)
            joined = await it.revisions.page(DOC, 0, 10, join=True)
            assert [(row.first, row.version) for row in joined.rows] == [
                (600 * turn + 1, 600 * turn + 600) for turn in range(8)
            ]
            for version in (0, 1, 600, 1_777, 3_000, 4_800):
                assert (await it.revisions.at(DOC, version)).document.content == it.texts[version], version

    asyncio.run(scene())


def test_old_versions_go_where_there_is_no_room_and_the_oldest_kept_is_said(tmp_path: Path) -> None:
    async def scene() -> None:
        async with versioning(tmp_path, document_bytes=600) as it:
            for _ in range(10):
                await it.type("ali", "some letters" * 50)
            await it.trimmed(4_000)
            with pytest.raises(VersionNotKeptError) as missed:
                await it.revisions.at(DOC, 1)
            oldest = missed.value.oldest
            assert 0 < oldest < 6_000
            assert str(oldest) in str(missed.value)
            for version in (oldest, oldest + 1, 6_000):
                assert (await it.revisions.at(DOC, version)).document.content == it.texts[version], version
            page = await it.revisions.page(DOC, 0, 1, join=False)
            assert (page.oldest, page.rows[0].version) == (oldest, oldest + 1)

    asyncio.run(scene())


def test_a_store_whose_log_was_trimmed_before_versions_were_kept_says_the_oldest(tmp_path: Path) -> None:
    async def scene() -> None:
        async with versioning(tmp_path) as it:
            for _ in range(5):
                await it.type("ali", "x" * 600)
            await it.trimmed(500)
        async with versioning(tmp_path) as again:
            # A service of before kept neither segments nor more than one snapshot before the log.
            writer = again.engine.documents._writer  # type: ignore[attr-defined]  # to make the store as it was
            await writer.submit(lambda db: db.execute("DELETE FROM segments").rowcount)
            logged = (await again.engine.broker.position(DOC)).oldest
            await writer.submit(
                lambda db: db.execute("DELETE FROM snapshots WHERE version < ?", (logged - 1,)).rowcount
            )
            with pytest.raises(VersionNotKeptError) as missed:
                await again.revisions.at(DOC, 1)
            assert missed.value.oldest == logged - 1
            assert (await again.revisions.at(DOC, logged)).version == logged

    asyncio.run(scene())


def test_versions_are_packed_in_steps_of_a_bounded_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Publishers have their turn between two steps; the steps go on until the log is as short as it should be."""
    packed: list[int] = []
    keep = segments.keep

    def watched(db: sqlite3.Connection, stream: int, bodies: Sequence[bytes], most: int) -> None:
        packed.append(sum(map(len, bodies)))
        keep(db, stream, bodies, most)

    monkeypatch.setattr(segments, "keep", watched)
    monkeypatch.setattr(history, "TRIM_BYTES", 5_000)

    async def scene() -> None:
        async with versioning(tmp_path) as it:
            await it.type("ali", "z" * 1_300)
            await it.type("ali", "z" * 600)
            await it.trimmed(1_000)
            rows = (await it.revisions.page(DOC, 0, 2_000, join=False)).rows
            assert [row.version for row in rows] == list(range(1, 1_901)), "the history has no hole"

    asyncio.run(scene())
    assert len(packed) > 10
    assert max(packed) < 5_000 + 1_000

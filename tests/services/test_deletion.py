"""The deletion of a document with its comments and its pair: it fails as a whole, and is completed after a crash."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from app.core.domain.documents import EditError
from app.engine.ports.errors import Unavailable
from app.services.editing.edit_submission import EditAuthor, EditSubmission, WholeText
from app.services.pairs.deletion import KIND, DocumentDeletion
from app.services.pairs.pairs import Pairs, PairSide
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.http.comments import NewComment
from tests.harness.in_process import Gate
from tests.services.test_comments import Commenting, commenting
from tests.services.test_revisions import DOC

NAME = channels.identifier(DOC)


class Deleting:
    """A document with a comment and a counterpart, and its deletion. `breaks`: the store fails after that many acts."""

    def __init__(self, it: Commenting) -> None:
        self.it, self.documents = it, it.it.documents
        engine = it.it.engine
        self.pairs = Pairs(engine.records, it.publisher, self.documents, it.it.revisions)
        self.deletion = DocumentDeletion(
            engine.records, engine.broker, it.publisher, self.documents, it.comments, self.pairs, lambda: 0.0
        )

    async def begin(self) -> None:
        await self.it.it.type("ali", "one two three")
        await self.it.comments.add(NewComment(4, 7, text="why?"), self.it.act("nora"))
        await self.pairs.join(PairSide(NAME, "en"), PairSide("other", "ar"))

    def begins_anew(self) -> None:
        """Let the service learn that the document was deleted, as its node tells it."""
        self.documents.deleted(DOC)
        self.it.it.texts = [""]

    async def version(self) -> int:
        return (await self.documents.committed(DOC)).version

    async def quotes(self) -> list[str]:
        return [row.quote for row in await self.it.rows()]

    async def due(self) -> None:
        """Let the clock of records hand out what is due."""
        for record in await self.it.it.engine.records.due(KIND, 10**10, 10):
            await self.deletion.complete(record, 10**10)


async def _failing(part: object, method: str, call: Callable[[], Awaitable[object]], *, done: bool) -> None:
    """Call while one method fails, after it was carried out where `done`."""
    through = getattr(part, method)

    async def fails(*arguments: object) -> None:
        if done:
            await through(*arguments)
        raise Unavailable("the store takes no change now")

    setattr(part, method, fails)
    try:
        await call()
        raise AssertionError("it did not fail")
    except Unavailable:
        pass
    finally:
        setattr(part, method, through)


def in_office(folder: Path, scene: Callable[[Deleting], Awaitable[None]]) -> None:
    async def run() -> None:
        async with commenting(folder) as it:
            office = Deleting(it)
            await office.begin()
            await scene(office)

    asyncio.run(run())


def test_a_document_goes_with_its_comments_and_its_pair(tmp_path: Path) -> None:
    async def scene(it: Deleting) -> None:
        assert await it.deletion.delete(DOC, await it.version())
        assert (await it.version(), await it.quotes()) == (0, [])
        assert await it.pairs.of(NAME) is None
        assert await it.pairs.of("other") is None
        assert not await it.it.it.engine.records.due(KIND, 10**10, 10), "nothing is left to do"

    in_office(tmp_path, scene)


def test_a_deletion_that_fails_loses_nothing(tmp_path: Path) -> None:
    async def scene(it: Deleting) -> None:
        version = await it.version()
        await _failing(it.documents, "delete", lambda: it.deletion.delete(DOC, version), done=False)
        await it.due()
        assert (await it.version(), await it.quotes()) == (version, ["two"])
        assert await it.pairs.of(NAME) is not None
        assert await it.deletion.delete(DOC, version), "it may be tried again"

    in_office(tmp_path, scene)


def test_what_a_cut_off_deletion_left_goes_and_what_was_made_since_stays(tmp_path: Path) -> None:
    async def scene(it: Deleting) -> None:
        version = await it.version()
        await _failing(it.documents, "delete", lambda: it.deletion.delete(DOC, version), done=True)
        it.begins_anew()
        await it.it.it.type("ali", "new text")
        await it.it.comments.add(NewComment(0, 3, text="since then"), it.it.act("nora"))
        await it.due()
        assert await it.quotes() == ["new"]
        assert await it.pairs.of(NAME) is None
        assert not await it.it.it.engine.records.due(KIND, 10**10, 10)

    in_office(tmp_path, scene)


def test_a_document_that_was_edited_since_it_was_read_is_not_deleted(tmp_path: Path) -> None:
    async def scene(it: Deleting) -> None:
        version = await it.version()
        assert not await it.deletion.delete(DOC, version - 1)
        assert (await it.version(), await it.quotes()) == (version, ["two"])
        assert not await it.it.it.engine.records.due(KIND, 10**10, 10)

    in_office(tmp_path, scene)


def test_a_whole_text_that_was_compared_before_a_deletion_goes_into_no_new_document(tmp_path: Path) -> None:
    async def scene(it: Deleting) -> None:
        version = await it.version()
        gate = Gate(it.documents.differences, "between")
        answered: asyncio.Future[int | EditError] = asyncio.get_running_loop().create_future()
        change = WholeText("one two four", version, None, None)
        sending = asyncio.create_task(
            it.documents.replace(DOC, EditSubmission(EditAuthor("ali", "Ali", "editor"), change, answered.set_result))
        )
        await gate.wait_reached()
        assert await it.deletion.delete(DOC, version)
        it.begins_anew()
        await it.it.it.type("ali", "z" * (version + 1))
        gate.open()
        await sending
        refused = await answered
        assert isinstance(refused, EditError)
        assert refused.code is ErrorCode.VERSION_CONFLICT
        assert (await it.documents.committed(DOC)).document.content == "z" * (version + 1)

    in_office(tmp_path, scene)

"""The places of comments over trims of the log, long suggestions, and what a comment is charged."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from app.builders.comments import comments_of
from app.core.domain.comments import places, suggestions
from app.core.domain.projections.action_links import ActionLinks
from app.core.ratelimit import RateLimiter
from app.engine.ports.errors import Moved
from app.journal.acts import Act
from app.services.commenting.comments import Comments
from app.services.commenting.ledger import CommentAct
from app.services.domain.projections import Projections
from app.services.publisher import EventPublisher
from app.services.quotas import Quotas
from dossier_realtime.ot.document import Document
from dossier_realtime.ot.operations import Operation
from dossier_realtime.protocol.authorization import Identity
from dossier_realtime.protocol.classification import ChannelPolicy, Clearance
from dossier_realtime.protocol.documents.comments import DocumentCommentPayload
from dossier_realtime.protocol.http.comments import NewComment
from dossier_realtime.recording.ops.ops_aggregator import OpsAggregator
from tests.services.test_revisions import DOC, Versioning, versioning


class Commenting:
    """Comments over a real engine with a short log."""

    def __init__(self, it: Versioning) -> None:
        self.it = it
        self.acts: list[Act] = []
        engine, clock = it.engine, it.clock
        quotas = Quotas(RateLimiter(), clock)
        self.publisher = EventPublisher(
            engine.broker,
            engine.alerts,
            ChannelPolicy(()),
            OpsAggregator("test"),
            lambda: True,
            quotas,
            Projections(engine.records, (), clock, ActionLinks(("*",))),
        )
        self.comments = self.anew()

    def anew(self) -> Comments:
        """Return the service as after a restart: it knows only what is stored."""
        return comments_of(self.it.engine, self.publisher, self.it.documents, self.it.clock)

    def act(self, user: str) -> CommentAct:
        async def record(act: Act) -> None:
            self.acts.append(act)

        return CommentAct(DOC, Identity(user, user.title(), "editor", None, (), Clearance.INTERNAL, 10**10), record)

    async def rows(self) -> list[DocumentCommentPayload]:
        return (await self.comments.page(DOC, 0, 100, open_only=False)).comments

    async def stored_version(self) -> int:
        (record,) = (await self.it.engine.records.find(places.KIND, [DOC])).values()
        return places.decode(record.body).version


@asynccontextmanager
async def commenting(folder: Path) -> AsyncIterator[Commenting]:
    async with versioning(folder) as it:
        yield Commenting(it)


def test_places_are_stored_anew_before_the_log_loses_the_way_to_the_present(tmp_path: Path) -> None:
    async def scene() -> None:
        async with commenting(tmp_path) as it:
            await it.it.type("ali", "one two three")
            await it.comments.add(NewComment(4, 7, text="why?"), it.act("nora"))
            assert await it.stored_version() == 13
            await it.it.type("ali", "x" * 500)
            await it.comments.sweep()
            assert await it.stored_version() == 13  # not far behind
            await it.it.type("ali", "y")
            await it.comments.sweep()
            assert await it.stored_version() == 514
            for _ in range(6):
                await it.it.type("ali", "z" * 600)
                await it.comments.sweep()
            await it.it.trimmed(1_000)
            it.comments = it.anew()
            (row,) = await it.rows()
            assert (row.start, row.end, row.quote, row.version, row.orphaned) == (4, 7, "two", 4_114, False)

    asyncio.run(scene())


def test_a_place_whose_way_is_lost_is_found_by_its_text_or_said_to_be_orphaned(tmp_path: Path) -> None:
    async def scene() -> None:
        async with commenting(tmp_path) as it:
            await it.it.type("ali", "one two three three")
            await it.comments.add(NewComment(4, 7, text="why?"), it.act("nora"))
            await it.comments.add(NewComment(8, 13, text="which?"), it.act("nora"))
            for _ in range(6):
                await it.it.type("ali", "x" * 600)
            await it.it.trimmed(1_000)
            it.comments = it.anew()  # without any sweep
            first, second = await it.rows()
            assert (first.start, first.end, first.orphaned) == (4, 7, False)
            assert (second.orphaned, second.quote) == (True, "three")  # it is there twice

    asyncio.run(scene())


@pytest.mark.parametrize("edited", [False, True])
def test_a_long_suggestion_is_compared_beside_the_loop_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edited: bool
) -> None:
    """Twice only where the text changed between the comparison and the edit."""
    threads: list[threading.Thread] = []
    accepted = suggestions.accepted

    def watched(document: Document, *rest: Any) -> Operation | None:
        threads.append(threading.current_thread())
        return accepted(document, *rest)

    monkeypatch.setattr(suggestions, "accepted", watched)

    async def scene() -> None:
        async with commenting(tmp_path) as it:
            text = "word " * 300
            await it.it.type("ali", text)
            name = (await it.comments.add(NewComment(0, 1_500, replacement="w" * 700), it.act("nora"))).comment.id
            act = it.act("bea")

            async def record(_: Act) -> None:
                if edited:
                    await it.it.type("ali", "!")

            act = CommentAct(DOC, act.identity, record)
            assert (await it.comments.suggestions.accept(name, act, lambda: True)).comment.accepted
            content = (await it.it.documents.state(DOC)).content
            assert content == "w" * 700 + ("!" if edited else "")

    asyncio.run(scene())
    assert len(threads) == (2 if edited else 1)
    assert threading.main_thread() not in threads


def test_a_comment_is_charged_once_however_often_its_commit_is_tried(tmp_path: Path) -> None:
    async def scene() -> None:
        async with commenting(tmp_path) as it:
            await it.it.type("ali", "one two three")
            act = it.act("nora")
            charged: list[int] = []
            quotas, publish = it.publisher.quotas, it.publisher.commit
            charge, give_back = quotas.charge, quotas.give_back

            async def counted(*who: str, channels: int, stored: int) -> None:
                charged.append(stored)
                await charge(*who, channels=channels, stored=stored)

            def returned(user_id: str, *, channels: int, stored: int) -> None:
                charged.append(-stored)
                give_back(user_id, channels=channels, stored=stored)

            async def moves_twice(*arguments: Any, **named: Any) -> Any:
                if len(charged) < 4:
                    raise Moved("another call was first")
                return await publish(*arguments, **named)

            quotas.charge, quotas.give_back = counted, returned  # type: ignore[method-assign,assignment]  # they go through
            it.publisher.commit = moves_twice  # type: ignore[method-assign]  # likewise
            await it.comments.add(NewComment(4, 7, text="why?"), act)
            assert len(charged) == 5
            assert sum(charged) == charged[0], "what was not committed is given back"

    asyncio.run(scene())

"""Comments in the SDK over the real service: two editors see the same comments at the same text."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dossier_realtime.client import DocumentEditor, DossierRealtimeClient, PublishError
from dossier_realtime.protocol.documents.comments import DocumentCommentPayload
from tests.harness.eventually import eventually_async
from tests.harness.service import Service
from tests.sdk.client_harness import run

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("comments") / "data") as running:
        yield running
    running.assert_log_clean()


def _texts(document: DocumentEditor) -> list[tuple[str, str]]:
    """Each comment with the text that it stands on (the texts here have no character beyond U+FFFF)."""
    return [(one.text or one.replacement or "", document.text[one.start : one.end]) for one in document.comments.all()]


def test_two_editors_see_the_same_comments_on_the_same_text_and_a_suggestion_becomes_text(service: Service) -> None:
    async def scene() -> None:
        ali, bea = (service.token(name, "write:document:*", name=name) for name in ("ali", "bea"))
        async with (
            DossierRealtimeClient(ali, service.url) as first,
            DossierRealtimeClient(bea, service.url) as second,
            first.document("paper") as one,
            second.document("paper") as two,
        ):
            one.insert(0, "The colour of وثيقة is red.")
            await one.wait_synced()
            await eventually_async(lambda: two.text == one.text)
            await two.comments.load()
            told: list[list[DocumentCommentPayload]] = []
            two.comments.on_change(told.append)
            one.insert(0, "> ")
            with pytest.raises(ValueError, match="not saved yet"):
                await one.comments.add(0, 1, "too early")
            made = await one.comments.add(16, 21, "أي وثيقة؟")  # beside an edit that is not confirmed
            await one.comments.load()
            assert _texts(one) == [("أي وثيقة؟", "وثيقة")]
            await eventually_async(lambda: _texts(two) == _texts(one) and bool(told))
            two.insert(0, "Draft. ")
            one.insert(one.length, " And more.")
            assert _texts(two) == [("أي وثيقة؟", "وثيقة")]
            await two.comments.reply(made.id, "This one.")
            await one.comments.resolve(made.id)
            suggested = await one.comments.suggest(*_place(one, "colour"), "color", "American")
            await two.wait_synced()
            await one.wait_synced()
            await eventually_async(lambda: len(two.comments.all()) == 2)
            accepted = await two.comments.accept(suggested.id)
            assert (accepted.status, accepted.changed_by) == ("accepted", "bea")
            await eventually_async(lambda: one.text == two.text and "The color of وثيقة is red. And" in one.text)
            with pytest.raises(PublishError, match="accepted"):
                await one.comments.reject(suggested.id)
            await one.comments.remove(suggested.id)
            await eventually_async(lambda: [row.status for row in two.comments.all()] == ["resolved"])
            (row,) = two.comments.all()
            assert [reply.text for reply in row.replies] == ["This one."]

    run(scene())


def test_an_orphan_comes_back_with_the_undo_in_every_editor(service: Service) -> None:
    async def scene() -> None:
        ali, bea = (service.token(name, "write:document:*", name=name) for name in ("ali", "bea"))
        async with (
            DossierRealtimeClient(ali, service.url) as first,
            DossierRealtimeClient(bea, service.url) as second,
            first.document("note") as one,
            second.document("note") as two,
        ):
            one.insert(0, "one two three")
            await one.wait_synced()
            await two.comments.load()
            made = await one.comments.add(4, 7, "while away")
            one.insert(0, "zero ")
            await one.wait_synced()
            await eventually_async(lambda: _texts(two) == [("while away", "two")])
            one.delete(*_span(one, "two"))
            await eventually_async(lambda: [row.orphaned for row in two.comments.all()] == [True])
            one.undo()
            await eventually_async(lambda: _texts(two) == [("while away", "two")])
            assert two.comments.all()[0].id == made.id

    run(scene())


def _place(document: DocumentEditor, text: str) -> tuple[int, int]:
    start = document.text.index(text)
    return start, start + len(text)


def _span(document: DocumentEditor, text: str) -> tuple[int, int]:
    return document.text.index(text), len(text)


def test_an_accepted_suggestion_is_the_edit_that_undo_takes_back(service: Service) -> None:
    async def scene() -> None:
        ali, bea = (service.token(name, "write:document:*", name=name) for name in ("ali", "bea"))
        async with (
            DossierRealtimeClient(ali, service.url) as first,
            DossierRealtimeClient(ali, service.url) as tab,
            DossierRealtimeClient(bea, service.url) as second,
            first.document("taken-back") as one,
            tab.document("taken-back") as other,
            second.document("taken-back") as two,
        ):
            two.insert(0, "Level of tax 5%.")
            await two.wait_synced()
            await eventually_async(lambda: one.text == other.text == two.text)
            one.insert(0, "Article 1. ")
            other.insert(other.length, "!")
            await one.wait_synced()
            await other.wait_synced()
            await eventually_async(lambda: one.text == other.text == two.text)
            suggested = await two.comments.suggest(*_place(two, "tax"), "levy", "better")
            await one.comments.accept(suggested.id)
            await eventually_async(lambda: one.text == other.text == two.text == "Article 1. Level of levy 5%.!")
            assert one.undo()  # not the article: what the user did last
            assert one.text == "Article 1. Level of tax 5%.!"
            assert one.redo()
            await one.wait_synced()
            await eventually_async(lambda: other.text == two.text == "Article 1. Level of levy 5%.!")
            assert other.undo()  # of another tab it is no edit
            assert other.text == "Article 1. Level of levy 5%."
            await other.wait_synced()
            await eventually_async(lambda: one.text == other.text)
            assert [one.undo(), one.undo(), one.undo()] == [True, True, False]
            assert one.text == "Level of tax 5%."
            await one.wait_synced()
            await eventually_async(lambda: two.text == one.text)
            assert [comment.status for comment in await two.comments.load()] == ["accepted"]

    run(scene())

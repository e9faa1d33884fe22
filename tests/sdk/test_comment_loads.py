"""The loads of a document's comments: one at a time, and of the text that the editor has."""

from __future__ import annotations

import asyncio
from typing import cast

import msgspec
import pytest

from dossier_realtime.client.documents.comments import DocumentComments
from dossier_realtime.client.errors import ConnectionClosed, DeniedError
from dossier_realtime.client.io.document_subscription import DocumentSubscription
from dossier_realtime.client.io.http_calls import HttpCalls
from dossier_realtime.client.state.document_replica import DocumentReplica
from dossier_realtime.client.state.editing.edit_pace import EditPace
from dossier_realtime.protocol.documents.comments import DocumentCommentPayload
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.http.comments import CommentPage
from dossier_realtime.protocol.responses import DocumentState, Subscribed
from tests.sdk.client_harness import run
from tests.sdk.test_comment_states import comment


class HeldHttp:
    """HTTP calls that are answered when the test says so."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[asyncio.Future[bytes]] = asyncio.Queue()

    async def call(self, *_: object) -> bytes:
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.asked.put_nowait(answer)
        return await answer


def _page(*rows: DocumentCommentPayload) -> bytes:
    return msgspec.json.encode(CommentPage(document="paper", version=1, comments=list(rows)))


def _load_text(replica: DocumentReplica) -> None:
    replica.asked()
    document = DocumentState(1, "x" * 40, [])
    replica.subscribed(Subscribed(channel=replica.channel, document=document), 0.0)


def _comments(http: HeldHttp) -> tuple[DocumentComments, DocumentReplica]:
    replica = DocumentReplica("document:paper", lambda: "id", lambda: "ref", EditPace())
    _load_text(replica)
    subscription = DocumentSubscription(replica.channel, asyncio.ensure_future, lambda _: None, lambda: None)
    return DocumentComments(replica, cast("HttpCalls", http), asyncio.ensure_future, subscription), replica


def test_loads_run_one_after_the_other_and_those_that_wait_share_one() -> None:
    async def scene() -> None:
        http = HeldHttp()
        comments, _ = _comments(http)
        loads = [asyncio.ensure_future(comments.load())]
        first = await http.asked.get()
        loads += [asyncio.ensure_future(comments.load()) for _ in range(3)]
        first.set_result(_page(comment("one", 0, 3)))
        second = await http.asked.get()
        assert loads[0].done()
        second.set_result(_page(comment("one", 0, 3), comment("two", 4, 6)))
        await asyncio.gather(*loads)
        assert http.asked.empty()
        assert [row.id for row in comments.all()] == ["one", "two"]

    run(scene())


def test_a_list_that_was_asked_for_before_the_text_was_loaded_anew_is_read_again() -> None:
    async def scene() -> None:
        http = HeldHttp()
        comments, replica = _comments(http)
        load = asyncio.ensure_future(comments.load())
        stale = await http.asked.get()
        _load_text(replica)
        stale.set_result(_page(comment("one", 0, 3, version=1)))
        (await http.asked.get()).set_result(_page(comment("one", 5, 8, version=4)))
        await load
        assert [row.start for row in comments.all()] == [5]
        assert not replica.comments.is_behind

    run(scene())


def test_a_load_that_fails_or_is_given_up_does_not_keep_the_next_one_waiting() -> None:
    async def scene() -> None:
        http = HeldHttp()
        comments, _ = _comments(http)
        failing = asyncio.ensure_future(comments.load())
        (await http.asked.get()).set_exception(OSError("no way there"))
        with pytest.raises(OSError, match="no way"):
            await failing
        given_up = asyncio.ensure_future(comments.load())
        await http.asked.get()
        next_one = asyncio.ensure_future(comments.load())
        given_up.cancel()
        (await http.asked.get()).set_result(_page())
        assert await next_one == []

    run(scene())


@pytest.mark.parametrize("reason", [DeniedError(ErrorCode.RATE_LIMIT_EXCEEDED, "Too many", "document:paper"), None])
def test_a_load_without_a_subscription_to_keep_it_up_to_date_raises_what_ended_it(reason: DeniedError | None) -> None:
    async def scene() -> None:
        http = HeldHttp()
        replica = DocumentReplica("document:paper", lambda: "id", lambda: "ref", EditPace())
        subscription = DocumentSubscription(replica.channel, asyncio.ensure_future, lambda _: None, lambda: None)
        comments = DocumentComments(replica, cast("HttpCalls", http), asyncio.ensure_future, subscription)
        load = asyncio.ensure_future(comments.load())
        answer = await http.asked.get()
        subscription.end(reason)
        answer.set_result(_page(comment("one", 0, 3)))
        with pytest.raises(ConnectionClosed if reason is None else DeniedError) as raised:
            await load
        assert reason in (None, raised.value)

    run(scene())

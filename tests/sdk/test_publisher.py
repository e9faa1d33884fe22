"""Publishing over HTTP, against a real server that answers as the test says."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from dossier_realtime.client import (
    AuthFailed,
    ConnectFailed,
    ErrorCode,
    Published,
    Publisher,
    PublishError,
    UnusableToken,
)
from tests.harness.ports import reserve
from tests.sdk.client_harness import run
from tests.sdk.samples import SA, update

EVENT = update(channel=SA)
CannedResponse = tuple[int, Any, dict[str, str]]

GOOD: CannedResponse = (200, {"results": [{"channel": SA, "offset": 1, "epoch": "e"}]}, {})
BUSY = {"error_code": "RATE_LIMIT_EXCEEDED", "message": "wait"}


def publishing(
    answers: list[CannedResponse], work: Callable[[Publisher], Awaitable[None]], **options: Any
) -> list[HTTPServerRequest]:
    """Run `work` against a server with these answers; the requests that it got."""
    requests: list[HTTPServerRequest] = []

    class Publish(RequestHandler):
        def post(self) -> None:
            requests.append(self.request)
            status, body, headers = answers.pop(0)
            self.set_status(status)
            for name, value in headers.items():
                self.set_header(name, value)
            self.finish(body if isinstance(body, str) else json.dumps(body))

    async def scene() -> None:
        server = HTTPServer(Application([("/v1/publish", Publish)]))
        sockets = bind_sockets(0, "127.0.0.1")
        server.add_sockets(sockets)
        url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
        async with Publisher(options.pop("token", "token"), url, **options) as publisher:
            await work(publisher)
        server.stop()
        await server.close_all_connections()

    run(scene())
    assert answers == []
    return requests


def test_events_go_out_with_token_and_key_and_come_back_with_their_places() -> None:
    async def work(publisher: Publisher) -> None:
        assert await publisher.publish([EVENT]) == [Published(SA, 1, "e")]

    (request,) = publishing([GOOD], work)
    assert request.headers["Authorization"] == "Bearer token"
    assert 0 < len(request.headers["Idempotency-Key"]) <= 64
    assert json.loads(request.body) == {"events": [EVENT]}


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_passing_trouble_is_waited_out_under_the_same_key(status: int) -> None:
    async def work(publisher: Publisher) -> None:
        assert await publisher.publish([EVENT]) == [Published(SA, 1, "e")]

    requests = publishing([(status, BUSY, {"Retry-After": "0"}), GOOD], work)
    assert len({request.headers["Idempotency-Key"] for request in requests}) == 1
    assert len(requests) == 2


def test_a_token_source_is_asked_for_every_attempt() -> None:
    tokens = ["first", "second"]

    async def source() -> str:
        return tokens.pop(0)

    async def work(publisher: Publisher) -> None:
        await publisher.publish([EVENT])

    requests = publishing([(503, "busy", {}), GOOD], work, token=source)
    assert [request.headers["Authorization"] for request in requests] == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, ErrorCode.INVALID_MESSAGE_FORMAT),
        (403, ErrorCode.PERMISSION_DENIED),
        (409, ErrorCode.INVALID_MESSAGE_FORMAT),
        (413, ErrorCode.INVALID_MESSAGE_FORMAT),
        (500, ErrorCode.INTERNAL_ERROR),
    ],
)
def test_a_refusal_names_the_event_and_the_place_and_is_not_tried_again(status: int, code: ErrorCode) -> None:
    body = {"error_code": code, "message": "wrong", "index": 3, "path": "$.payload.entity_id"}

    async def work(publisher: Publisher) -> None:
        with pytest.raises(PublishError) as refused:
            await publisher.publish([EVENT], idempotency_key="mine")
        error = refused.value
        assert (error.status, error.error_code, error.message) == (status, code, "wrong")
        assert (error.index, error.path) == (3, "$.payload.entity_id")

    (request,) = publishing([(status, body, {})], work)
    assert request.headers["Idempotency-Key"] == "mine"


def test_a_refused_token_is_an_auth_failure() -> None:
    async def work(publisher: Publisher) -> None:
        with pytest.raises(AuthFailed, match="expired") as refused:
            await publisher.publish([EVENT])
        assert refused.value.error_code is ErrorCode.INVALID_TOKEN

    publishing([(401, {"error_code": "INVALID_TOKEN", "message": "expired"}, {})], work)


@pytest.mark.parametrize(
    ("answers", "options", "wait"),
    [
        ([(429, BUSY, {"Retry-After": "61"})], {}, 61),  # longer than anybody wants to wait
        ([(503, BUSY, {"Retry-After": "0"})] * 2, {"attempts": 2}, 0),
    ],
)
def test_a_trouble_that_does_not_pass_is_told_with_its_retry_after(
    answers: list[CannedResponse], options: dict[str, Any], wait: float
) -> None:
    async def work(publisher: Publisher) -> None:
        with pytest.raises(PublishError) as refused:
            await publisher.publish([EVENT])
        assert refused.value.retry_after == wait

    publishing(list(answers), work, **options)


@pytest.mark.parametrize(("status", "body"), [(404, "<html>"), (418, '{"message": "tea"}')])
def test_what_is_not_our_servers_answer_is_a_refusal_too(status: int, body: str) -> None:
    async def work(publisher: Publisher) -> None:
        with pytest.raises(PublishError, match=f"HTTP {status}"):
            await publisher.publish([EVENT])

    publishing([(status, body, {})], work)


def test_a_server_that_is_not_there_is_tried_and_then_told() -> None:
    async def scene() -> None:
        async with Publisher("token", f"http://127.0.0.1:{reserve()}", attempts=2) as publisher:
            with pytest.raises(ConnectFailed, match="try again later"):
                await publisher.publish([EVENT])

    run(scene())


@pytest.mark.parametrize("count", [0, 101])
def test_a_request_takes_one_to_a_hundred_events(count: int) -> None:
    async def scene() -> None:
        async with Publisher("token", "http://127.0.0.1:1") as publisher:
            with pytest.raises(ValueError, match="1 to 100"):
                await publisher.publish([EVENT] * count)

    run(scene())


@pytest.mark.parametrize("ending", ["/v1", "/v1/", "/office/v1"])
def test_an_address_with_the_sockets_path_is_refused_with_what_to_leave_out(ending: str) -> None:
    with pytest.raises(ValueError, match="leave /v1 out"):
        Publisher("token", f"http://127.0.0.1:1{ending}")


@pytest.mark.parametrize("given", [EVENT, "text", iter([EVENT])], ids=["event", "text", "iterator"])
def test_one_event_in_place_of_a_list_is_told_to_be_put_in_one(given: Any) -> None:
    async def scene() -> None:
        async with Publisher("token", "http://127.0.0.1:1") as publisher:
            with pytest.raises(TypeError, match=r"takes a list of events.*write \[event\]"):
                await publisher.publish(given)

    run(scene())


def test_a_token_from_a_file_goes_out_without_its_line_end() -> None:
    async def work(publisher: Publisher) -> None:
        await publisher.publish([EVENT])

    async def source() -> str:
        return "token\r\n"

    for token in ("token\n", source):
        (request,) = publishing([GOOD], work, token=token)
        assert request.headers["Authorization"] == "Bearer token"


def test_a_token_with_white_space_inside_is_refused_with_that_reason() -> None:
    async def source() -> str:
        return "to ken"

    async def work(publisher: Publisher) -> None:
        with pytest.raises(UnusableToken, match="a blank or a line end inside"):
            await publisher.publish([EVENT])

    for token in ("to ken", " token", "token\n\n", "to\tken"):
        with pytest.raises(ValueError, match="a blank or a line end inside"):
            Publisher(token, "http://localhost")
    with pytest.raises(ValueError, match="empty"):
        Publisher("\n", "http://localhost")
    publishing([], work, token=source)


def test_a_refusal_names_the_place_in_its_text_and_keeps_the_servers_words() -> None:
    body = {"error_code": "CHANNEL_NOT_FOUND", "message": "No", "index": 0, "path": "$.events[0].channels[1]"}

    async def work(publisher: Publisher) -> None:
        with pytest.raises(PublishError) as refused:
            await publisher.publish([EVENT])
        assert (str(refused.value), refused.value.message) == (
            "CHANNEL_NOT_FOUND: No (at $.events[0].channels[1])",
            "No",
        )

    publishing([(400, body, {})], work)

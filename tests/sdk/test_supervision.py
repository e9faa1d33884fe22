"""No task without a watcher: whatever a user's code raises or returns, the client goes on, says it, or ends."""

from __future__ import annotations

import ast
import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from dossier_realtime import client
from dossier_realtime.client import (
    Change,
    ConnectFailed,
    ConnectionClosed,
    DossierRealtimeClient,
    NotSubscribed,
    Publisher,
    UnusableToken,
)
from dossier_realtime.client.io.listeners import Listeners
from dossier_realtime.client.state.effects import ErrorReport
from dossier_realtime.client.testing import FakeServer
from dossier_realtime.protocol.commands import Auth, EditOperation, Subscribe
from dossier_realtime.protocol.responses import TokenExpiring, TokenExpiringPayload
from tests.sdk.client_harness import Inbox, client_of, no_task_is_left, nothing_is_left, play, run
from tests.sdk.document_service import DocumentService
from tests.sdk.samples import SA, update


class NoException(BaseException):
    """An error that `except Exception` does not see."""


async def _cancel_oneself() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)


async def _raise(error: BaseException) -> None:
    raise error


MISBEHAVIOUR: dict[str, Callable[[], Awaitable[None]]] = {
    "exception": lambda: _raise(RuntimeError("a mistake")),
    "cancelled": lambda: _raise(asyncio.CancelledError()),
    "base": lambda: _raise(NoException("a mistake")),
    "generator": lambda: _raise(GeneratorExit()),
    "stop": lambda: _raise(StopAsyncIteration()),
    "cancels the task": _cancel_oneself,
}

misbehaving = pytest.mark.parametrize("misbehave", MISBEHAVIOUR.values(), ids=MISBEHAVIOUR)
TokenCall = Callable[[], Coroutine[Any, Any, str]]


def failing_at(calls: set[int], misbehave: Callable[[], Awaitable[None]]) -> TokenCall:
    """Return a token source that misbehaves at some of its calls, counted from one."""
    count = 0

    async def source() -> str:
        nonlocal count
        count += 1
        if count in calls:
            await misbehave()
        return f"token-{count}"

    return source


# --- the token source ------------------------------------------------------------------------------


@misbehaving
def test_a_token_source_that_fails_once_at_the_first_connection_delays_it(
    misbehave: Callable[[], Awaitable[None]],
) -> None:
    async def scene() -> None:
        async with FakeServer() as server:
            client, told = client_of(server, failing_at({1}, misbehave)), Inbox()
            client.on_error(told)
            await client.connect()
            assert isinstance(await told.get(), ConnectFailed)
            await client.close()
            await nothing_is_left(server)

    run(scene())


@misbehaving
def test_a_token_source_that_fails_once_at_a_reconnect_delays_it(misbehave: Callable[[], Awaitable[None]]) -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        told = Inbox()
        client.on_error(told)
        server.drop()
        await server.seen(Auth, 2)
        await client.connect()
        assert isinstance(await told.get(), ConnectFailed)

    play(scene, token=failing_at({2}, misbehave))


@misbehaving
def test_a_token_source_that_fails_at_a_renewal_leaves_the_connection(
    misbehave: Callable[[], Awaitable[None]],
) -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        told = Inbox()
        client.on_error(told)
        server.emit(TokenExpiring(payload=TokenExpiringPayload(60)))
        assert isinstance(await told.get(), ConnectFailed)
        server.emit(TokenExpiring(payload=TokenExpiringPayload(50)))
        assert (await server.seen(Auth, 2)).payload.token == "token-3"
        assert server.handshakes == 1

    play(scene, token=failing_at({2}, misbehave))


async def _nothing() -> None:
    return None


async def _empty() -> str:
    return ""


async def _asks_for_more(audience: str) -> str:
    return audience


@pytest.mark.parametrize("source", [lambda: "token", lambda: None, _nothing, _empty, _asks_for_more])
def test_a_function_that_gives_no_token_raises_from_connect(source: Any) -> None:
    async def scene() -> None:
        async with FakeServer() as server:
            client = client_of(server, source)
            with pytest.raises(UnusableToken, match="token source") as wrong:
                await client.connect()
            assert isinstance(wrong.value, TypeError)
            with pytest.raises(UnusableToken):
                await client.send(SA, update())
            await no_task_is_left()
            async with Publisher(source, server.url.replace("ws", "http").removesuffix("/v1")) as publisher:
                with pytest.raises(UnusableToken):
                    await publisher.publish([update(channel=SA)])

    run(scene())


def test_a_function_that_gave_tokens_before_is_asked_again_after_it_gave_none() -> None:
    tokens: list[Any] = ["token", None, "token"]

    async def source() -> Any:
        return tokens.pop(0)

    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        told = Inbox()
        client.on_error(told)
        server.drop()
        assert isinstance(await told.get(), UnusableToken)
        await server.seen(Auth, 2)

    play(scene, token=source)


@pytest.mark.parametrize(
    ("token", "error"), [(7, TypeError), (None, TypeError), (b"token", TypeError), ("", ValueError)]
)
def test_what_can_give_no_token_is_refused_by_the_constructor(token: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="token"):
        DossierRealtimeClient(token, "ws://localhost/v1")


# --- the address -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        " ws://localhost:8000/v1",
        "ws://localhost:8000/v1\n",
        "ws://local host:8000/v1",
        "\tws://localhost:8000/v1",
        "ws://ali:secret@localhost:8000/v1",
        "ws://@localhost:8000/v1",
        "ws://localhost:80000/v1",
        "ws://localhost:port/v1",
        "ws://[::1/v1",
        "ws://localhost:8000/v1#part",
        "WS://localhost:8000/v1",
        "http://localhost:8000/v1",
        "localhost:8000",
        "ws:///v1",
        "",
    ],
)
def test_an_address_that_no_connection_can_be_made_to_is_refused_by_the_constructor(url: str) -> None:
    with pytest.raises(ValueError, match="address"):
        DossierRealtimeClient("token", url)


def test_an_address_that_is_no_string_is_refused_by_the_constructor() -> None:
    url: Any = b"ws://localhost/v1"
    with pytest.raises(TypeError, match="bytes"):
        DossierRealtimeClient("token", url)


def test_an_address_that_only_the_resolver_refuses_raises_from_connect() -> None:
    async def scene() -> None:
        client = DossierRealtimeClient("token", f"ws://{'x' * 70}.example/v1", insecure=True)  # a label has 63 at most
        told = Inbox()
        client.on_error(told)
        connecting = asyncio.create_task(client.connect())
        telling = asyncio.create_task(told.first(ConnectFailed))
        await asyncio.wait([connecting, telling], return_when=asyncio.FIRST_COMPLETED)
        await client.close()
        telling.cancel()
        with pytest.raises((ConnectFailed, ConnectionClosed)):
            await connecting

    run(scene())


# --- callbacks -------------------------------------------------------------------------------------


@misbehaving
def test_a_callback_that_misbehaves_leaves_no_event_undelivered(
    misbehave: Callable[[], Awaitable[None]], caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        seen, told = Inbox(), Inbox()

        async def fail_once(event: Any) -> None:
            seen(event.offset)
            if event.offset == 1:
                await misbehave()

        await client.subscribe(SA, fail_once, on_error=told).ready()
        for _ in range(3):
            server.publish(update(channel=SA))
        assert await seen.take(3) == [1, 2, 3]
        if misbehave is not MISBEHAVIOUR["cancels the task"]:
            assert isinstance(await told.get(), Exception)

    with caplog.at_level(logging.CRITICAL, "dossier_realtime.client"):
        play(scene)


@misbehaving
def test_callbacks_of_the_client_that_misbehave_leave_those_after_them(
    misbehave: Callable[[], Awaitable[None]], caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        async with FakeServer() as server:
            client, seen = client_of(server), Inbox()
            client.on_state(lambda _: misbehave())
            client.on_state(seen)
            async with client:
                assert len(await seen.take(3)) == 3
            await nothing_is_left(server)

    with caplog.at_level(logging.CRITICAL, "dossier_realtime.client"):
        run(scene())


@pytest.mark.parametrize("error", [RuntimeError("no"), asyncio.CancelledError(), NoException("no")])
def test_an_on_change_that_misbehaves_leaves_the_connection(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        service, seen = DocumentService("text"), Inbox()
        server.replies[Subscribe] = service.subscribed
        server.replies[EditOperation] = lambda command: [service.edited(command, "tester")]
        document = client.document("paper")

        def fail(change: Change) -> None:
            raise error

        document.on_change(fail)
        document.on_change(seen)
        await document.ready()
        document.insert(0, "a")
        assert [change.origin for change in await seen.take(2)][-1] == "local"
        assert server.handshakes == 1

    with caplog.at_level(logging.CRITICAL, "dossier_realtime.client"):
        play(scene)


# --- ends ------------------------------------------------------------------------------------------


def test_a_connect_that_is_cancelled_leaves_no_session_and_may_be_called_again() -> None:
    async def scene() -> None:
        async with FakeServer() as server:
            server.go_silent()
            client = client_of(server)
            subscription = client.subscribe(SA)
            connecting = asyncio.create_task(client.connect())
            await server.seen(Auth)
            connecting.cancel()
            await asyncio.wait([connecting])
            await nothing_is_left(server)
            server.go_silent(silent=False)
            await client.connect()
            await subscription.ready()
            await client.close()
            await nothing_is_left(server)
            assert server.handshakes == 2

    run(scene())


def test_a_connect_that_is_cancelled_while_others_wait_or_after_the_first_success_ends_nothing() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        server.go_silent()
        server.drop()
        waiting = [asyncio.create_task(client.connect()) for _ in range(2)]
        await server.seen(Auth, 2)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        server.go_silent(silent=False)
        server.drop()
        await client.connect()

    play(scene)


def test_ready_says_whether_the_client_was_closed_or_the_channel_left() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        left, kept = client.subscribe("dossier:country:EG"), client.subscribe(SA)
        await kept.ready()
        left.unsubscribe()
        with pytest.raises(NotSubscribed):
            await left.ready()
        await client.close()
        with pytest.raises(ConnectionClosed, match="closed"):
            await kept.ready()

    play(scene)


@pytest.mark.parametrize("message", ["text", b"{}", 7, None, ["dossier_update"], Auth])
def test_what_is_no_event_is_refused_with_a_sentence(message: Any) -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        with pytest.raises(TypeError, match="is no event; pass"):
            await client.send(SA, message)

    play(scene)


def test_a_send_that_nobody_connects_for_times_out() -> None:
    async def scene() -> None:
        client = DossierRealtimeClient("token", "ws://localhost:1/v1", send_timeout=0.01)
        with pytest.raises(Exception, match="No ack within"):
            await client.send(SA, update())

    run(scene())


def test_every_task_that_the_sdk_begins_has_a_callback_for_its_end() -> None:
    """A function that begins a task also says what is to happen when it ends, however it ends."""
    unwatched = []
    for path in Path(client.__file__).parent.glob("*.py"):
        if path.name == "testing.py":
            continue
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                named = {node.attr for node in ast.walk(function) if isinstance(node, ast.Attribute)}
                begun = named & {"create_task", "ensure_future"} or {"spawn", "_spawn"} & _called(function)
                if begun and "add_done_callback" not in named:
                    unwatched.append(f"{path.name}: {function.name}")
    assert unwatched == []


def _called(function: ast.AST) -> set[str]:
    calls = (node.func for node in ast.walk(function) if isinstance(node, ast.Call))
    return {call.attr for call in calls if isinstance(call, ast.Attribute)}


def test_an_error_without_a_callback_is_logged_with_the_call_that_receives_it(caplog: pytest.LogCaptureFixture) -> None:
    listeners = Listeners(lambda _: None, lambda _: None)
    with caplog.at_level(logging.WARNING, "dossier_realtime.client"):
        listeners.dispatch(ErrorReport(ConnectFailed("No way"), None))
    assert [record.getMessage() for record in caplog.records] == [
        "No way (call client.on_error(callback) to receive it)"
    ]

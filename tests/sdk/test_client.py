"""The client against a real server on this machine: connecting, being refused, staying, ending."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from hashlib import sha1

import pytest

from dossier_realtime.client import (
    AuthFailed,
    Backoff,
    ConnectFailed,
    ConnectionClosed,
    ConnectionState,
    DossierRealtimeClient,
    NotSubscribed,
)
from dossier_realtime.client.io import transport
from dossier_realtime.client.testing import FakeServer
from dossier_realtime.protocol.commands import Auth, Ping, Subscribe, UpdatePresence
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.responses import TokenExpiring, TokenExpiringPayload
from tests.harness.ports import reserve
from tests.sdk.client_harness import Inbox, client_of, no_task_is_left, nothing_is_left, play, run, settle
from tests.sdk.samples import SA, update

State = ConnectionState


def test_a_client_is_authenticated_inside_its_context_and_disconnected_after() -> None:
    states = Inbox()

    async def scene() -> None:
        async with FakeServer(user_id="noura") as server:
            client = client_of(server)
            client.on_state(states)
            assert (client.session_id, client.user_id, client.permissions) == (None, None, ())
            async with client:
                assert (client.session_id, client.user_id, client.permissions) == (
                    "session-1",
                    "noura",
                    ("admin:*",),
                )
                assert await states.take(3) == [State.CONNECTING, State.CONNECTED, State.AUTHENTICATED]
                assert (client.state, server.handshakes) == (State.AUTHENTICATED, 1)
            assert (client.state, server.handshakes) == (State.DISCONNECTED, 1)
            await nothing_is_left(server)

    run(scene())


@pytest.mark.parametrize("code", [ErrorCode.INVALID_TOKEN, ErrorCode.AUTH_FAILED])
def test_a_refused_token_raises_from_connect_and_is_not_tried_again(code: ErrorCode) -> None:
    async def scene() -> None:
        async with FakeServer() as server:
            server.refuse_auth(code)
            client = client_of(server)
            subscription = client.subscribe(SA)
            with pytest.raises(AuthFailed, match="ask for a new one") as refused:
                await client.connect()
            assert refused.value.error_code is code
            assert client.state is State.ERROR
            for late in (subscription.ready(), client.send(SA, update()), client.connect()):
                with pytest.raises(AuthFailed):
                    await late
            await nothing_is_left(server)
            assert server.handshakes == 1

    run(scene())


def test_a_token_source_is_asked_for_each_connection_and_before_a_token_expires() -> None:
    given = 0

    async def source() -> str:
        nonlocal given
        given += 1
        return f"token-{given}"

    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        server.emit(TokenExpiring(payload=TokenExpiringPayload(60)))
        await server.seen(Auth, 2)
        server.drop()
        last = await server.seen(Auth, 3)
        tokens = [auth.payload.token for auth in server.said(Auth)]
        assert tokens == ["token-1", "token-2", "token-3"]
        assert last.payload.session_id == "session-1"
        assert server.handshakes == 2
        await client.connect()

    play(scene, token=source)


def test_a_token_source_that_fails_is_asked_again_and_one_that_gives_up_ends_it() -> None:
    answers: list[str | Exception] = [OSError("no network"), "token", AuthFailed("the login has expired")]

    async def source() -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def scene() -> None:
        async with FakeServer() as server:
            client, told = client_of(server, source), Inbox()
            client.on_error(told)
            await client.connect()
            assert "no network" in str(await told.get())
            subscription = client.subscribe(SA)
            server.go_silent()
            server.drop()
            with pytest.raises(AuthFailed, match="the login has expired"):
                await subscription.ready()
            await client.close()
            await nothing_is_left(server)

    run(scene())


@pytest.mark.parametrize("status", [400, 401, 403, 404, 421, 426, 302])
def test_a_handshake_refused_for_good_raises_from_connect(status: int) -> None:
    async def scene() -> None:
        async with FakeServer() as server:
            server.refuse_handshakes(status)
            with pytest.raises(ConnectFailed, match=str(status)) as refused:
                await client_of(server).connect()
            assert refused.value.status == status
            assert ("which ends in /v1" in str(refused.value)) == (status == 404)
            await nothing_is_left(server)

    run(scene())


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_handshake_refused_for_now_is_tried_again(status: int) -> None:
    async def scene() -> None:
        async with FakeServer() as server:
            server.refuse_handshakes(status, retry_after=0)
            client, told = client_of(server), Inbox()
            client.on_error(told)
            connecting = asyncio.create_task(client.connect())
            failed = await told.first(ConnectFailed)
            assert (failed.status, failed.retry_after) == (status, 0)
            assert client.state is State.RECONNECTING
            server.refuse_handshakes(None)
            await connecting
            await client.close()
            await nothing_is_left(server)

    run(scene())


def test_a_server_that_is_not_there_yet_is_waited_for() -> None:
    async def scene() -> None:
        told = Inbox()
        client = DossierRealtimeClient("token", f"ws://127.0.0.1:{reserve()}/v1", backoff=Backoff(base=0.01, cap=0.01))
        client.on_error(told)
        connecting = asyncio.create_task(client.connect())
        failed = await told.first(ConnectFailed)
        assert not failed.final
        assert client.state is State.RECONNECTING
        await client.close()
        with pytest.raises(ConnectionClosed):
            await connecting

    run(scene())


def test_a_connect_that_is_cancelled_leaves_a_context_with_nothing_behind() -> None:
    async def scene() -> None:
        async with FakeServer() as server:
            server.go_silent()
            client = client_of(server)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05), client:
                    raise AssertionError("nobody has authenticated it")
            assert client.state is State.DISCONNECTED
            await nothing_is_left(server)

    run(scene())


def test_it_sends_its_heartbeat_and_leaves_a_server_that_falls_silent() -> None:
    async def scene() -> None:
        async with FakeServer() as server:
            server.heartbeat_interval = 1
            states = Inbox()
            async with client_of(server) as client:
                client.on_state(states)
                await server.seen(Ping)
                server.go_silent()
                assert await states.get() is State.RECONNECTING
                server.go_silent(silent=False)
                await client.connect()
            await nothing_is_left(server)

    run(scene())


@pytest.mark.parametrize("answers_handshake", [False, True])
def test_a_peer_that_hangs_cannot_hold_up_the_close(monkeypatch: pytest.MonkeyPatch, answers_handshake: bool) -> None:
    monkeypatch.setattr(transport, "CLOSE_TIMEOUT_SECONDS", 0.05)

    async def scene() -> None:
        reached, released, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
        farewells: list[int] = []

        async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            request = await reader.readuntil(b"\r\n\r\n")
            if answers_handshake:
                writer.write(_switching(request))
            reached.set()
            await released.wait()
            if not answers_handshake:  # too late: the client closes what it no longer wants
                writer.write(_switching(request))
                farewells.append((await reader.readexactly(1))[0])
            writer.close()
            ended.set()

        server = await asyncio.start_server(hang, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            client = DossierRealtimeClient("token", f"ws://127.0.0.1:{port}/v1", connect_timeout=5)
            opened = Inbox()
            client.on_state(opened)
            connecting = asyncio.create_task(client.connect())
            await reached.wait()
            if answers_handshake:
                assert await opened.take(2) == [State.CONNECTING, State.CONNECTED]
            await client.close()
            with pytest.raises(ConnectionClosed):
                await connecting
            released.set()
            await ended.wait()
            assert farewells == ([] if answers_handshake else [0x88])  # a close frame
            await no_task_is_left()

    run(scene())


def _switching(request: bytes) -> bytes:
    key = next(line.split(b": ")[1] for line in request.split(b"\r\n") if b"Key" in line)
    accept = b64encode(sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())  # noqa: S324  RFC 6455
    lines = [b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: Upgrade"]
    return b"\r\n".join([*lines, b"Sec-WebSocket-Accept: " + accept, b"", b""])


def test_closing_twice_and_closing_before_connecting_are_harmless() -> None:
    async def scene() -> None:
        async with FakeServer() as server:
            client = client_of(server)
            await client.close()
            await client.close()
            with pytest.raises(ConnectionClosed):
                await client.connect()
            assert server.handshakes == 0

    run(scene())


def test_after_close_nothing_can_be_sent_or_subscribed() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        subscription = client.subscribe(SA)
        server.go_silent()
        waiting = asyncio.create_task(client.send(SA, update()))
        await settle()
        await client.close()
        for late in (waiting, client.send(SA, update()), subscription.ready()):
            with pytest.raises((ConnectionClosed, NotSubscribed)):
                await late
        with pytest.raises(ConnectionClosed):
            client.subscribe(SA)

    play(scene)


def test_presence_is_shown_and_ones_own_is_said() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        with pytest.raises(NotSubscribed, match="include_presence"):
            client.presence(SA)
        shown = Inbox()
        client.subscribe(SA, on_presence=shown)
        assert client.presence(SA).count == 0
        assert list((await shown.get()).users) == ["tester"]
        payload = {
            "user_id": "aisha",
            "name": "Aisha",
            "role": "editor",
            "avatar": None,
            "status": "online",
            "activity": "viewing",
        }
        server.emit({"type": "presence_join", "channel": SA, "payload": payload})
        assert (await shown.get()).count == 2
        assert list(client.presence(SA).users) == ["tester", "aisha"]
        await client.update_presence(SA, status="busy", activity="editing", field="title")
        said = await server.seen(UpdatePresence)
        assert (said.payload.status, said.payload.field) == ("busy", "title")
        with pytest.raises(ValueError, match="field"):
            await client.update_presence(SA, field="No Such Field")

    play(scene)


def test_what_was_subscribed_before_connecting_is_subscribed_then() -> None:
    async def scene() -> None:
        async with FakeServer() as server:
            client, seen = client_of(server), Inbox()
            client.subscribe(SA, seen)
            async with client:
                await server.seen(Subscribe)
                server.publish(update(channel=SA))
                assert (await seen.get()).offset == 1

    run(scene())


def test_what_comes_to_the_user_unasked_goes_to_on_event() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        unasked = Inbox()
        client.on_event(unasked)
        texts = {"title": {"en": "a", "ar": "ب"}, "message": {"en": "a", "ar": "ب"}}
        server.publish(
            {"type": "notification", "channel": "user:tester", "priority": "low", "payload": {"id": "n", **texts}}
        )
        assert (await unasked.get()).payload.title.ar == "ب"

    play(scene)

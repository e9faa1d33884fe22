"""TLS 1.3 over the service's own wire: many messages, big ones, and a certificate that changes under it."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
import trustme
import websockets

from tests.harness.eventually import HANG_SECONDS, eventually_async
from tests.harness.service import Service
from tests.promises.proxy import Proxy
from tests.web.conftest import ROOMY
from tests.web.test_lingering import LENGTH, send_all_then_read


class Authority:
    """An authority of our own, and the files that the service reads."""

    def __init__(self, folder: Path) -> None:
        self.ca = trustme.CA()
        self.certificate, self.key = folder / "certificate.pem", folder / "key.pem"
        self.issue()

    def issue(self) -> None:
        leaf = self.ca.issue_cert("127.0.0.1", "localhost")
        self.key.write_bytes(leaf.private_key_pem.bytes())
        self.certificate.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self.ca.configure_trust(context)
        return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def secure(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = {"server.tls_certificate": str(authority.certificate), "server.tls_key": str(authority.key)}
    with Service(tmp_path_factory.mktemp("tls") / "data", {**ROOMY, **settings}, secure=True) as running:
        yield running
    running.assert_log_clean()


async def connected(service: Service, authority: Authority, url: str = "") -> websockets.ClientConnection:
    client = await websockets.connect(url or service.url, ssl=authority.context(), compression=None, max_size=None)
    token = service.token("ali", "write:dossier:*", "write:document:*")
    await client.send(json.dumps({"type": "auth", "payload": {"token": token}}))
    assert json.loads(await client.recv())["type"] == "auth_success"
    assert json.loads(await client.recv())["type"] == "connection_state"
    return client


def test_a_long_document_passes_over_a_slow_line(secure: Service, authority: Authority) -> None:
    text = "مرحبا " * 170_000

    async def scene() -> None:
        async with Proxy(secure, rate=2_000_000) as line:
            headers = {"Authorization": f"Bearer {secure.token('sys', 'write:document:*')}"}
            async with httpx.AsyncClient(verify=authority.context(), timeout=HANG_SECONDS, headers=headers) as http:
                answer = await http.put(f"{secure.http}/v1/documents/long-tls", json={"content": text})
                assert answer.status_code == 200, answer.text
                found = await http.get(f"https://127.0.0.1:{line.port}/v1/documents/long-tls")
                assert found.json()["content"] == text
            url = f"wss://127.0.0.1:{line.port}/v1"
            client = await connected(secure, authority, url)
            await client.send(json.dumps({"type": "subscribe", "channel": "document:long-tls"}))
            assert json.loads(await client.recv())["document"]["content"] == text
            await client.close()

    asyncio.run(asyncio.wait_for(scene(), HANG_SECONDS))


def test_many_and_big_messages_pass_in_both_directions(secure: Service, authority: Authority) -> None:
    async def scene() -> None:
        client = await connected(secure, authority)
        await client.send(json.dumps({"type": "subscribe", "channel": "document:tls"}))
        assert json.loads(await client.recv())["type"] == "subscribed"
        text = "مرحبا 😀 " * 1_000
        for n in range(50):
            payload = {"operation_type": "insert", "position": 0, "version": n, "content": text}
            await client.send(json.dumps({"type": "edit_operation", "channel": "document:tls", "payload": payload}))
        versions = [json.loads(await client.recv())["payload"]["version"] for _ in range(50)]
        assert versions == list(range(1, 51))
        again = await connected(secure, authority)
        await again.send(json.dumps({"type": "subscribe", "channel": "document:tls"}))
        assert json.loads(await again.recv())["document"]["content"] == text * 50
        await again.close()
        await client.close()
        assert client.close_code == 1000

    asyncio.run(asyncio.wait_for(scene(), HANG_SECONDS))


def test_older_tls_and_plain_text_are_refused(secure: Service, authority: Authority) -> None:
    context = authority.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        socket.create_connection(("127.0.0.1", secure.port), timeout=HANG_SECONDS) as plain,
        pytest.raises(ssl.SSLError, match="protocol version"),
    ):
        context.wrap_socket(plain, server_hostname="127.0.0.1")
    with socket.create_connection(("127.0.0.1", secure.port), timeout=HANG_SECONDS) as plain:
        plain.sendall(b"GET /v1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        with suppress(ConnectionResetError):
            assert not plain.recv(100).startswith(b"HTTP")


def test_a_new_certificate_is_taken_on_sighup_and_open_connections_stay(secure: Service, authority: Authority) -> None:
    async def scene() -> None:
        client = await connected(secure, authority)
        before = await asyncio.to_thread(_served, secure, authority)
        authority.issue()
        secure.signal(signal.SIGHUP)
        await eventually_async(lambda: _served(secure, authority) != before)
        good = authority.key.read_bytes()
        authority.key.write_text("broken")
        secure.signal(signal.SIGHUP)
        now = await asyncio.to_thread(_served, secure, authority)
        assert now != before
        authority.key.write_bytes(good)
        await client.send(json.dumps({"type": "ping"}))
        assert json.loads(await client.recv())["type"] == "pong"
        await client.close()

    asyncio.run(scene())


def _served(service: Service, authority: Authority) -> bytes:
    with (
        socket.create_connection(("127.0.0.1", service.port), timeout=HANG_SECONDS) as plain,
        authority.context().wrap_socket(plain, server_hostname="127.0.0.1") as wrapped,
    ):
        return wrapped.getpeercert(binary_form=True) or b""


def test_a_flood_over_tls_leaves_others_their_turns(secure: Service, authority: Authority) -> None:
    """While frames of one connection wait, another's message and a call over HTTP are answered."""
    count, answered = 20_000, 0

    async def drain(client: websockets.ClientConnection) -> None:
        nonlocal answered
        async for message in client:
            answered += json.loads(message)["type"] == "unsubscribed"

    async def scene() -> int:
        flooder, other = await connected(secure, authority), await connected(secure, authority)
        draining = asyncio.create_task(drain(flooder))
        frame = json.dumps({"type": "unsubscribe", "channel": "global"})

        async def flood() -> None:
            for _ in range(count):
                await flooder.send(frame)

        flooding = asyncio.create_task(flood())
        while not answered:  # noqa: ASYNC110  the other task counts
            await asyncio.sleep(0)
        await other.send(json.dumps({"type": "unsubscribe", "channel": "global", "ref": "mine"}))
        assert json.loads(await other.recv())["ref"] == "mine"
        meanwhile = answered
        await flooding
        while answered < count:  # noqa: ASYNC110  likewise
            await asyncio.sleep(0.01)
        draining.cancel()
        await flooder.close()
        await other.close()
        return meanwhile

    assert asyncio.run(scene()) < count


def test_a_refusal_reaches_a_client_that_is_still_sending(secure: Service, authority: Authority) -> None:
    status = asyncio.run(send_all_then_read(secure, LENGTH, tls=authority.context()))
    assert status == 401

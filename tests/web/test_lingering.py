"""An answer that was given before the body was read arrives, although the client still sends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from ssl import SSLContext

import pytest

from app.web.transport.lingering import MAX_BYTES
from tests.harness import tokens
from tests.harness.eventually import eventually_async
from tests.harness.service import Service
from tests.harness.wire import Header, Raw, request

HOST: Header = ("Host", "localhost")
PIECE = b" " * 65_536
BODY_MIB = 6
AUTHORIZED: Header = ("Authorization", f"Bearer {tokens.token('u-1', 'write:document:*', role='service')}")
LENGTH: Header = ("Content-Length", str(BODY_MIB << 20))
CHUNKED: Header = ("Transfer-Encoding", "chunked")
TOO_LONG: Header = ("Content-Length", str(64 << 20))

REFUSED = {
    "401 without a token": (401, (LENGTH,)),
    "401 without a token, in chunks": (401, (CHUNKED,)),
    "413 by its length": (413, (AUTHORIZED, TOO_LONG)),
    "503 as there is no room": (503, (AUTHORIZED, LENGTH)),
}


async def send_all_then_read(service: Service, *headers: Header, tls: SSLContext | None = None) -> int:
    """Send a body in small pieces, whatever is answered meanwhile; return the status that is read after it."""
    raw = await Raw.open(service, tls=tls)
    try:
        await raw.send(request("PUT", "/v1/documents/d", HOST, *headers))
        for _ in range((BODY_MIB << 20) // len(PIECE)):
            await raw.send(b"10000\r\n" + PIECE + b"\r\n" if CHUNKED in headers else PIECE)
            await asyncio.sleep(0)
        answer = await raw.response()
        assert await raw.ended() == b""
        return answer.status
    finally:
        await raw.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = {"limits.bodies_mib": 16, "limits.bodies_mib_per_user": 8}
    service = Service(tmp_path_factory.mktemp("lingering") / "s", settings)
    with service:
        yield service
        service.stop()
        service.assert_log_clean()


@pytest.mark.parametrize("case", REFUSED)
def test_the_answer_reaches_a_client_that_is_still_sending(service: Service, case: str) -> None:
    async def scene() -> None:
        async with AsyncExitStack() as stack:
            if status == 503:  # another body of the user's takes most of the room
                raw = await Raw.open(service)
                stack.push_async_callback(raw.close)
                await raw.send(request("PUT", "/v1/documents/d", HOST, *headers, body=b" " * ((BODY_MIB << 20) - 1)))
                await eventually_async(lambda: service.metrics()["dossier_http_body_bytes"] >= (BODY_MIB << 20) - 1)
            assert await send_all_then_read(service, *headers) == status

    status, headers = REFUSED[case]
    asyncio.run(scene())


def test_a_client_that_never_stops_sending_is_cut_off(service: Service) -> None:
    async def scene() -> None:
        before = service.metrics()["dossier_tcp_connections"]
        raw = await Raw.open(service)
        await raw.send(request("PUT", "/v1/documents/d", HOST, LENGTH))
        for _ in range(2 * MAX_BYTES // len(PIECE)):
            await raw.send(PIECE)
        # It has not closed its end, and its place is free again.
        await eventually_async(lambda: service.metrics()["dossier_tcp_connections"] <= before)
        await raw.close()

    asyncio.run(scene())

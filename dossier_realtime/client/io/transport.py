"""One WebSocket over Tornado: frames in by callback, frames out, and a close within a bounded time."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.iostream import IOStream
from tornado.websocket import (
    WebSocketClientConnection,
    WebSocketClosedError,
    WebSocketError,
    websocket_connect,
)

from ..errors import ConnectFailed
from .callback_queue import logger
from .unfinished import Unfinished

MAX_INBOUND_FRAME_BYTES = 16 * 1024 * 1024  # bytes; a whole document of 1 Mi UTF-16 units fits, escaped
CLOSE_TIMEOUT_SECONDS = 2.0  # for the server to answer a close; then the socket is cut
_NO_CODE = 1006  # RFC 6455 §7.1.5: closed without a close frame
_COME_BACK_STATUS = frozenset({408, 425, 429})


class Transport:
    """An open socket. After `on_lost(code, reason)`, or once `close` was called, no callback is called any more.

    `on_bytes` is called for any bytes, also for part of a frame that is not complete yet.
    """

    def __init__(
        self,
        on_frame: Callable[[str | bytes], None],
        on_bytes: Callable[[], None],
        on_lost: Callable[[int, str], None],
    ) -> None:
        self._on_frame = on_frame
        self._on_bytes = on_bytes
        self._on_lost = on_lost
        self._connection: WebSocketClientConnection | None = None
        self._stream: IOStream | None = None
        self._gone = asyncio.Event()
        self._quiet = False
        self._reading: asyncio.Task[None] | None = None
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._writes: set[asyncio.Future[None]] = set()

    def attach(self, connection: WebSocketClientConnection) -> None:
        """Take over a connection that Tornado has opened."""
        self._connection = connection
        assert connection.protocol is not None  # noqa: S101  Tornado sets it with the connection
        stream = self._stream = connection.protocol.stream
        assert stream is not None  # noqa: S101  likewise
        self._watch_bytes(stream)
        self._reading = asyncio.get_running_loop().create_task(self._read(connection))
        self._reading.add_done_callback(self._read_all)

    def _watch_bytes(self, stream: IOStream) -> None:
        # Tornado reports whole messages only; `read_from_fd` is the method that a stream of its users may replace.
        read = stream.read_from_fd

        def read_and_tell(buf: bytearray | memoryview) -> int | None:
            count = read(buf)
            if count and not self._quiet:
                self._on_bytes()
            return count

        stream.read_from_fd = read_and_tell  # type: ignore[method-assign]

    def hold(self, *, held: bool) -> None:
        """Pause reading from the socket, or resume it. Meanwhile the bytes of the peer wait in the kernels."""
        if held:
            self._may_read.clear()
        else:
            self._may_read.set()

    async def _read(self, connection: WebSocketClientConnection) -> None:
        # Tornado reads the next message only when this one was taken: so back-pressure reaches the peer.
        while (message := await connection.read_message()) is not None:
            if not self._quiet:
                self._on_frame(message)
            if not (self._quiet or self._may_read.is_set()):
                await self._may_read.wait()

    def _read_all(self, task: asyncio.Task[None]) -> None:
        """Call `on_lost` once, however the reading ended."""
        assert self._connection is not None  # noqa: S101  as in `write`
        if not task.cancelled() and (wrong := task.exception()) is not None:
            logger.error("Reading a connection failed; the client reconnects", exc_info=wrong)
        self._gone.set()
        code, reason = self._connection.close_code or _NO_CODE, self._connection.close_reason or ""
        self._connection.close()
        if not self._quiet:
            self._quiet = True
            self._on_lost(code, reason)

    def write(self, frame: bytes) -> None:
        """Send a text frame. On a socket that is closing the frame is lost, and `on_lost` follows."""
        assert self._connection is not None  # noqa: S101  nobody writes before `attach`
        try:
            written = self._connection.write_message(frame)
        except WebSocketClosedError:
            return
        self._writes.add(written)
        written.add_done_callback(self._wrote)

    def _wrote(self, written: asyncio.Future[None]) -> None:
        self._writes.discard(written)
        if not written.cancelled():
            written.exception()  # a lost socket is reported by on_lost, once

    async def close(self, code: int, reason: str) -> None:
        """Close the socket; cut it where the server does not answer within CLOSE_TIMEOUT_SECONDS."""
        self._quiet = True
        self._may_read.set()
        assert self._connection is not None and self._stream is not None  # noqa: S101, PT018  as in `write`
        self._connection.close(code, reason)
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                await self._gone.wait()
        except TimeoutError:
            self._stream.close()
            await self._gone.wait()
        if self._writes:
            await asyncio.wait(self._writes)


async def dial(
    url: str,
    *,
    ssl_context: ssl.SSLContext | None,
    timeout: float,  # noqa: ASYNC109  Tornado keeps it, from the look-up to the handshake
    on_frame: Callable[[str | bytes], None],
    on_bytes: Callable[[], None],
    on_lost: Callable[[int, str], None],
    unfinished: Unfinished,
) -> Transport:
    """Open a socket to `url`. Raises ConnectFailed; a redirect is a failure, it is never followed.

    A dial that is cancelled leaves its opening to `unfinished`.
    """
    transport = Transport(on_frame, on_bytes, on_lost)
    request = HTTPRequest(url, connect_timeout=timeout, request_timeout=timeout, ssl_options=ssl_context)
    opening: asyncio.Future[WebSocketClientConnection] | None = None
    try:
        opening = asyncio.ensure_future(websocket_connect(request, max_message_size=MAX_INBOUND_FRAME_BYTES))
        transport.attach(await unfinished.result(opening))
    except asyncio.CancelledError:
        if opening is not None:
            opening.add_done_callback(_cut)
        raise
    except ConnectFailed:
        raise
    except HTTPClientError as refused:
        raise _refusal(refused) from refused
    except ssl.SSLError as wrong:
        text = f"No safe connection to {url}: {wrong.reason or wrong}; check the certificate and TLS 1.3"
        raise ConnectFailed(text, final=True) from wrong
    except WebSocketError as wrong:
        raise ConnectFailed(f"{url} does not speak WebSocket; check the address", final=True) from wrong
    except OSError as wrong:
        raise ConnectFailed(f"{url} cannot be reached: {wrong}; trying again") from wrong
    except Exception as wrong:
        text = f"No connection can be made to {url} ({type(wrong).__name__}: {wrong}); check the address"
        raise ConnectFailed(text, final=True) from wrong
    return transport


def _cut(opening: asyncio.Future[WebSocketClientConnection]) -> None:
    """Cut a connection at once: a close frame and its answer could outlive the loop."""
    if not opening.cancelled() and opening.exception() is None:
        connection = opening.result()
        stream = connection.protocol.stream if connection.protocol is not None else None
        connection.close()
        if stream is not None:
            stream.close()


def _refusal(refused: HTTPClientError) -> ConnectFailed:
    status: int = refused.code
    if status == 599:  # Tornado's own, for a time-out or a stream that ended: no answer came
        return ConnectFailed(f"The server did not answer the handshake ({refused.message}); trying again")
    final = 300 <= status < 500 and status not in _COME_BACK_STATUS
    address = "check the address, which ends in /v1" if status == 404 else "check the address"
    advice = address if final else "trying again"
    headers: Any = refused.response.headers if refused.response is not None else {}
    return ConnectFailed(
        f"The server refused the handshake with {status}; {advice}",
        final=final,
        status=status,
        retry_after=seconds(headers.get("Retry-After")),
    )


def seconds(header: str | None) -> float | None:
    """Return `Retry-After` in seconds; None where it is missing or a date (our server sends seconds)."""
    return float(header) if header is not None and header.isascii() and header.isdigit() else None

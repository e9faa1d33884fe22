"""A WebSocket that costs its process as little as may be: frames out as bytes, frames in by callback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Self

import msgspec

_HANDSHAKE = (
    b"GET /v1 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Socket(asyncio.Protocol):
    """One connection. `on_frame` gets the payload of each text frame; pings are answered."""

    def __init__(self) -> None:
        self.on_frame: Callable[[bytes], None] | None = None
        self._answers: asyncio.Queue[bytes] = asyncio.Queue()
        self._buffer = bytearray()
        self._upgraded = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport

    @classmethod
    async def open(cls, port: int, token: str) -> Self:
        """Connect and authenticate."""
        _, socket = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        await socket.authenticate(token)
        return socket

    async def authenticate(self, token: str) -> None:
        """Wait for the handshake, then log in."""
        await self._upgraded
        self.send({"type": "auth", "payload": {"token": token}})
        await self.until(b'"type":"connection_state"')

    def send(self, message: dict[str, Any]) -> None:
        """Send one text frame; its mask is zeros, which costs nothing."""
        payload = msgspec.json.encode(message)
        size = len(payload)
        head = bytes((0x81, 0x80 | size)) if size < 126 else b"\x81\xfe" + size.to_bytes(2, "big")
        self._transport.write(head + b"\0\0\0\0" + payload)

    async def until(self, part: bytes) -> bytes:
        """Return the next frame that contains `part`; those before it are dropped."""
        while part not in (frame := await self._answers.get()):
            pass
        return frame

    def close(self) -> None:
        """Abort the connection without a close frame."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  a TCP connection has no other
        self._transport = transport
        transport.write(_HANDSHAKE)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._upgraded.done():
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            del self._buffer[: end + 4]
            self._upgraded.set_result(None)
        buffer, at = bytes(self._buffer), 0
        while len(buffer) - at >= 2:
            start, size = at + 2, buffer[at + 1]
            if size > 125:
                start += 2 if size == 126 else 8
                size = int.from_bytes(buffer[at + 2 : start], "big")
            if len(buffer) < start + size:
                break
            self._frame(buffer[at], buffer[start : start + size])
            at = start + size
        del self._buffer[:at]

    def _frame(self, first: int, payload: bytes) -> None:
        if first == 0x81:
            if self.on_frame is not None:
                self.on_frame(payload)
            else:
                self._answers.put_nowait(payload)
        elif first == 0x89:
            self._transport.write(bytes((0x8A, 0x80 | len(payload), 0, 0, 0, 0)) + payload)

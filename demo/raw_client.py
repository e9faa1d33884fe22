"""A WebSocket without the SDK's rules, for scenarios that send anything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Self

from tornado.websocket import WebSocketClientConnection, WebSocketClosedError, websocket_connect

_TIMEOUT_SECONDS = 10.0


class RawClient:
    """One connection: `async with await RawClient.connect(url) as raw`. Messages are JSON objects."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self._connection = connection
        self._ended = False

    @classmethod
    async def connect(cls, url: str) -> Self:
        """Open a connection without authenticating."""
        return cls(await websocket_connect(url, connect_timeout=_TIMEOUT_SECONDS))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._connection.close()
        while await self.receive() is not None:
            pass

    @property
    def close_code(self) -> int | None:
        """The server's close code, after `receive` returned None."""
        return self._connection.close_code

    async def send(self, message: Mapping[str, Any] | str | bytes) -> bool:
        """Send JSON, text as it is, or bytes as a binary frame. Return False when the connection is closed."""
        frame = json.dumps(message) if isinstance(message, Mapping) else message
        try:
            await self._connection.write_message(frame, binary=isinstance(frame, bytes))
        except WebSocketClosedError:
            return False
        return True

    async def receive(self) -> dict[str, Any] | None:
        """Return the next message, or None when the connection is closed. Raises TimeoutError."""
        if self._ended:
            return None
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            frame = await self._connection.read_message()
        self._ended = frame is None
        return None if frame is None else json.loads(frame)

    async def receive_type(self, *types: str) -> dict[str, Any] | None:
        """Return the next message of one of these types and drop the others; None when the connection is closed."""
        while (message := await self.receive()) is not None and message["type"] not in types:
            pass
        return message

    async def login(self, token: str) -> bool:
        """Authenticate and return True when the server accepted the token."""
        await self.send({"type": "auth", "payload": {"token": token}})
        answer = await self.receive_type("connection_state")
        return answer is not None

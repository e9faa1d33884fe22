"""A bare WebSocket for those who do not behave: it says whatever it is told to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Self

from tornado.websocket import WebSocketClientConnection, WebSocketClosedError, websocket_connect

PATIENCE = 10.0  # seconds that an answer may take


class WireClient:
    """One connection. `async with await Wire.dial(url) as wire`; messages are JSON objects."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self._connection = connection
        self._ended = False

    @classmethod
    async def dial(cls, url: str) -> Self:
        """Open a connection; nothing is said yet."""
        return cls(await websocket_connect(url, connect_timeout=PATIENCE))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._connection.close()
        while await self.hear() is not None:
            pass

    @property
    def close_code(self) -> int | None:
        """The server's close code, once `hear` gave None."""
        return self._connection.close_code

    async def say(self, message: Mapping[str, Any] | str | bytes) -> bool:
        """Send a message; text goes as it is, bytes as a binary frame. False when the connection is closed."""
        frame = json.dumps(message) if isinstance(message, Mapping) else message
        try:
            await self._connection.write_message(frame, binary=isinstance(frame, bytes))
        except WebSocketClosedError:
            return False
        return True

    async def hear(self) -> dict[str, Any] | None:
        """The next message; None, from then on, when the connection is closed. Raises TimeoutError."""
        if self._ended:
            return None
        async with asyncio.timeout(PATIENCE):
            frame = await self._connection.read_message()
        self._ended = frame is None
        return None if frame is None else json.loads(frame)

    async def hear_type(self, *types: str) -> dict[str, Any] | None:
        """The next message of one of these types, whatever comes between."""
        while (message := await self.hear()) is not None and message["type"] not in types:
            pass
        return message

    async def login(self, token: str) -> bool:
        """Authenticate; whether the server agreed."""
        await self.say({"type": "auth", "payload": {"token": token}})
        answer = await self.hear_type("connection_state")
        return answer is not None

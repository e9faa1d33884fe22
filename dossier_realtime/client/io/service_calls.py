"""The base of objects that call one part of the HTTP API: the connections and the forms of bodies and answers."""

from __future__ import annotations

import ssl
from typing import Self, TypeVar
from urllib.parse import quote

import msgspec

from .endpoint import TokenSource
from .http_calls import HttpCalls

T = TypeVar("T")


class ServiceCalls:
    """Calls of one user to one service, over connections that `close` or the end of `async with` closes."""

    def __init__(
        self,
        token: TokenSource,
        base_url: str,
        *,
        insecure: bool = False,
        ssl_context: ssl.SSLContext | None = None,
        timeout: float = 10.0,
    ) -> None:
        self._calls = HttpCalls(token, base_url, insecure=insecure, ssl_context=ssl_context, timeout=timeout)

    async def close(self) -> None:
        """Close the connections."""
        await self._calls.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _ask(self, method: str, path: str, form: type[T], body: object = None, reason: str = "") -> T:
        sent = None if body is None else msgspec.json.encode(body)
        headers = {"X-Reason": quote(reason, safe=" ")} if reason else None
        return msgspec.json.decode(await self._calls.call(method, path, sent, headers), type=form)

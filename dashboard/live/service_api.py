"""The service's HTTP interface, as any client calls it: a token in, a status and JSON out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse

from dossier_realtime.client.io.endpoint import check_url, tls_context

_CALL_TIMEOUT_SECONDS = 10.0
_MAX_RESPONSE_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class ServiceResponse:
    """What the service said; `status` 0 when it did not answer."""

    status: int
    body: Any = None

    @property
    def ok(self) -> bool:
        return self.status == 200

    @property
    def why(self) -> str:
        """The reason of a refusal, in the service's words."""
        return str(self.body.get("message", "")) if isinstance(self.body, dict) else ""


class ServiceApi:
    """Calls to `http(s)://host:port`. Raises ValueError for an address that would send tokens in the clear."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        secure = check_url(self.url, ("http", "https"), insecure=False)
        self._tls = tls_context(None, insecure=False) if secure else None
        self._http = AsyncHTTPClient(force_instance=True, max_body_size=_MAX_RESPONSE_BYTES)

    @property
    def socket(self) -> str:
        """The address of the WebSocket."""
        parts = urlsplit(self.url)
        return f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}/v1"

    async def call(
        self, method: str, path: str, token: str = "", body: object = None, *, reason: str = ""
    ) -> ServiceResponse:
        """One call. `reason`: why a person does this, for whoever reads the journal."""
        response = await self._ask(method, path, token, body, reason)
        if response is None:
            return ServiceResponse(0)
        if "json" not in response.headers.get("Content-Type", ""):
            return ServiceResponse(response.code, response.body.decode(errors="replace"))
        try:
            return ServiceResponse(response.code, msgspec.json.decode(response.body))
        except msgspec.DecodeError:
            return ServiceResponse(response.code)

    async def read(self, path: str, token: str) -> tuple[int, bytes]:
        """Something that is no JSON: the status, 0 without an answer or where it is too big, and what was sent."""
        response = await self._ask("GET", path, token)
        return (0, b"") if response is None else (response.code, response.body)

    async def _ask(
        self, method: str, path: str, token: str, body: object = None, reason: str = ""
    ) -> HTTPResponse | None:
        headers = {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if reason:
            headers["X-Reason"] = quote(reason, safe=" ")
        if method in ("POST", "PUT"):
            headers["Content-Type"] = "application/json"
        request = HTTPRequest(
            self.url + path,
            method=method,
            headers=headers,
            body=msgspec.json.encode(body) if method in ("POST", "PUT") else None,
            connect_timeout=_CALL_TIMEOUT_SECONDS,
            request_timeout=_CALL_TIMEOUT_SECONDS,
            follow_redirects=False,  # a token goes to no other address
            ssl_options=self._tls,
        )
        answering = asyncio.ensure_future(self._http.fetch(request, raise_error=False))
        answering.add_done_callback(_look_at)
        try:
            response = await asyncio.shield(answering)  # Tornado reports as an error what fails once it is cancelled
        except (OSError, HTTPClientError):
            return None
        return None if response.code == 599 else response

    def close(self) -> None:
        """Give up the connections."""
        self._http.close()


def _look_at(answering: asyncio.Future[HTTPResponse]) -> None:
    """Nobody waits any more: that it failed is no news."""
    if not answering.cancelled():
        answering.exception()
